import type { Pif, Vif, Vm } from "./inventory.ts";
import { NO_SETTINGS, type Settings } from "./settings.ts";
import { quote, shortenName } from "./text.ts";

/** A NIC of this host: a physical PIF and its device. */
export interface NicInterface {
  readonly kind: "pif";
  readonly pif: Pif;
  /** The management traffic goes through it, on its own, in a bond or under a VLAN. */
  readonly management: boolean;
}

/** Where the netback device of a VIF is to be found now, or why there is none on this host. */
export type Location =
  | { readonly kind: "local"; readonly domid: number }
  | { readonly kind: "remote"; readonly host: string }
  | { readonly kind: "none"; readonly reason: string };

/** A VIF of a VM, wherever that VM runs. */
export interface VifInterface {
  readonly kind: "vif";
  readonly vif: Vif;
  readonly vm: Vm;
  readonly location: Location;
}

/** A device that only the kernel knows, because XAPI was not or could not be asked. */
export interface UnmanagedInterface {
  readonly kind: "unmanaged";
  readonly device: string;
  readonly deviceKind: "pif" | "vif";
}

/** Something whose offloads can be looked at. */
export type Interface = NicInterface | VifInterface | UnmanagedInterface;

/** Whether an interface is a NIC that XAPI knows. */
export function isManagedNic(iface: Interface): iface is NicInterface {
  return iface.kind === "pif";
}

/** One device of an interface. Settings belong to the main one; a tap beside a vif has none. */
export interface InterfaceDevice {
  readonly name: string;
  readonly isMain: boolean;
}

/**
 * The devices of an interface in dom0. `existing`: the names in the kernel, which decide whether
 * a VIF has a tap (only guests with emulated NICs do).
 */
export function listInterfaceDevices(iface: Interface, existing: ReadonlySet<string>): readonly InterfaceDevice[] {
  switch (iface.kind) {
    case "pif":
      return [{ name: iface.pif.device, isMain: true }];
    case "unmanaged":
      return [{ name: iface.device, isMain: true }];
    case "vif": {
      if (iface.location.kind !== "local") return [];
      const suffix = `${iface.location.domid}.${iface.vif.device}`;
      const vif = { name: `vif${suffix}`, isMain: true };
      const tap = `tap${suffix}`;
      return existing.has(tap) ? [vif, { name: tap, isMain: false }] : [vif];
    }
  }
}

/**
 * Where a VIF's device is. `vif<domid>.<device>` belongs to it only while its VM is resident on
 * this host: domids repeat between hosts.
 */
export function locateVif(vif: Vif, hostUuid: string): Location {
  const { vm } = vif;
  const host = vm.residentOn;
  if (host === undefined || (vm.powerState !== "Running" && vm.powerState !== "Paused")) {
    return { kind: "none", reason: `its VM is ${vm.powerState.toLowerCase()}` };
  }
  if (vif.sriov) return { kind: "none", reason: "it is on an SR-IOV network" };
  if (!vif.attached) return { kind: "none", reason: "it is unplugged" };
  if (host.uuid !== hostUuid) return { kind: "remote", host: host.name };
  return { kind: "local", domid: vm.domid };
}

/** The UUID of the object behind an interface; null for a device that XAPI does not know. */
export function getUuid(iface: Interface): string | null {
  if (iface.kind === "pif") return iface.pif.uuid;
  return iface.kind === "vif" ? iface.vif.uuid : null;
}

/** The settings of an interface, and the policy that is stored with it. */
export function getSettings(iface: Interface): Settings {
  if (iface.kind === "pif") return iface.pif.settings;
  return iface.kind === "vif" ? iface.vif.settings : NO_SETTINGS;
}

/**
 * How messages call an interface or one of its devices: by the device, and with the VM behind it, which a domid does
 * not tell; without a device by the VM and the VIF's number.
 */
export function formatInterfaceName(iface: Interface, device?: string): string {
  if (iface.kind === "pif") return device ?? iface.pif.device;
  if (iface.kind === "unmanaged") return device ?? iface.device;
  const { location, vif, vm } = iface;
  const name = device ?? (location.kind === "local" ? `vif${location.domid}.${vif.device}` : null);
  return name === null ? `VIF ${vif.device} of ${quote(vm.name)}` : `${name} (${shortenName(vm.name)})`;
}

/** An interface with an object in XAPI. */
export type ManagedInterface = Exclude<Interface, { kind: "unmanaged" }>;

/** Whether it is a device that only the kernel knows, and no guest's. */
export function isUnmanagedNic(iface: Interface): iface is UnmanagedInterface {
  return iface.kind === "unmanaged" && iface.deviceKind === "pif";
}
