import type { XapiDiagnostics } from "../core/ports.ts";
import { fieldEquals } from "./inventory/filter.ts";
import type { XapiReader } from "./inventory/xapi-reader.ts";

/** Reads the versions of this host, and the networks. */
export async function readXapiDiagnostics(reader: XapiReader, hostUuid: string): Promise<XapiDiagnostics> {
  const [versions, networks] = await Promise.all([
    reader.readRecords("versions", "host.get_all_records_where", fieldEquals("uuid", hostUuid)),
    reader.readRecords("network", "network.get_all_records"),
  ]);
  const host = Object.values(versions).find(({ uuid }) => uuid === hostUuid);
  return {
    software: new Map(Object.entries(host?.software_version ?? {})),
    networks: Object.values(networks).map(({ uuid, name_label, bridge, other_config }) => ({
      uuid,
      name: name_label,
      bridge,
      otherConfig: new Map(Object.entries(other_config)),
    })),
  };
}
