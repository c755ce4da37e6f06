import type { Interface, VifInterface } from "../core/interface.ts";
import { Settings } from "../core/settings.ts";
import { readVifs } from "./inventory/read-inventory.ts";
import { StringMapSchema } from "./inventory/schemas.ts";
import type { XapiReader } from "./inventory/xapi-reader.ts";

/** Up to so many VIFs are read one by one; more come as records, which have more in them. */
const MAX_SINGLE_VIF_READS = 16;

/** Reads the settings of these interfaces, by UUID; without those that are gone. */
export async function readSettings(
  reader: XapiReader,
  interfaces: readonly Interface[],
): Promise<ReadonlyMap<string, Settings>> {
  const pifs = interfaces.flatMap((iface) => (iface.kind === "pif" ? [iface.pif] : []));
  const vifInterfaces = interfaces.filter((iface) => iface.kind === "vif");
  const vifs = vifInterfaces.map(({ vif }) => vif);
  const [pifConfigs, vifConfigs] = await Promise.all([
    readIndividually(reader, "PIF", pifs),
    vifs.length > MAX_SINGLE_VIF_READS
      ? readFromVifRecords(reader, vifInterfaces)
      : readIndividually(reader, "VIF", vifs),
  ]);
  const scopes = new Map([...pifs, ...vifs].map(({ uuid, settings }) => [uuid, settings.scope]));
  return new Map(
    [...pifConfigs, ...vifConfigs].flatMap(([uuid, config]) => {
      const scope = scopes.get(uuid);
      return scope === undefined ? [] : [[uuid, Settings.parse(config, scope)] as const];
    }),
  );
}

type OtherConfigEntry = readonly [uuid: string, config: Readonly<Record<string, string>>];

async function readIndividually(
  reader: XapiReader,
  className: "PIF" | "VIF",
  objects: readonly { readonly ref: string; readonly uuid: string }[],
): Promise<readonly OtherConfigEntry[]> {
  const entries = await Promise.all(
    objects.map(async ({ ref, uuid }): Promise<readonly OtherConfigEntry[]> => {
      const config = await reader.readOrNull(StringMapSchema, `${className}.get_other_config`, ref);
      return config === null ? [] : [[uuid, config]];
    }),
  );
  return entries.flat();
}

async function readFromVifRecords(
  reader: XapiReader,
  interfaces: readonly VifInterface[],
): Promise<readonly OtherConfigEntry[]> {
  const vms = new Set(interfaces.map(({ vm }) => vm.ref));
  const records = await readVifs(reader, [...vms]);
  return interfaces.flatMap(({ vif }): readonly OtherConfigEntry[] => {
    const record = records[vif.ref];
    return record === undefined ? [] : [[vif.uuid, record.other_config]];
  });
}
