import * as v from "valibot";
import type { Database } from "../simulator/database.ts";
import { networkConfig, startOfDayPifs } from "./network-config.ts";

/** Where networkd keeps what it remembers. */
export const NETWORKD_DB = "/var/lib/xcp/networkd.db";

const TEXTS = v.record(v.string(), v.string());

const InterfaceSchema = v.looseObject({
  persistent_i: v.boolean(),
  ethtool_offload: TEXTS,
  ethtool_settings: TEXTS,
  mtu: v.number(),
  ipv4_conf: v.union([v.string(), v.tuple([v.literal("Static4"), v.array(v.tuple([v.string(), v.number()]))])]),
});
const BridgeSchema = v.looseObject({ persistent_b: v.boolean() });

/** The file: what networkd was told last of each interface and bridge. */
export const DocumentSchema = v.looseObject({
  bridge_config: v.record(v.string(), BridgeSchema),
  interface_config: v.record(v.string(), InterfaceSchema),
});

/** What networkd knows of one interface. */
export type InterfaceConfig = v.InferOutput<typeof InterfaceSchema>;
/** What networkd knows of one bridge. */
export type BridgeConfig = v.InferOutput<typeof BridgeSchema>;
/** What networkd knows. */
export type NetworkdDocument = v.InferOutput<typeof DocumentSchema>;

/** What networkd knows when xapi has not told it anything. */
export function emptyDocument(): NetworkdDocument {
  return { bridge_config: {}, interface_config: {} };
}

/** What networkd of a host knows after xapi's start, with what is attached since. */
export function documentOf(database: Database, host: string): NetworkdDocument {
  const attached = [...database.records("PIF")]
    .filter(([, pif]) => pif["host"] === host && Number(pif["VLAN"]) >= 0)
    .filter(([, pif]) => pif["currently_attached"] === true)
    .map(([ref]) => ref);
  const document = emptyDocument();
  let gateway: string | undefined;
  for (const ref of [...startOfDayPifs(database, host), ...attached]) {
    const { interfaces, bridges } = networkConfig(database, ref);
    Object.assign(document.interface_config, Object.fromEntries(interfaces));
    Object.assign(document.bridge_config, Object.fromEntries(bridges));
    if (database.record("PIF", ref)["management"] === true) gateway = [...bridges.keys()].at(-1);
  }
  if (gateway === undefined) return document;
  return { dns_interface: gateway, gateway_interface: gateway, ...document };
}
