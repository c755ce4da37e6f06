import type { Keyword } from "../features.ts";
import type { Interface } from "../interface.ts";

/** What the boot script keeps off on one VM's interfaces. */
export interface VmCoverage {
  /** On every VIF that is not listed by its number. */
  readonly features: readonly Keyword[];
  /** By the number of the VIF; an exception has fewer features, or none. */
  readonly vifs: ReadonlyMap<string, readonly Keyword[]>;
}

/** What the boot layer keeps off. The more particular word wins as a whole: it lists every feature. */
export interface Coverage {
  /** On every NIC that has no word of its own, and on NICs to come. */
  readonly nics: readonly Keyword[];
  /** On every guest interface whose VM has no word of its own, and on those to come. */
  readonly vifs: readonly Keyword[];
  /** NICs with a word of their own, by device name. */
  readonly devices: ReadonlyMap<string, readonly Keyword[]>;
  /** VMs with a word of their own, by UUID. */
  readonly vms: ReadonlyMap<string, VmCoverage>;
}

/** The features that the boot script turns off on an interface. */
export function featuresAtBoot(coverage: Coverage, iface: Interface): readonly Keyword[] {
  if (iface.kind === "pif") return coveredOnNic(coverage, iface.pif.device);
  if (iface.kind === "vif") return coveredOnVif(coverage, iface.vm.uuid, iface.vif.device);
  return iface.as === "pif" ? coveredOnNic(coverage, iface.device) : coverage.vifs;
}

/** What is kept off on a NIC. */
export function coveredOnNic({ devices, nics }: Coverage, device: string): readonly Keyword[] {
  return devices.get(device) ?? nics;
}

/** What is kept off on a VIF, by the UUID of its VM and its number. */
export function coveredOnVif(
  { vms, vifs }: Coverage,
  vm: string,
  number: string,
): readonly Keyword[] {
  const own = vms.get(vm);
  return own?.vifs.get(number) ?? own?.features ?? vifs;
}

/** Whether a boot script of that coverage would do nothing. */
export function isEmptyCoverage({ nics, vifs, devices, vms }: Coverage): boolean {
  const guests = [...vms.values()].flatMap((vm) => [vm.features, ...vm.vifs.values()]);
  return [nics, vifs, ...devices.values(), ...guests].every((features) => features.length === 0);
}

/**
 * The coverage with what another says of these NICs and VMs in place of what it says itself, and with the
 * other's standing rules: of VMs that were not read, it says what it said.
 */
export function replaceCoverage(
  old: Coverage,
  next: Coverage,
  read: { readonly devices: ReadonlySet<string>; readonly vms: ReadonlySet<string> },
): Coverage {
  const keep = <T>(map: ReadonlyMap<string, T>, gone: ReadonlySet<string>) =>
    [...map].filter(([name]) => !gone.has(name));
  return {
    nics: next.nics,
    vifs: next.vifs,
    devices: new Map([...keep(old.devices, read.devices), ...next.devices]),
    vms: new Map([...keep(old.vms, read.vms), ...next.vms]),
  };
}
