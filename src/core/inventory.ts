import type { StoredHostRule } from "./policy-entries.ts";
import type { Settings } from "./settings.ts";
import { quote } from "./text.ts";

/** A host of the pool. */
export interface Host {
  readonly uuid: string;
  readonly name: string;
}

/**
 * What a PIF is: only `physical` has a NIC of its own. A bond hands on to its slaves, a VLAN to the
 * PIF under it; tunnels, SR-IOV logical PIFs and whatever else there may be have none.
 */
export type PifRole = "physical" | "bond" | "vlan" | "tunnel" | "sriov" | "other";

/** The addresses that XAPI gives the bridge of a PIF at each plug. */
export interface PifAddress {
  /** `None`, `DHCP` or `Static`. */
  readonly mode: string;
  /** Empty where there is none. */
  readonly ip: string;
  readonly netmask: string;
  /** `None`, `DHCP`, `Static` or `Autoconf`. */
  readonly ipv6Mode: string;
  /** With their prefix lengths: `fd00::5/64`. */
  readonly ipv6: readonly string[];
}

/** A physical interface record of XAPI. */
export interface Pif {
  /** XAPI's handle, valid for this session only; never stored. */
  readonly ref: string;
  readonly uuid: string;
  /** The interface's name in dom0, never matched by a pattern: `eth0`, `eno12429np0`. */
  readonly device: string;
  readonly host: Host;
  /** XAPI's handle of its network, valid for this session only. */
  readonly network: string;
  readonly address: PifAddress;
  readonly role: PifRole;
  /** The VLAN tag, or -1. */
  readonly vlan: number;
  readonly management: boolean;
  /** Whether the toolstack configures it, and so reads its settings. */
  readonly managed: boolean;
  readonly attached: boolean;
  readonly settings: Settings;
  /** UUIDs of a bond's slaves; empty for other roles. */
  readonly slaves: readonly string[];
  /** UUID of the bond that this PIF is a slave of. */
  readonly slaveOf: string | undefined;
  /** UUID of the PIF under a VLAN. */
  readonly taggedPif: string | undefined;
}

/** What kind of VM record it is; only `vm` can be a target. */
export type VmRole = "vm" | "template" | "snapshot" | "control domain";

/** A virtual machine record of XAPI. */
export interface Vm {
  readonly ref: string;
  readonly uuid: string;
  /** The name-label: not unique, and written by tenants. */
  readonly name: string;
  readonly role: VmRole;
  readonly powerState: string;
  /** Meaningful on the host where the VM is resident, and only there. */
  readonly domid: number;
  /** The host that it runs on; a halted or suspended VM runs nowhere, whatever its record says. */
  readonly residentOn: Host | undefined;
  /** On its way to another host: until it has arrived the record names the host that it leaves. */
  readonly isMigrating: boolean;
}

/** A virtual interface record of XAPI. */
export interface Vif {
  readonly ref: string;
  readonly uuid: string;
  /** The number of the interface within its VM: `0`. */
  readonly device: string;
  readonly vm: Vm;
  readonly attached: boolean;
  /** A VIF on an SR-IOV network has no netback device, and nothing reads its settings. */
  readonly sriov: boolean;
  readonly settings: Settings;
}

/** How many VMs run on a host. */
export interface HostVmCount {
  readonly host: Host;
  readonly count: number;
}

/** What was read of the pool, at one time. */
export interface Inventory {
  /** The host that this program runs on. */
  readonly host: Host;
  /** XAPI's handle of that host, valid for this session only. */
  readonly hostRef: string;
  /** The standing rule of this host. */
  readonly storedHostRule: StoredHostRule;
  readonly hosts: readonly Host[];
  /** VMs that were not read because they run on other hosts. */
  readonly unreadVmCounts: readonly HostVmCount[];
  readonly pifs: readonly Pif[];
  readonly vms: readonly Vm[];
  readonly vifs: readonly Vif[];
}

/** The PIFs with a NIC of their own that carry this one: itself, a bond's slaves, what a VLAN sits on. */
export function findUnderlyingNics(pif: Pif, pifs: readonly Pif[]): readonly Pif[] {
  switch (pif.role) {
    case "physical":
      return [pif];
    case "bond":
      return pifs.filter(({ uuid }) => pif.slaves.includes(uuid));
    case "vlan": {
      const taggedPif = pifs.find(({ uuid }) => uuid === pif.taggedPif);
      // xapi allows no VLAN on a VLAN; refusing one here keeps a broken record from looping.
      return taggedPif === undefined || taggedPif.role === "vlan" ? [] : findUnderlyingNics(taggedPif, pifs);
    }
    case "tunnel":
    case "sriov":
    case "other":
      return [];
  }
}

/**
 * What this host must have and the inventory has not; null where it is whole. XAPI may answer with empty lists, and
 * nothing seen is not "everything is off".
 */
export function findInventoryGap({ host, pifs }: Inventory): string | null {
  const ownPifs = pifs.filter((pif) => pif.host.uuid === host.uuid);
  if (!ownPifs.some(({ role }) => role === "physical")) return "XAPI lists no NIC of this host";
  const bond = ownPifs.find((pif) => pif.role === "bond" && findUnderlyingNics(pif, pifs).length === 0);
  return bond === undefined ? null : `XAPI lists no slave of ${quote(bond.device)}`;
}
