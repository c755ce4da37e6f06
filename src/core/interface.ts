import type { Pif, Vif, Vm } from "./inventory.ts";
import { quoted } from "./text.ts";

/** A NIC of this host: a physical PIF and its device. */
export interface NicInterface {
  readonly kind: "pif";
  readonly pif: Pif;
  /** The management traffic goes through it, on its own, in a bond or under a VLAN. */
  readonly management: boolean;
}

/** Where the netback device of a VIF is to be found now, or why there is none on this host. */
export type Whereabouts =
  | { readonly at: "here"; readonly domid: number }
  | { readonly at: "elsewhere"; readonly host: string }
  | { readonly at: "nowhere"; readonly because: string };

/** A VIF of a VM, wherever that VM runs. */
export interface VifInterface {
  readonly kind: "vif";
  readonly vif: Vif;
  readonly vm: Vm;
  readonly whereabouts: Whereabouts;
}

/** A device that only the kernel told of, because XAPI was not or could not be asked. */
export interface BareInterface {
  readonly kind: "bare";
  readonly device: string;
  readonly as: "pif" | "vif";
}

/** Something whose offloads can be looked at. */
export type Interface = NicInterface | VifInterface | BareInterface;

/** One device of an interface. Records belong to the main one; a tap beside a vif has none. */
export interface InterfaceDevice {
  readonly name: string;
  readonly main: boolean;
}

/**
 * The devices of an interface in dom0. `existing`: the names in the kernel, which decide whether
 * a VIF has a tap (only guests with emulated NICs do). Asked again and again on the way from reading
 * to report, so the answer is kept.
 */
export function devicesOf(
  subject: Interface,
  existing: ReadonlySet<string>,
): readonly InterfaceDevice[] {
  const known = lastAnswers.get(subject);
  if (known?.existing === existing) return known.devices;
  const devices = findDevices(subject, existing);
  lastAnswers.set(subject, { existing, devices });
  return devices;
}

const lastAnswers = new WeakMap<
  Interface,
  { readonly existing: ReadonlySet<string>; readonly devices: readonly InterfaceDevice[] }
>();

function findDevices(
  subject: Interface,
  existing: ReadonlySet<string>,
): readonly InterfaceDevice[] {
  switch (subject.kind) {
    case "pif":
      return [{ name: subject.pif.device, main: true }];
    case "bare":
      return [{ name: subject.device, main: true }];
    case "vif": {
      if (subject.whereabouts.at !== "here") return [];
      const suffix = `${subject.whereabouts.domid}.${subject.vif.device}`;
      const vif = { name: `vif${suffix}`, main: true };
      const tap = `tap${suffix}`;
      return existing.has(tap) ? [vif, { name: tap, main: false }] : [vif];
    }
  }
}

/**
 * Where a VIF's device is. `vif<domid>.<device>` belongs to it only while its VM is resident on
 * this host: domids repeat between hosts.
 */
export function whereaboutsOf(vif: Vif, hostUuid: string): Whereabouts {
  const { vm } = vif;
  const host = vm.residentOn;
  if (host === undefined || (vm.powerState !== "Running" && vm.powerState !== "Paused")) {
    return { at: "nowhere", because: `its VM is ${vm.powerState.toLowerCase()}` };
  }
  if (vif.sriov) return { at: "nowhere", because: "it is on an SR-IOV network" };
  if (!vif.attached) return { at: "nowhere", because: "it is unplugged" };
  if (host.uuid !== hostUuid) return { at: "elsewhere", host: host.name };
  return { at: "here", domid: vm.domid };
}

/** The UUID of the record behind an interface; null for a bare device. */
export function uuidOf(subject: Interface): string | null {
  if (subject.kind === "pif") return subject.pif.uuid;
  return subject.kind === "vif" ? subject.vif.uuid : null;
}

/** How messages call an interface: its device, or the VM and the VIF's number. */
export function nameOf(subject: Interface): string {
  if (subject.kind === "pif") return subject.pif.device;
  if (subject.kind === "bare") return subject.device;
  const { whereabouts, vif } = subject;
  return whereabouts.at === "here"
    ? `vif${whereabouts.domid}.${vif.device}`
    : `VIF ${vif.device} of ${quoted(subject.vm.name)}`;
}
