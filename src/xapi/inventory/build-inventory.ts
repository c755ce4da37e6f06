import * as v from "valibot";
import type { Host, Inventory, Pif, PifAddress, PifRole, Vif, Vm, VmRole } from "../../core/inventory.ts";
import { parseHostRuleEntries } from "../../core/policy-entries.ts";
import { Settings } from "../../core/settings.ts";
import { countUnreadVms, findHostRef, HostRecordsSchema } from "./hosts.ts";
import {
  IntegerSchema,
  isObject,
  isStringMap,
  isUuid,
  NULL_REF,
  RefsSchema,
  StringMapSchema,
  UuidSchema,
} from "./schemas.ts";

const PifRecordSchema = v.object({
  uuid: UuidSchema,
  device: v.string(),
  host: v.string(),
  network: v.string(),
  VLAN: IntegerSchema,
  physical: v.boolean(),
  management: v.boolean(),
  managed: v.optional(v.boolean(), true),
  currently_attached: v.boolean(),
  bond_slave_of: v.string(),
  bond_master_of: RefsSchema,
  VLAN_master_of: v.string(),
  VLAN_slave_of: RefsSchema,
  tunnel_access_PIF_of: v.optional(RefsSchema, []),
  // Since xapi 1.90; a release without SR-IOV has no logical PIFs either.
  sriov_logical_PIF_of: v.optional(RefsSchema, []),
  properties: v.optional(StringMapSchema, {}),
  ip_configuration_mode: v.optional(v.string(), "None"),
  IP: v.optional(v.string(), ""),
  netmask: v.optional(v.string(), ""),
  ipv6_configuration_mode: v.optional(v.string(), "None"),
  IPv6: v.optional(v.array(v.string()), []),
  other_config: StringMapSchema,
});

const VmRecordSchema = v.object({
  uuid: UuidSchema,
  name_label: v.string(),
  power_state: v.string(),
  domid: IntegerSchema,
  resident_on: v.string(),
  is_a_template: v.boolean(),
  is_a_snapshot: v.boolean(),
  is_control_domain: v.boolean(),
  /** By task. */
  current_operations: v.optional(StringMapSchema, {}),
});

const VifRecordSchema = v.object({
  uuid: UuidSchema,
  device: v.string(),
  VM: v.string(),
  network: v.string(),
  currently_attached: v.boolean(),
  other_config: StringMapSchema,
});

const VersionsRecordSchema = v.object({ uuid: UuidSchema, software_version: StringMapSchema });

const NetworkRecordSchema = v.object({
  uuid: UuidSchema,
  name_label: v.string(),
  bridge: v.string(),
  other_config: StringMapSchema,
});

/**
 * VMs and VIFs come by the hundred, and a schema takes twenty times as long to pass a record as a look
 * at its fields does. What is not in order goes through the schema, which says where it is not.
 */
function createFastSchema<S extends v.GenericSchema>(schema: S, isValid: (record: unknown) => boolean) {
  const fullSchema = v.record(v.string(), schema);
  const uncheckedSchema = v.custom<v.InferOutput<typeof fullSchema>>(() => true);
  return v.lazy((records) =>
    isObject(records) && Object.values(records).every(isValid) ? uncheckedSchema : fullSchema,
  );
}

function isVmRecord(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { uuid, name_label, power_state, domid, resident_on } = value;
  const { is_a_template, is_a_snapshot, is_control_domain, current_operations } = value;
  return (
    isUuid(uuid) &&
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
    isUuid(uuid) &&
    typeof device === "string" &&
    typeof VM === "string" &&
    typeof network === "string" &&
    typeof currently_attached === "boolean" &&
    isStringMap(other_config)
  );
}

/** What is needed of each class: only fields that someone reads. */
export const RecordSchemas = {
  host: HostRecordsSchema,
  PIF: v.record(v.string(), PifRecordSchema),
  VM: createFastSchema(VmRecordSchema, isVmRecord),
  VIF: createFastSchema(VifRecordSchema, isVifRecord),
  versions: v.record(v.string(), VersionsRecordSchema),
  network: v.record(v.string(), NetworkRecordSchema),
};

/** The parsed records of each class, by reference. */
export type XapiRecords<C extends keyof typeof RecordSchemas> = v.InferOutput<(typeof RecordSchemas)[C]>;

/** The records that an inventory is put together from. */
export interface InventoryRecords {
  readonly host: XapiRecords<"host">;
  readonly PIF: XapiRecords<"PIF">;
  readonly VM: XapiRecords<"VM">;
  readonly VIF: XapiRecords<"VIF">;
}

