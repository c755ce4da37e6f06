import type { Dom0 } from "../../dom0/dom0.ts";
import type { Result } from "../../dom0/running.ts";

/** What a network device looks like in /sys. */
export type FakeDevice =
  /** Hardware behind it, on this bus, by this driver. */
  | { readonly bus: string; readonly driver: string; readonly physfn?: true }
  /** Nothing behind it; what it has of its own. */
  | { readonly directories: readonly string[] };

/** A NIC on PCI. */
export const PCI: FakeDevice = { bus: "pci", driver: "e1000e" };
/** An SR-IOV virtual function. */
export const VIRTUAL_FUNCTION: FakeDevice = { bus: "pci", driver: "ixgbevf", physfn: true };
/** The backend of a guest's interface, as netback registers it on the bus xen-backend. */
export const NETBACK: FakeDevice = { bus: "xen-backend", driver: "vif" };

/**
 * Builds a /sys whose class/net is as a dom0's: links into devices/, each with the files and links that
 * the kernel puts there. Needed because the devices of a throwaway dom0 are veth pairs, behind which
 * there is no hardware; a real ethtool goes by the name, so the devices themselves can be those pairs.
 */
function buildSysfsScript(root: string, devices: Readonly<Record<string, FakeDevice>>): string {
  const lines = ["set -eu", `mkdir -p '${root}/class/net'`, `echo '' > '${root}/class/net/bonding_masters'`];
  const quotePath = (path: string) => `'${root}/${path.replaceAll("'", `'\\''`)}'`;
  let number = 0;
  for (const [name, device] of Object.entries(devices)) {
    const hasHardware = "bus" in device;
    const parent = hasHardware ? `devices/${device.bus}-${number++}` : "devices/virtual";
    const self = `${parent}/net/${name}`;
    lines.push(`mkdir -p ${quotePath(self)}`, `echo 1 > ${quotePath(`${self}/ifindex`)}`);
    lines.push(`ln -s ${quotePath(self)} ${quotePath(`class/net/${name}`)}`);
    if (!hasHardware) {
      for (const path of device.directories) lines.push(`mkdir ${quotePath(`${self}/${path}`)}`);
      continue;
    }
    lines.push(`mkdir -p ${quotePath(`bus/${device.bus}/drivers/${device.driver}`)}`);
    lines.push(`ln -s ../.. ${quotePath(`${self}/device`)}`);
    lines.push(`ln -s ${quotePath(`bus/${device.bus}`)} ${quotePath(`${parent}/subsystem`)}`);
    lines.push(`ln -s ${quotePath(`bus/${device.bus}/drivers/${device.driver}`)} ${quotePath(`${parent}/driver`)}`);
    if (device.physfn) lines.push(`mkdir ${quotePath(`${parent}/physfn`)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Runs a script in the dom0, under a shell, as if its /sys held these devices and no others. */
export async function runWithSys(
  dom0: Dom0,
  devices: Readonly<Record<string, FakeDevice>>,
  shell: readonly string[],
  script: string,
): Promise<Result> {
  // In a mount namespace of its own, which ends with the script. The kernel's own /sys goes on serving
  // the rest of the dom0.
  const buildAndRun = `${buildSysfsScript("/sys", devices)}exec "$@"\n`;
  const mountScript = `mount -t tmpfs tmpfs /sys\n${buildAndRun}`;
  return await dom0.run([
    ...["unshare", "--mount", "--propagation", "private", "sh", "-c", mountScript, "sh"],
    ...[...shell, "-c", script],
  ]);
}
