import { applyChange } from "../src/core/disable/apply.ts";
import { planLiveOnly } from "../src/core/disable/plan.ts";
import { DEFAULT_FEATURES } from "../src/core/features.ts";
import type { UnmanagedInterface } from "../src/core/interface.ts";
import type { KernelBitsStore, PendingAnnouncements } from "../src/core/ports.ts";
import { readInterfaceFeatures } from "../src/core/targets/interface-features.ts";
import { NetworkDevices } from "../src/kernel/devices.ts";

/**
 * The live part of `disable` by itself: reading the devices that are named, planning, one write
 * each, and reading back. Prints how long that took, in microseconds, without the start of the
 * process and without the report.
 */
const interfaces = process.argv
  .slice(2)
  .map((device): UnmanagedInterface => ({ kind: "unmanaged", device, deviceKind: "vif" }));
const done = async () => undefined;
const bits: KernelBitsStore = { get: () => null, listDevices: () => [], save: done, remove: done };
const mark: PendingAnnouncements = { filterPending: () => new Set(), add: done, remove: done };
const request = {
  features: DEFAULT_FEATURES,
  direction: "off" as const,
  hasExplicitFeatures: false,
  groups: { nics: false, vifs: false },
  individualVifs: new Set<string>(),
};
using kernel = new NetworkDevices();
const start = performance.now();
const before = readInterfaceFeatures(interfaces, kernel);
const ports = {
  kernel,
  toolstack: null,
  bits,
  pendingAnnouncements: mark,
  isStopped: () => false,
  checkCallerWaiting: done,
};
await applyChange(planLiveOnly(interfaces, request, { snapshot: before, getKernelBits: () => null }), ports);
process.stdout.write(`${(performance.now() - start) * 1000}\n`);