/** Joins the records by their references. Null when XAPI does not know a host of that UUID. */
export function buildInventory(records: InventoryRecords, hostUuid: string): Inventory | null {
  const hosts = new Map<string, Host>(
    Object.entries(records.host).map(([ref, record]) => [ref, { uuid: record.uuid, name: record.name_label }]),
  );
  const hostRef = findHostRef(records.host, hostUuid);
  const host = hosts.get(hostRef);
  if (host === undefined) return null;
  const vms = new Map(Object.entries(records.VM).map(([ref, record]) => [ref, buildVm(ref, record, hosts)]));
  const pifs = buildPifs(records.PIF, hosts);
  const sriovNetworkRefs = findSriovNetworks(records.PIF);
  const vifs = Object.entries(records.VIF).flatMap(([ref, record]): Vif[] => {
    const vm = vms.get(record.VM);
    // VIFs of snapshots: their VMs were not asked for.
    if (vm === undefined) return [];
    const sriov = sriovNetworkRefs.has(record.network);
    return [
      {
        ref,
        uuid: record.uuid,
        device: record.device,
        vm,
        attached: record.currently_attached,
        sriov,
        settings: Settings.parse(record.other_config, { kind: "vif", isRead: !sriov }),
      },
    ];
  });
  const otherHosts = new Map([...hosts].filter(([ref]) => ref !== hostRef));
  return {
    host,
    hostRef,
    storedHostRule: parseHostRuleEntries(records.host[hostRef]?.other_config ?? {}),
    hosts: [...hosts.values()],
    unreadVmCounts: countUnreadVms(records.host, otherHosts, (ref) => records.VM[ref] !== undefined),
    pifs,
    vms: [...vms.values()],
    vifs,
  };
}

/** Operations by which a VM comes to another host (datamodel_vm.ml). */
const MIGRATION_OPERATIONS: ReadonlySet<string> = new Set(["pool_migrate", "migrate_send"]);

/** A start that failed leaves a halted VM with a host in `resident_on`. */
const NOT_RUNNING_STATES: ReadonlySet<string> = new Set(["Halted", "Suspended"]);

function buildVm(ref: string, record: XapiRecords<"VM">[string], hosts: ReadonlyMap<string, Host>): Vm {
  return {
    ref,
    uuid: record.uuid,
    name: record.name_label,
    role: getVmRole(record),
    powerState: record.power_state,
    domid: record.domid,
    residentOn: NOT_RUNNING_STATES.has(record.power_state) ? undefined : hosts.get(record.resident_on),
    isMigrating: Object.values(record.current_operations).some((operation) => MIGRATION_OPERATIONS.has(operation)),
  };
}

function getVmRole(record: XapiRecords<"VM">[string]): VmRole {
  // A snapshot says of itself that it is a template too.
  if (record.is_a_snapshot) return "snapshot";
  if (record.is_a_template) return "template";
  return record.is_control_domain ? "control domain" : "vm";
}

function buildPifs(records: XapiRecords<"PIF">, hosts: ReadonlyMap<string, Host>): readonly Pif[] {
  const entries = Object.entries(records);
  const slavesByBond = new Map<string, string[]>();
  const masterByBond = new Map<string, XapiRecords<"PIF">[string]>();
  const taggedPifByVlan = new Map<string, string>();
  for (const [, record] of entries) {
    const { uuid, bond_slave_of, bond_master_of, VLAN_slave_of } = record;
    if (bond_slave_of !== NULL_REF) {
      slavesByBond.set(bond_slave_of, [...(slavesByBond.get(bond_slave_of) ?? []), uuid]);
    }
    for (const bond of bond_master_of) masterByBond.set(bond, record);
    for (const vlan of VLAN_slave_of) taggedPifByVlan.set(vlan, uuid);
  }
  return entries.flatMap(([ref, record]): Pif[] => {
    const host = hosts.get(record.host);
    if (host === undefined) return [];
    const master = masterByBond.get(record.bond_slave_of);
    return [
      {
        ref,
        uuid: record.uuid,
        device: record.device,
        host,
        network: record.network,
        address: buildPifAddress(record),
        role: getPifRole(record),
        vlan: record.VLAN,
        management: record.management,
        managed: record.managed,
        attached: record.currently_attached,
        settings: Settings.parse(record.other_config, {
          kind: "pif",
          isRead: record.managed,
          groProperty: (master ?? record).properties["gro"],
        }),
        slaves: record.bond_master_of.flatMap((bond) => slavesByBond.get(bond) ?? []),
        slaveOf: master?.uuid,
        taggedPif: taggedPifByVlan.get(record.VLAN_master_of),
      },
    ];
  });
}

function buildPifAddress(record: XapiRecords<"PIF">[string]): PifAddress {
  return {
    mode: record.ip_configuration_mode,
    ip: record.IP,
    netmask: record.netmask,
    ipv6Mode: record.ipv6_configuration_mode,
    // XAPI keeps an empty text where there is no address (seen).
    ipv6: record.IPv6.filter((address) => address !== ""),
  };
}

function getPifRole(record: XapiRecords<"PIF">[string]): PifRole {
  if (record.tunnel_access_PIF_of.length > 0) return "tunnel";
  if (record.sriov_logical_PIF_of.length > 0) return "sriov";
  if (record.VLAN_master_of !== NULL_REF) return "vlan";
  if (record.bond_master_of.length > 0) return "bond";
  return record.physical ? "physical" : "other";
}

/** Networks whose VIFs get an SR-IOV virtual function: those of logical PIFs, and VLANs on them. */
function findSriovNetworks(records: XapiRecords<"PIF">): ReadonlySet<string> {
  const pifs = Object.values(records);
  const logicalPifs = pifs.filter(({ sriov_logical_PIF_of }) => sriov_logical_PIF_of.length > 0);
  const vlans = new Set(logicalPifs.flatMap(({ VLAN_slave_of }) => VLAN_slave_of));
  const vlanPifs = pifs.filter(({ VLAN_master_of }) => vlans.has(VLAN_master_of));
  return new Set([...logicalPifs, ...vlanPifs].map(({ network }) => network));
}
