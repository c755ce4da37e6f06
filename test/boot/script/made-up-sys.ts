import type { Dom0 } from "../../dom0/dom0.ts";
import type { Result } from "../../dom0/running.ts";

/** What a network device looks like in /sys. */
export type Look =
  /** Hardware behind it, on this bus, by this driver. */
  | { readonly bus: string; readonly driver: string; readonly physfn?: true }
  /** Nothing behind it; what it has of its own. */
  | { readonly own: readonly string[] };

/** A NIC on PCI. */
export const PCI: Look = { bus: "pci", driver: "e1000e" };
/** An SR-IOV virtual function. */
export const VIRTUAL_FUNCTION: Look = { bus: "pci", driver: "ixgbevf", physfn: true };
/** The backend of a guest's interface, as netback registers it on the bus xen-backend. */
export const NETBACK: Look = { bus: "xen-backend", driver: "vif" };

/**
 * Builds a /sys whose class/net is as a dom0's: links into devices/, each with the files and links that
 * the kernel puts there. Needed because the devices of a throwaway dom0 are veth pairs, behind which
 * there is no hardware; a real ethtool goes by the name, so the devices themselves can be those pairs.
 */
function tree(root: string, devices: Readonly<Record<string, Look>>): string {
  const lines = [
    "set -eu",
    `mkdir -p '${root}/class/net'`,
    `echo '' > '${root}/class/net/bonding_masters'`,
  ];
  const quote = (path: string) => `'${root}/${path.replaceAll("'", `'\\''`)}'`;
  let number = 0;
  for (const [name, look] of Object.entries(devices)) {
    const hardware = "bus" in look;
    const parent = hardware ? `devices/${look.bus}-${number++}` : "devices/virtual";
    const self = `${parent}/net/${name}`;
    lines.push(`mkdir -p ${quote(self)}`, `echo 1 > ${quote(`${self}/ifindex`)}`);
    lines.push(`ln -s ${quote(self)} ${quote(`class/net/${name}`)}`);
    if (!hardware) {
      for (const path of look.own) lines.push(`mkdir ${quote(`${self}/${path}`)}`);
      continue;
    }
    lines.push(`mkdir -p ${quote(`bus/${look.bus}/drivers/${look.driver}`)}`);
    lines.push(`ln -s ../.. ${quote(`${self}/device`)}`);
    lines.push(`ln -s ${quote(`bus/${look.bus}`)} ${quote(`${parent}/subsystem`)}`);
    lines.push(
      `ln -s ${quote(`bus/${look.bus}/drivers/${look.driver}`)} ${quote(`${parent}/driver`)}`,
    );
    if (look.physfn) lines.push(`mkdir ${quote(`${parent}/physfn`)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Runs a script in the dom0, under a shell, as if its /sys held these devices and no others. */
export async function runWithSys(
  dom0: Dom0,
  devices: Readonly<Record<string, Look>>,
  shell: readonly string[],
  script: string,
): Promise<Result> {
  // In a mount namespace of its own, which ends with the script. The kernel's own /sys goes on serving
  // the rest of the dom0.
  const inside = `${tree("/sys", devices)}exec "$@"\n`;
  const mounting = `mount -t tmpfs tmpfs /sys\n${inside}`;
  return await dom0.run([
    ...["unshare", "--mount", "--propagation", "private", "sh", "-c", mounting, "sh"],
    ...[...shell, "-c", script],
  ]);
}
