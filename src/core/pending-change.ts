import type { BootMethod } from "./boot-layer.ts";
import type { FeatureSnapshot, LiveStep } from "./disable/steps.ts";
import { type FeatureRequest, isSet } from "./feature-set.ts";
import type { Feature } from "./features.ts";
import type { Kernel } from "./ports.ts";
import type { Problem } from "./problem.ts";
import type { TargetRequest } from "./targets/target-request.ts";

/** The command that a confirmation completes; of what `bisect` tries nothing is to be confirmed. */
export type PendingCommand =
  | { readonly command: "bisect" }
  | {
      readonly command: "disable";
      /** Whether the features were named, and not taken by default. */
      readonly named: boolean;
      /** By which method the boot layer is to be installed; null for none. */
      readonly persist: BootMethod | null;
    }
  | {
      readonly command: "enable";
      readonly named: boolean;
      readonly replug: boolean;
    }
  | {
      readonly command: "restore";
      /** Whether every feature is restored, and not only those that were named. */
      readonly isWhole: boolean;
      readonly force: boolean;
      readonly replug: boolean;
    };

/** A change that is live only, until it is confirmed or reverted. */
export interface PendingChange {
  readonly id: string;
  /** The boot that it belongs to: a reboot ends it, for nothing of it outlives one. */
  readonly bootId: string;
  /** When it is reverted, in milliseconds since the boot. */
  readonly deadlineMs: number;
  readonly targets: readonly TargetRequest[];
  readonly features: readonly Feature[];
  /** What is done for good when it is confirmed. */
  readonly next: PendingCommand;
  /** What was requested before of each device, by the kernel's names: no XAPI is needed to revert. */
  readonly devices: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
  /** Devices of which nothing was kept on disk before this change. */
  readonly fresh: readonly string[];
}

/** What was requested before of everything that these steps change, by device. */
export function collectPreviousRequests(
  steps: readonly LiveStep[],
  snapshot: FeatureSnapshot,
): PendingChange["devices"] {
  const devices = new Map<string, ReadonlyMap<string, boolean>>();
  for (const { device, request } of steps) {
    const reading = snapshot.readings.get(device);
    if (reading?.state !== "read") continue;
    const { requested } = reading.features;
    const requests = snapshot.featureTable
      .listNames(request.valid)
      .map(([name, index]) => [name, isSet(requested, index)] as const);
    devices.set(device, new Map(requests));
  }
  return devices;
}

/**
 * Reverts the devices of a pending change, and reads them back. One that has gone took its features
 * along; what else fails is reported.
 */
export function revertDevices({ devices }: Pick<PendingChange, "devices">, kernel: Kernel): readonly Problem[] {
  const snapshot = kernel.readFeatures((existing) => [...devices.keys()].filter((name) => existing.has(name)));
  const failed = new Map<string, string>();
  for (const [device, requests] of devices) {
    const request = planDeviceRequest(device, requests, snapshot);
    if (request === null || request.isEmpty) continue;
    const outcome = kernel.requestFeatures(device, request);
    if (!outcome.done && !outcome.deviceRemoved) failed.set(device, outcome.reason);
  }
  const after = kernel.rereadFeatures(snapshot, snapshot.readings.keys());
  for (const [device, requests] of devices) {
    const reading = after.readings.get(device);
    if (failed.has(device) || reading === undefined || reading.state === "missing") continue;
    if (reading.state === "unreadable") failed.set(device, reading.reason);
    else if (planDeviceRequest(device, requests, after)?.isEmpty === false) {
      failed.set(device, "the driver did not follow");
    }
  }
  const problems = [...failed].map(([device, reason]): Problem => {
    const message = `${device}: not reverted: ${reason}`;
    return { code: "write-failed", message, interface: device, device };
  });
  return problems;
}

/** What is still to be asked for of a device; null where it cannot be read. */
function planDeviceRequest(
  device: string,
  requests: ReadonlyMap<string, boolean>,
  { readings }: FeatureSnapshot,
): FeatureRequest | null {
  const reading = readings.get(device);
  return reading?.state === "read" ? reading.features.planRequest(requests) : null;
}
