import { resolve } from "node:path";
import type { Dom0 } from "../test/dom0/dom0.ts";

/** The C program that does the ioctls and nothing else. */
export const LIMIT = resolve(import.meta.dir, "../dist/limit");

/** What a veth lets anyone change, and so what every side turns off. */
const FEATURES = ["rx", "tx", "sg", "tso", "gso", "gro"];

/** A shell loop with one process a device and all features in it. */
export function onceADevice(devices: readonly string[]): readonly string[] {
  const all = FEATURES.map((feature) => `${feature} off`).join(" ");
  return shell(devices, `ethtool -K "$d" ${all}`);
}

/** A shell loop with a process a feature, as the published scripts have it. */
export function onceAFeature(devices: readonly string[]): readonly string[] {
  return shell(devices, FEATURES.map((feature) => `ethtool -K "$d" ${feature} off`).join("; "));
}

/** A shell loop that reads every device. */
export function readEach(devices: readonly string[]): readonly string[] {
  return shell(devices, 'ethtool -k "$d"');
}

/** Turns everything on again and forgets the originals: as before the very first run. */
export async function turnOn(dom0: Dom0, devices: readonly string[]): Promise<void> {
  await must(dom0, [LIMIT, "on", ...devices]);
  await must(dom0, ["rm", "-rf", "/var/lib/offload"]);
}

/**
 * Takes the links down: taking receive coalescing from a veth that is up costs the kernel more than
 * all the rest, and no NIC or netback interface has that cost.
 */
export async function takeDown(dom0: Dom0, devices: readonly string[]): Promise<void> {
  await must(dom0, shell(devices, 'ip link set "$d" down'));
}

/** Runs a command that has to succeed. */
export async function must(dom0: Dom0, argv: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await dom0.run(argv, { timeoutMs: 600_000 });
  if (exitCode !== 0) throw new Error(`${argv.slice(0, 3).join(" ")}: ${stderr}`);
}

function shell(devices: readonly string[], body: string): readonly string[] {
  return ["/bin/sh", "-c", `for d in ${devices.join(" ")}; do ${body}; done`];
}
