import type { Circumstances } from "../core/ports.ts";
import { fieldIs } from "./inventory/filter.ts";
import type { Reader } from "./inventory/reader.ts";

/** Reads the versions of this host, and the networks. */
export async function readCircumstances(reader: Reader, hostUuid: string): Promise<Circumstances> {
  const [versions, networks] = await Promise.all([
    reader.records("versions", "host.get_all_records_where", fieldIs("uuid", hostUuid)),
    reader.records("network", "network.get_all_records"),
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
