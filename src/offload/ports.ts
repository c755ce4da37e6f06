import type { Inventory, OtherConfig, Vm } from "./inventory.ts";
import type { ChangeableBits, FeatureWish } from "./kernel-features.ts";
import type { LiveStep, LiveView, RecordStep } from "./plan.ts";
import type { Result } from "./result.ts";

/** What became of one write. */
export type WriteOutcome =
  | { readonly done: true }
  | { readonly done: false; readonly gone: boolean; readonly because: string };

/** Who drives a device, in the driver's own words; a text is empty where it gives none. */
export interface Driver {
  readonly name: string;
  readonly version: string;
  readonly firmware: string;
  /** Where the device sits, such as `0000:00:1f.6`. */
  readonly bus: string;
  /** Vendor and device of PCI, such as `8086:15bc`; empty for a device that is not on PCI. */
  readonly pci: string;
}

/** Something about the host that is wanted for a diagnosis, or why it could not be had. */
export type Reading<T> =
  | { readonly known: true; readonly value: T }
  | { readonly known: false; readonly because: string };

/** A network of XAPI's, as far as it can have records of offloads. */
export interface NetworkRecords {
  readonly uuid: string;
  readonly name: string;
  readonly bridge: string;
  readonly otherConfig: OtherConfig;
}

/** What XAPI knows besides the inventory: asked for by a diagnosis only. */
export interface Circumstances {
  /** `host.software_version` of this host: `product_version`, `xapi_build`, `xen`, … */
  readonly software: ReadonlyMap<string, string>;
  readonly networks: readonly NetworkRecords[];
}

/** The network devices of this machine, as the trade needs them. */
export interface Kernel {
  /** Every device there is, and the features of those that `wanted` picks. */
  observe(wanted: (existing: ReadonlySet<string>) => Iterable<string>): Result<LiveView>;
  /** Whether a device is a bridge, a bond or a VLAN, which have no NIC of their own. */
  standsOnOthers(device: string): boolean;
  /** Whether a device is what the loop at boot takes for a NIC of its own accord. */
  isNic(device: string): boolean;
  /** Who drives a device. */
  driver(device: string): Reading<Driver>;
  /** The view with these devices read again. */
  observeAgain(view: LiveView, devices: Iterable<string>): LiveView;
  /** Clears those bits, active and requested, with one write. */
  clear(device: string, bits: ChangeableBits): WriteOutcome;
  /** Asks for features or no longer asks for them, with one write. */
  request(device: string, wish: FeatureWish): WriteOutcome;
}

/** Keeps what was there before. Each fails where it could not be put on disk. */
export interface JournalKeeper {
  /** Notes what these steps are about to clear. */
  beforeLive(steps: readonly LiveStep[], view: LiveView): Promise<Result<void>>;
  /** Notes the values that these steps are about to replace. */
  beforeRecords(steps: readonly RecordStep[]): Promise<Result<void>>;
  /** Strikes out what was noted of these steps, which XAPI has refused. */
  withoutRecords(steps: readonly RecordStep[]): Promise<Result<void>>;
}

/**
 * What became of a record that was to be written. `refused`: XAPI would not, and all is as before;
 * `failed`: it may be half done; `unattempted`: XAPI had gone before.
 */
export interface RecordOutcome {
  readonly step: RecordStep;
  readonly state: "written" | "refused" | "failed" | "unattempted";
  readonly because: string;
}

/** An open session with XAPI. */
export interface Toolstack {
  /** The whole inventory, in a number of calls that does not depend on its size. */
  inventory(): Promise<Result<Inventory>>;
  /** Versions and networks. */
  circumstances(): Promise<Result<Circumstances>>;
  /** The records of every PIF and VIF as they are now, by UUID: what reading back shows. */
  recordsByUuid(): Promise<Result<ReadonlyMap<string, OtherConfig>>>;
  /** Writes records: for each step remove where there is a value, then add. `told` hears of each. */
  write(
    steps: readonly RecordStep[],
    isStopped: () => boolean,
    told?: (outcome: RecordOutcome) => void,
  ): Promise<readonly RecordOutcome[]>;
  /**
   * Injects an event for each VM. A write to a VIF makes none of its own, and without one xenopsd
   * keeps the old keys and applies them when the guest reboots (xapi_xenops.ml events_from_xapi).
   * Returns the sentences of those that failed; a XAPI that is gone is not tried again and again.
   */
  announce(vms: readonly Vm[]): Promise<readonly string[]>;
}
