import type { VifRecord, VmRecord } from "./record-guest.ts";
import type { HostRecord, PoolRecord } from "./record-host.ts";
import type {
  BondRecord,
  NetworkRecord,
  PifRecord,
  SriovRecord,
  TunnelRecord,
  VlanRecord,
} from "./record-network.ts";

/** Records of one class by their references. */
export type Table<R> = Record<string, R>;

/** The XAPI database of a world: what the simulator starts from. */
export interface Database {
  readonly host: Table<HostRecord>;
  readonly pool: Table<PoolRecord>;
  readonly PIF: Table<PifRecord>;
  readonly network: Table<NetworkRecord>;
  readonly Bond: Table<BondRecord>;
  readonly VLAN: Table<VlanRecord>;
  readonly tunnel: Table<TunnelRecord>;
  readonly network_sriov: Table<SriovRecord>;
  readonly VM: Table<VmRecord>;
  readonly VIF: Table<VifRecord>;
}

/** A database without a single record. */
export function emptyDatabase(): Database {
  return {
    host: {},
    pool: {},
    PIF: {},
    network: {},
    Bond: {},
    VLAN: {},
    tunnel: {},
    network_sriov: {},
    VM: {},
    VIF: {},
  };
}

/** A record and the reference under which XAPI knows it. */
export interface Entity<R> {
  readonly ref: string;
  readonly record: R;
}

/** A host of the world. */
export type Host = Entity<HostRecord>;

/** A PIF of the world. */
export type Pif = Entity<PifRecord>;

/** A VIF, with the kernel devices that stand for it in this dom0. */
export interface Vif extends Entity<VifRecord> {
  /** `vif<domid>.<n>`, where the VM runs on this host and its network is no SR-IOV one. */
  readonly device: string | undefined;
  /** `tap<domid>.<n>`, beside the vif of a VM with emulated devices. */
  readonly tap: string | undefined;
}

/** A VM, template, snapshot or control domain with its VIFs. */
export interface Vm extends Entity<VmRecord> {
  readonly vifs: readonly Vif[];
}

/** What a network device of the dom0 is, which decides how it is made. */
export type DeviceKind = "nic" | "loopback" | "vif" | "requested-on-vif" | "tap" | "bridge";

/** A network device that the kernel of this dom0 shows. */
export interface Device {
  readonly name: string;
  readonly kind: DeviceKind;
  readonly mac: string;
  /** The address of a bridge, as `192.0.2.11/24`. */
  readonly address?: string;
}
