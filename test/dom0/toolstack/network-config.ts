import type { Database } from "../simulator/database.ts";
import { isObject, type JsonObject } from "../simulator/json.ts";
import type { BridgeConfig, InterfaceConfig } from "./networkd-document.ts";

/** What xapi asks networkd for when it plugs a PIF: devices first, then the bridge, in that order. */
export interface NetworkConfig {
  readonly interfaces: ReadonlyMap<string, InterfaceConfig>;
  readonly bridges: ReadonlyMap<string, BridgeConfig>;
  /** The PIFs that are attached by it. */
  readonly attached: readonly string[];
}

type Texts = Readonly<Record<string, string>>;

/** In the order in which nm.ml looks at them, which is the order of ethtool's arguments. */
const OFFLOADS = ["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"] as const;

/** What networkd takes where xapi says nothing (network_interface.ml). */
const DEFAULT_OFFLOADS = { lro: "off" };

/** The configuration of a PIF's devices and bridge, by nm.ml `create_bridges` and `bring_pif_up`. */
export function networkConfig(database: Database, ref: string): NetworkConfig {
  const pif = database.record("PIF", ref);
  const interfaces = new Map<string, InterfaceConfig>();
  const bridges = new Map<string, BridgeConfig>();
  const attached = [ref];
  if (list(pif["sriov_logical_PIF_of"]).length > 0) return { interfaces, bridges, attached };
  const network = database.record("network", String(pif["network"]));
  const bridge = String(network["bridge"]);
  const under = underVlan(database, pif);
  if (under !== undefined) {
    const parent = networkConfig(database, under);
    for (const [name, config] of parent.interfaces) interfaces.set(name, config);
    for (const [name, config] of parent.bridges) bridges.set(name, config);
    attached.unshift(...parent.attached);
  }
  for (const nic of nicsOf(database, ref)) {
    interfaces.set(String(nic["device"]), deviceConfig(nic, texts(pif["properties"])));
  }
  interfaces.set(bridge, bridgeInterface(pif, texts(network["other_config"])));
  bridges.set(bridge, bridgeConfig(database, ref, under));
  return { interfaces, bridges, attached };
}

/** The PIFs of a host that xapi plugs when it starts (xapi_pif.ml `start_of_day_best_effort_bring_up`). */
export function startOfDayPifs(database: Database, host: string): string[] {
  return [...database.records("PIF")]
    .filter(([, pif]) => pif["host"] === host && pif["managed"] !== false && !isSlave(pif))
    .filter(
      ([, pif]) =>
        pif["physical"] === true || list(pif["bond_master_of"]).length > 0 || pif["ip_configuration_mode"] !== "None",
    )
    .map(([ref]) => ref);
}

/** Whether a PIF is a slave of a bond. */
export function isSlave(pif: JsonObject): boolean {
  return pif["bond_slave_of"] !== undefined && pif["bond_slave_of"] !== "OpaqueRef:NULL";
}

/** The slaves of a bond's PIF; of another PIF none. */
export function slavesOf(database: Database, pif: JsonObject): string[] {
  return list(pif["bond_master_of"]).flatMap((bond) => list(database.record("Bond", bond)["slaves"]));
}

/** The offloads that networkd is asked for, by nm.ml `determine_ethtool_settings`. */
function offloadsOf(otherConfig: Texts, properties: Texts): Record<string, string> {
  const offloads: Record<string, string> = {};
  for (const name of OFFLOADS) {
    const own = otherConfig[`ethtool-${name}`];
    const value = own === undefined ? properties[name] : onOrOff(own);
    if (value !== undefined) offloads[name] = value;
  }
  return { ...offloads, ...(offloads["lro"] === undefined && DEFAULT_OFFLOADS) };
}

function settingsOf(otherConfig: Texts): Record<string, string> {
  const { "ethtool-speed": speed = "", "ethtool-duplex": duplex = "" } = otherConfig;
  const autoneg = onOrOff(otherConfig["ethtool-autoneg"] ?? "");
  return {
    ...(/^[1-9]\d*$/.test(speed) && { speed }),
    ...(/^(half|full)$/.test(duplex) && { duplex }),
    ...(autoneg !== undefined && { autoneg }),
  };
}

/** A value that it does not understand it ignores, without falling back to the properties. */
function onOrOff(value: string): string | undefined {
  if (value === "true" || value === "on") return "on";
  return value === "false" || value === "off" ? "off" : undefined;
}

/** A slave has its own keys and its master's properties (nm.ml `create_bond`). */
function nicsOf(database: Database, ref: string): JsonObject[] {
  const pif = database.record("PIF", ref);
  const slaves = slavesOf(database, pif);
  if (slaves.length > 0) return slaves.map((slave) => database.record("PIF", slave));
  return pif["physical"] === true ? [pif] : [];
}

function underVlan(database: Database, pif: JsonObject): string | undefined {
  const vlan = database.records("VLAN").get(String(pif["VLAN_master_of"]));
  return vlan === undefined ? undefined : String(vlan["tagged_PIF"]);
}

function deviceConfig(nic: JsonObject, properties: Texts): InterfaceConfig {
  return {
    persistent_i: true,
    ethtool_offload: offloadsOf(texts(nic["other_config"]), properties),
    ethtool_settings: settingsOf(texts(nic["other_config"])),
    mtu: Number(nic["MTU"]),
    ipv4_routes: [],
    ipv6_conf: "None6",
    ipv4_conf: "None4",
  };
}

function bridgeInterface(pif: JsonObject, otherConfig: Texts): InterfaceConfig {
  const persistent = pif["physical"] === true || list(pif["bond_master_of"]).length > 0;
  const hasAddress = pif["ip_configuration_mode"] === "Static";
  return {
    persistent_i: persistent || hasAddress,
    ethtool_offload: offloadsOf(otherConfig, texts(pif["properties"])),
    ethtool_settings: {},
    mtu: Number(pif["MTU"]),
    ...(pif["management"] === true && { dns: [[], []] }),
    ipv4_routes: [],
    ipv6_conf: "Linklocal6",
    ipv4_conf: hasAddress ? ["Static4", [[String(pif["IP"]), prefixLength(String(pif["netmask"]))]]] : "None4",
  };
}

function bridgeConfig(database: Database, ref: string, under: string | undefined): BridgeConfig {
  const pif = database.record("PIF", ref);
  const network = database.record("network", String(pif["network"]));
  const slaves = slavesOf(database, pif).map((slave) => database.record("PIF", slave));
  const device = String(pif["device"]);
  const port = {
    kind: "Basic_port",
    bond_properties: slaves.length === 0 ? {} : { mode: "balance-slb", miimon: "100" },
    interfaces: slaves.length === 0 ? [device] : slaves.map((slave) => String(slave["device"])),
  };
  const base = {
    persistent_b: under === undefined,
    other_config: { ...texts(network["other_config"]), "network-uuids": String(network["uuid"]) },
    bridge_mac: String(pif["MAC"]),
  };
  if (under === undefined) return { ...base, igmp_snooping: false, ports: { [device]: port } };
  const parent = database.record("network", String(database.record("PIF", under)["network"]));
  return { ...base, vlan: [String(parent["bridge"]), Number(pif["VLAN"])], ports: {} };
}

function prefixLength(netmask: string): number {
  const bits = netmask.split(".").map((octet) => Number(octet).toString(2));
  return bits.join("").replaceAll("0", "").length;
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function texts(value: unknown): Texts {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}
