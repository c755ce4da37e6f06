import type { Feature } from "../features.ts";
import type { Interface } from "../interface.ts";

/** What the boot script keeps off on one VM's interfaces. */
export interface VmCoverage {
  /** On every VIF that is not listed by its number. */
  readonly features: readonly Feature[];
  /** By the number of the VIF; an exception has fewer features, or none. */
  readonly vifs: ReadonlyMap<string, readonly Feature[]>;
}

/** What the boot layer keeps off. The more particular word wins as a whole: it lists every feature. */
export interface Coverage {
  /** On every NIC that has no word of its own, and on NICs to come. */
  readonly nics: readonly Feature[];
  /** On every guest interface whose VM has no word of its own, and on those to come. */
  readonly vifs: readonly Feature[];
  /** NICs with a word of their own, by device name. */
  readonly devices: ReadonlyMap<string, readonly Feature[]>;
  /** VMs with a word of their own, by UUID. */
  readonly vms: ReadonlyMap<string, VmCoverage>;
}

/** The features that the boot script turns off on an interface. */
export function getBootFeatures(coverage: Coverage, iface: Interface): readonly Feature[] {
  if (iface.kind === "pif") return getCoveredNicFeatures(coverage, iface.pif.device);
  if (iface.kind === "vif") return getCoveredVifFeatures(coverage, iface.vm.uuid, iface.vif.device);
  return iface.deviceKind === "pif" ? getCoveredNicFeatures(coverage, iface.device) : coverage.vifs;
}

/** What is kept off on a NIC. */
export function getCoveredNicFeatures({ devices, nics }: Coverage, device: string): readonly Feature[] {
  return devices.get(device) ?? nics;
}

/** What is kept off on a VIF, by the UUID of its VM and its number. */
export function getCoveredVifFeatures({ vms, vifs }: Coverage, vmUuid: string, vifNumber: string): readonly Feature[] {
  const vmCoverage = vms.get(vmUuid);
  return vmCoverage?.vifs.get(vifNumber) ?? vmCoverage?.features ?? vifs;
}

/** Whether a boot script of that coverage would do nothing. */
export function isEmptyCoverage({ nics, vifs, devices, vms }: Coverage): boolean {
  const vmFeatures = [...vms.values()].flatMap((vm) => [vm.features, ...vm.vifs.values()]);
  return [nics, vifs, ...devices.values(), ...vmFeatures].every((features) => features.length === 0);
}

/**
 * The coverage with what another says of these NICs and VMs in place of what it says itself, and with the
 * other's standing rules: of VMs that were not read, it says what it said.
 */
export function replaceCoverage(
  previous: Coverage,
  next: Coverage,
  replaced: { readonly devices: ReadonlySet<string>; readonly vms: ReadonlySet<string> },
): Coverage {
  const omitKeys = <T>(map: ReadonlyMap<string, T>, keys: ReadonlySet<string>) =>
    [...map].filter(([name]) => !keys.has(name));
  return {
    nics: next.nics,
    vifs: next.vifs,
    devices: new Map([...omitKeys(previous.devices, replaced.devices), ...next.devices]),
    vms: new Map([...omitKeys(previous.vms, replaced.vms), ...next.vms]),
  };
}
