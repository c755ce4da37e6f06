import type { Interface, VifInterface } from "../core/interface.ts";
import type { InterfaceConfig } from "../core/ports.ts";
import { OtherConfigs } from "./inventory/other-config.ts";
import { readVifs } from "./inventory/read-inventory.ts";
import type { Reader } from "./inventory/reader.ts";
import { StringMap } from "./inventory/values.ts";

/** Up to so many VIFs are read one by one; more come as records, which have more in them. */
const MAX_SINGLE = 16;

/** Reads the `other_config` of these interfaces, by UUID; without those that are gone. */
export async function readSettings(
  reader: Reader,
  interfaces: readonly Interface[],
): Promise<ReadonlyMap<string, InterfaceConfig>> {
  const configs = new OtherConfigs();
  const pifs = interfaces.flatMap((iface) => (iface.kind === "pif" ? [iface.pif] : []));
  const guests = interfaces.filter((iface) => iface.kind === "vif");
  const vifs = guests.map(({ vif }) => vif);
  const [ofPifs, ofVifs] = await Promise.all([
    readEach(reader, "PIF", pifs),
    vifs.length > MAX_SINGLE ? readRecords(reader, guests) : readEach(reader, "VIF", vifs),
  ]);
  return new Map([...ofPifs, ...ofVifs].map(([uuid, config]) => [uuid, configs.of(config)]));
}

type Config = readonly [uuid: string, config: Readonly<Record<string, string>>];

async function readEach(
  reader: Reader,
  name: "PIF" | "VIF",
  objects: readonly { readonly ref: string; readonly uuid: string }[],
): Promise<readonly Config[]> {
  const found = await Promise.all(
    objects.map(async ({ ref, uuid }): Promise<readonly Config[]> => {
      const config = await reader.valueIfThere(StringMap, `${name}.get_other_config`, ref);
      return config === null ? [] : [[uuid, config]];
    }),
  );
  return found.flat();
}

async function readRecords(
  reader: Reader,
  guests: readonly VifInterface[],
): Promise<readonly Config[]> {
  const vms = new Set(guests.map(({ vm }) => vm.ref));
  const records = await readVifs(reader, [...vms]);
  return guests.flatMap(({ vif }): readonly Config[] => {
    const record = records[vif.ref];
    return record === undefined ? [] : [[vif.uuid, record.other_config]];
  });
}
