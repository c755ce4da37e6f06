import * as v from "valibot";
import type {
  Host,
  Inventory,
  Pif,
  PifAddress,
  PifRole,
  Vif,
  Vm,
  VmRole,
} from "../../core/inventory.ts";
import { readRuleTexts } from "../../core/policy-text.ts";
import { countUnread, HostRecords, refOfHost } from "./hosts.ts";
import { OtherConfigs } from "./other-config.ts";
import { Integer, isObject, isStringMap, NULL_REF, Refs, StringMap } from "./values.ts";

const PifRecord = v.object({
  uuid: v.string(),
  device: v.string(),
  host: v.string(),
  network: v.string(),
  VLAN: Integer,
  physical: v.boolean(),
  management: v.boolean(),
  managed: v.optional(v.boolean(), true),
  currently_attached: v.boolean(),
  bond_slave_of: v.string(),
  bond_master_of: Refs,
  VLAN_master_of: v.string(),
  VLAN_slave_of: Refs,
  tunnel_access_PIF_of: v.optional(Refs, []),
  // Since xapi 1.90; a release without SR-IOV has no logical PIFs either.
  sriov_logical_PIF_of: v.optional(Refs, []),
  properties: v.optional(StringMap, {}),
  ip_configuration_mode: v.optional(v.string(), "None"),
  IP: v.optional(v.string(), ""),
  netmask: v.optional(v.string(), ""),
  ipv6_configuration_mode: v.optional(v.string(), "None"),
  IPv6: v.optional(v.array(v.string()), []),
  other_config: StringMap,
});

const VmRecord = v.object({
  uuid: v.string(),
  name_label: v.string(),
  power_state: v.string(),
  domid: Integer,
  resident_on: v.string(),
  is_a_template: v.boolean(),
  is_a_snapshot: v.boolean(),
  is_control_domain: v.boolean(),
  /** By task. */
  current_operations: v.optional(StringMap, {}),
});

const VifRecord = v.object({
  uuid: v.string(),
  device: v.string(),
  VM: v.string(),
  network: v.string(),
  currently_attached: v.boolean(),
  other_config: StringMap,
});

const VersionsRecord = v.object({ uuid: v.string(), software_version: StringMap });

const NetworkRecord = v.object({
  uuid: v.string(),
  name_label: v.string(),
  bridge: v.string(),
  other_config: StringMap,
});

/**
 * VMs and VIFs come by the hundred, and a schema takes twenty times as long to pass a record as a look
 * at its fields does. What is not in order goes through the schema, which says where it is not.
 */
function byTheHundred<S extends v.GenericSchema>(
  schema: S,
  isInOrder: (record: unknown) => boolean,
) {
  const thorough = v.record(v.string(), schema);
  const seen = v.custom<v.InferOutput<typeof thorough>>(() => true);
  return v.lazy((records) =>
    isObject(records) && Object.values(records).every(isInOrder) ? seen : thorough,
  );
}

function isVmRecord(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { uuid, name_label, power_state, domid, resident_on } = value;
  const { is_a_template, is_a_snapshot, is_control_domain, current_operations } = value;
  return (
    typeof uuid === "string" &&
    typeof name_label === "string" &&
    typeof power_state === "string" &&
    typeof domid === "number" &&
    typeof resident_on === "string" &&
    typeof is_a_template === "boolean" &&
    typeof is_a_snapshot === "boolean" &&
    typeof is_control_domain === "boolean" &&
    isStringMap(current_operations)
  );
}

function isVifRecord(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { uuid, device, VM, network, currently_attached, other_config } = value;
  return (
    typeof uuid === "string" &&
    typeof device === "string" &&
    typeof VM === "string" &&
    typeof network === "string" &&
    typeof currently_attached === "boolean" &&
    isStringMap(other_config)
  );
}

/** What is needed of each class: only fields that somebody reads. */
export const Records = {
  host: HostRecords,
  PIF: v.record(v.string(), PifRecord),
  VM: byTheHundred(VmRecord, isVmRecord),
  VIF: byTheHundred(VifRecord, isVifRecord),
  versions: v.record(v.string(), VersionsRecord),
  network: v.record(v.string(), NetworkRecord),
};

/** The parsed records of each class, by reference. */
export type RecordsOf<C extends keyof typeof Records> = v.InferOutput<(typeof Records)[C]>;

/** The records that an inventory is put together from. */
export interface RawInventory {
  readonly host: RecordsOf<"host">;
  readonly PIF: RecordsOf<"PIF">;
  readonly VM: RecordsOf<"VM">;
  readonly VIF: RecordsOf<"VIF">;
}

