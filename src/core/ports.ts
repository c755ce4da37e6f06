import type { FeatureSnapshot, SettingStep } from "./disable/steps.ts";
import type { FeatureBits, FeatureRequest } from "./feature-set.ts";
import type { Interface } from "./interface.ts";
import type { Inventory, Pif, Vm } from "./inventory.ts";
import type { Note, Problem } from "./problem.ts";
import type { OtherConfig, Settings } from "./settings.ts";
import type { ReadScope } from "./targets/read-scope.ts";

/** What became of one write. */
export type WriteOutcome =
  | { readonly done: true }
  | { readonly done: false; readonly deviceRemoved: boolean; readonly reason: string };

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
export type LookupResult<T> =
  | { readonly found: true; readonly value: T }
  | { readonly found: false; readonly reason: string };

/** A network of XAPI's, as far as it can have settings of offloads. */
export interface NetworkSettings {
  readonly uuid: string;
  readonly name: string;
  readonly bridge: string;
  readonly otherConfig: OtherConfig;
}

/** What XAPI knows besides the inventory: asked for by a diagnosis only. */
export interface XapiDiagnostics {
  /** `host.software_version` of this host: `product_version`, `xapi_build`, `xen`, … */
  readonly software: ReadonlyMap<string, string>;
  readonly networks: readonly NetworkSettings[];
}

/** The network devices of this machine, as the trade needs them. */
export interface Kernel {
  /** Every device there is, and the features of those that `wanted` picks. */
  readFeatures(selectDevices: (existing: ReadonlySet<string>) => Iterable<string>): FeatureSnapshot;
  /** Whether a device is a bridge, a bond or a VLAN, which have no NIC of their own. */
  hasLowerDevices(device: string): boolean;
  /** Whether a device is what the boot script takes for a NIC of its own accord. */
  isNic(device: string): boolean;
  /** The kernel's number of a device, which no other has until the next boot; null without one. */
  readIfindex(device: string): number | null;
  /** Whether the other side of a device is there: of a vif its guest's driver. */
  hasCarrier(device: string): boolean;
  /** Who drives a device. */
  readDriver(device: string): LookupResult<Driver>;
  /** The view with these devices read again. */
  rereadFeatures(snapshot: FeatureSnapshot, devices: Iterable<string>): FeatureSnapshot;
  /** Asks for features or no longer asks for them, with one write. */
  requestFeatures(device: string, request: FeatureRequest): WriteOutcome;
}

/** How a device was before the first change of this boot, by the kernel's names of features. */
export type KernelBits = ReadonlyMap<string, { readonly requested: boolean; readonly active: boolean }>;

/** Keeps exact bits of devices on this host's disk, as long as this boot. */
export interface KernelBitsStore {
  /** What is kept of the device that has this name now; null without anything. */
  get(device: string): KernelBits | null;
  /** Every device that something is kept of. */
  listDevices(): readonly string[];
  /** Keeps how these bits are in a reading. Fails where that could not be put on disk. */
  save(devices: readonly DeviceBits[], snapshot: FeatureSnapshot): Promise<void>;
  /** Forgets devices that are as they were. */
  remove(devices: Iterable<string>): Promise<void>;
}

/** Bits of one device by their place in the kernel's list. */
export interface DeviceBits {
  readonly device: string;
  readonly bits: FeatureBits;
}

/**
 * Remembers on disk which VMs xenopsd has still to hear of: from before the first setting of a VIF until
 * after the event, so that a run that is cut short between the two is made good by the next.
 */
export interface PendingAnnouncements {
  /** Those of these VMs, by UUID, that are still to be announced. */
  filterPending(vms: readonly string[]): ReadonlySet<string>;
  add(vms: readonly string[]): Promise<void>;
  remove(vms: readonly string[]): Promise<void>;
}

/** An object of XAPI whose `other_config` is written. */
export interface OtherConfigOwner {
  readonly class: "PIF" | "VIF" | "host";
  /** XAPI's handle, valid for this session only. */
  readonly ref: string;
}

/** One key of an `other_config` that is to change; null stands for no such key. */
export interface OtherConfigWrite {
  readonly owner: OtherConfigOwner;
  readonly key: string;
  readonly from: string | null;
  readonly to: string | null;
}

/**
 * What became of a write. `refused`: XAPI would not, and all is as before; `failed`: it may be half
 * done, or XAPI may do it yet; `unattempted`: XAPI had gone before.
 */
export interface OtherConfigWriteOutcome<W extends OtherConfigWrite = OtherConfigWrite> {
  readonly write: W;
  readonly state: "written" | "refused" | "failed" | "unattempted";
  readonly reason: string;
}

/** What became of a setting that was to be written. */
export interface SettingOutcome extends Pick<OtherConfigWriteOutcome, "state" | "reason"> {
  readonly step: SettingStep;
}

/** Has XAPI replug PIFs, so that networkd forgets what their settings were at the last plug. */
export interface Replugger {
  /** Plugs what carries these PIFs. Gives the problems, each with the UUID of the PIF that it is about. */
  replug(pifs: readonly Pif[]): Promise<{ readonly problems: readonly Problem[]; readonly notes: readonly Note[] }>;
}

/** An open session with XAPI. */
export interface Toolstack {
  /** As much of the pool as the scope says. */
  readInventory(scope: ReadScope): Promise<Inventory>;
  /** How many hosts the pool has. */
  countHosts(): Promise<number>;
  /** Versions and networks. */
  readDiagnostics(): Promise<XapiDiagnostics>;
  /** The settings of these interfaces as they are now, by UUID; without those that are gone. */
  readSettings(interfaces: readonly Interface[]): Promise<ReadonlyMap<string, Settings>>;
  /**
   * Writes keys: remove where there is a value, then add. Those of one object in their order. `told`
   * hears of each.
   */
  writeOtherConfig<W extends OtherConfigWrite>(
    writes: readonly W[],
    isStopped: () => boolean,
    onOutcome?: (outcome: OtherConfigWriteOutcome<W>) => void,
  ): Promise<readonly OtherConfigWriteOutcome<W>[]>;
  /** The same for settings. */
  writeSettings(
    steps: readonly SettingStep[],
    isStopped: () => boolean,
    onOutcome?: (outcome: SettingOutcome) => void,
  ): Promise<readonly SettingOutcome[]>;
  /**
   * Injects an event for each VM. A write to a VIF makes none of its own, and without one xenopsd
   * keeps the old keys and applies them when the guest reboots (xapi_xenops.ml events_from_xapi).
   * Returns the sentences of those that failed; a XAPI that is gone is not tried again and again.
   */
  announceVms(vms: readonly Vm[]): Promise<readonly string[]>;
  /** The name of the bridge on which XAPI configures the address of a PIF. */
  findBridge(pif: Pif): Promise<string>;
  /**
   * Plugs a PIF. Of one that is attached that applies its record again, and a NIC may reset. Returns
   * why it failed, or null.
   */
  plugPif(pif: Pif): Promise<string | null>;
}
