import { empty, NULL_REF, none, type StringMap } from "./record-kinds.ts";

/** A PIF record with every field of the captured ones; what it starts as is a plain physical NIC. */
export function pifRecord() {
  const properties: StringMap = { gro: "on" };
  return {
    uuid: "",
    device: "",
    network: NULL_REF,
    host: NULL_REF,
    MAC: "",
    MTU: 1500,
    VLAN: -1,
    metrics: NULL_REF,
    physical: true,
    currently_attached: true,
    ip_configuration_mode: "None",
    IP: "",
    netmask: "",
    gateway: "",
    DNS: "",
    bond_slave_of: NULL_REF,
    bond_master_of: none(),
    VLAN_master_of: NULL_REF,
    VLAN_slave_of: none(),
    management: false,
    other_config: empty(),
    disallow_unplug: false,
    tunnel_access_PIF_of: none(),
    tunnel_transport_PIF_of: none(),
    ipv6_configuration_mode: "None",
    IPv6: none(),
    ipv6_gateway: "",
    primary_address_type: "IPv4",
    managed: true,
    properties,
    capabilities: none(),
    igmp_snooping_status: "disabled",
    sriov_physical_PIF_of: none(),
    sriov_logical_PIF_of: none(),
    PCI: NULL_REF,
  };
}

/** A PIF as XAPI describes it. */
export type PifRecord = ReturnType<typeof pifRecord>;

/** A network record with every field of the captured ones. */
export function networkRecord() {
  return {
    uuid: "",
    name_label: "",
    name_description: "",
    allowed_operations: none(),
    current_operations: empty(),
    VIFs: none(),
    PIFs: none(),
    MTU: 1500,
    other_config: empty(),
    bridge: "",
    managed: true,
    blobs: empty(),
    tags: none(),
    default_locking_mode: "unlocked",
    assigned_ips: empty(),
    purpose: none(),
  };
}

/** A network as XAPI describes it. */
export type NetworkRecord = ReturnType<typeof networkRecord>;

/** A Bond record with every field of the captured one. */
export function bondRecord() {
  return {
    uuid: "",
    master: NULL_REF,
    slaves: none(),
    other_config: empty(),
    primary_slave: NULL_REF,
    mode: "balance-slb",
    properties: empty(),
    links_up: 2,
    auto_update_mac: true,
  };
}

/** A bond as XAPI describes it. */
export type BondRecord = ReturnType<typeof bondRecord>;

/** A VLAN record with every field of the captured one. */
export function vlanRecord() {
  return { uuid: "", tagged_PIF: NULL_REF, untagged_PIF: NULL_REF, tag: 0, other_config: empty() };
}

/** A VLAN as XAPI describes it. */
export type VlanRecord = ReturnType<typeof vlanRecord>;

/** A tunnel record, with the fields of xen-api's `datamodel.ml`: no capture has one. */
export function tunnelRecord() {
  return {
    uuid: "",
    access_PIF: NULL_REF,
    transport_PIF: NULL_REF,
    status: { active: "false" },
    other_config: empty(),
    protocol: "gre",
  };
}

/** A tunnel as XAPI describes it. */
export type TunnelRecord = ReturnType<typeof tunnelRecord>;

/** A network_sriov record, with the fields of xen-api's `datamodel.ml`: no capture has one. */
export function sriovRecord() {
  return {
    uuid: "",
    physical_PIF: NULL_REF,
    logical_PIF: NULL_REF,
    requires_reboot: false,
    configuration_mode: "sysfs",
  };
}

/** An SR-IOV network as XAPI describes it. */
export type SriovRecord = ReturnType<typeof sriovRecord>;