/** Joins the records by their references. Null when XAPI does not know a host of that UUID. */
export function joinInventory(raw: RawInventory, hostUuid: string): Inventory | null {
  const hosts = new Map<string, Host>(
    Object.entries(raw.host).map(([ref, record]) => [
      ref,
      { uuid: record.uuid, name: record.name_label },
    ]),
  );
  const hostRef = refOfHost(raw.host, hostUuid);
  const host = hosts.get(hostRef);
  if (host === undefined) return null;
  const vms = new Map(
    Object.entries(raw.VM).map(([ref, record]) => [ref, vmOf(ref, record, hosts)]),
  );
  const otherConfigs = new OtherConfigs();
  const pifs = pifsOf(raw.PIF, hosts, otherConfigs);
  const sriovNetworks = sriovNetworksOf(raw.PIF);
  const vifs = Object.entries(raw.VIF).flatMap(([ref, record]): Vif[] => {
    const vm = vms.get(record.VM);
    // VIFs of snapshots: their VMs were not asked for.
    if (vm === undefined) return [];
    return [
      {
        ref,
        uuid: record.uuid,
        device: record.device,
        vm,
        attached: record.currently_attached,
        sriov: sriovNetworks.has(record.network),
        ...otherConfigs.of(record.other_config),
      },
    ];
  });
  const others = new Map([...hosts].filter(([ref]) => ref !== hostRef));
  return {
    host,
    hostRef,
    hostStored: readRuleTexts(raw.host[hostRef]?.other_config ?? {}),
    hosts: [...hosts.values()],
    elsewhere: countUnread(raw.host, others, (ref) => raw.VM[ref] !== undefined),
    pifs,
    vms: [...vms.values()],
    vifs,
  };
}

/** Operations by which a VM comes to another host (datamodel_vm.ml). */
const MIGRATIONS: ReadonlySet<string> = new Set(["pool_migrate", "migrate_send"]);

/** A start that failed leaves a halted VM with a host in `resident_on`. */
const NOT_RUNNING: ReadonlySet<string> = new Set(["Halted", "Suspended"]);

function vmOf(ref: string, record: RecordsOf<"VM">[string], hosts: ReadonlyMap<string, Host>): Vm {
  return {
    ref,
    uuid: record.uuid,
    name: record.name_label,
    role: vmRole(record),
    powerState: record.power_state,
    domid: record.domid,
    residentOn: NOT_RUNNING.has(record.power_state) ? undefined : hosts.get(record.resident_on),
    isMigrating: Object.values(record.current_operations).some((one) => MIGRATIONS.has(one)),
  };
}

function vmRole(record: RecordsOf<"VM">[string]): VmRole {
  // A snapshot says of itself that it is a template too.
  if (record.is_a_snapshot) return "snapshot";
  if (record.is_a_template) return "template";
  return record.is_control_domain ? "control domain" : "vm";
}

function pifsOf(
  records: RecordsOf<"PIF">,
  hosts: ReadonlyMap<string, Host>,
  otherConfigs: OtherConfigs,
): readonly Pif[] {
  const entries = Object.entries(records);
  const slavesOf = new Map<string, string[]>();
  const masterOf = new Map<string, RecordsOf<"PIF">[string]>();
  const underVlan = new Map<string, string>();
  for (const [, record] of entries) {
    const { uuid, bond_slave_of, bond_master_of, VLAN_slave_of } = record;
    if (bond_slave_of !== NULL_REF) {
      slavesOf.set(bond_slave_of, [...(slavesOf.get(bond_slave_of) ?? []), uuid]);
    }
    for (const bond of bond_master_of) masterOf.set(bond, record);
    for (const vlan of VLAN_slave_of) underVlan.set(vlan, uuid);
  }
  return entries.flatMap(([ref, record]): Pif[] => {
    const host = hosts.get(record.host);
    if (host === undefined) return [];
    const master = masterOf.get(record.bond_slave_of);
    return [
      {
        ref,
        uuid: record.uuid,
        device: record.device,
        host,
        network: record.network,
        address: pifAddress(record),
        role: pifRole(record),
        vlan: record.VLAN,
        management: record.management,
        managed: record.managed,
        attached: record.currently_attached,
        groProperty: (master ?? record).properties["gro"],
        ...otherConfigs.of(record.other_config),
        slaves: record.bond_master_of.flatMap((bond) => slavesOf.get(bond) ?? []),
        slaveOf: master?.uuid,
        under: underVlan.get(record.VLAN_master_of),
      },
    ];
  });
}

function pifAddress(record: RecordsOf<"PIF">[string]): PifAddress {
  return {
    mode: record.ip_configuration_mode,
    ip: record.IP,
    netmask: record.netmask,
    mode6: record.ipv6_configuration_mode,
    // XAPI keeps an empty text where there is no address (recorded).
    ipv6: record.IPv6.filter((address) => address !== ""),
  };
}

function pifRole(record: RecordsOf<"PIF">[string]): PifRole {
  if (record.tunnel_access_PIF_of.length > 0) return "tunnel";
  if (record.sriov_logical_PIF_of.length > 0) return "sriov";
  if (record.VLAN_master_of !== NULL_REF) return "vlan";
  if (record.bond_master_of.length > 0) return "bond";
  return record.physical ? "physical" : "other";
}

/** Networks whose VIFs get an SR-IOV virtual function: those of logical PIFs, and VLANs on them. */
function sriovNetworksOf(records: RecordsOf<"PIF">): ReadonlySet<string> {
  const all = Object.values(records);
  const logical = all.filter(({ sriov_logical_PIF_of }) => sriov_logical_PIF_of.length > 0);
  const vlans = new Set(logical.flatMap(({ VLAN_slave_of }) => VLAN_slave_of));
  const onTop = all.filter(({ VLAN_master_of }) => vlans.has(VLAN_master_of));
  return new Set([...logical, ...onTop].map(({ network }) => network));
}
