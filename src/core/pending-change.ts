import type { Method } from "./boot-layer.ts";
import type { LiveStep, LiveView } from "./disable/steps.ts";
import { type FeatureWish, isSet } from "./feature-set.ts";
import type { Keyword } from "./features.ts";
import type { Kernel } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { type Result, success } from "./result.ts";
import type { TargetRequest } from "./targets/targets.ts";

/** The command that a confirmation completes. */
export type PendingCommand =
  | {
      readonly command: "disable";
      /** Whether the features were named, and not taken by default. */
      readonly named: boolean;
      /** By which method the boot layer is to be installed; null for none. */
      readonly persist: Method | null;
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
  readonly features: readonly Keyword[];
  /** What is done for good when it is confirmed. */
  readonly next: PendingCommand;
  /** What was requested before of each device, by the kernel's names: no XAPI is needed to revert. */
  readonly devices: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
  /** Devices of which nothing was kept on disk before this change. */
  readonly fresh: readonly string[];
}

/** What was requested before of everything that these steps clear, by device. */
export function requestsBefore(
  steps: readonly LiveStep[],
  view: LiveView,
): PendingChange["devices"] {
  const devices = new Map<string, ReadonlyMap<string, boolean>>();
  for (const { device, clear } of steps) {
    const observation = view.observations.get(device);
    if (observation?.state !== "read") continue;
    const { requested } = observation.features;
    const requests = view.kernel
      .named(clear.bits)
      .map(([name, index]) => [name, isSet(requested, index)] as const);
    devices.set(device, new Map(requests));
  }
  return devices;
}

/**
 * Reverts the devices of a pending change, and reads them back. One that has gone took its features
 * along; what else fails is reported.
 */
export function revertDevices(
  { devices }: Pick<PendingChange, "devices">,
  kernel: Kernel,
): Result<readonly Problem[]> {
  const view = kernel.observe((existing) =>
    [...devices.keys()].filter((name) => existing.has(name)),
  );
  if (!view.ok) return view;
  const failed = new Map<string, string>();
  for (const [device, requests] of devices) {
    const wish = wishFor(device, requests, view.value);
    if (wish === null || wish.isEmpty) continue;
    const outcome = kernel.request(device, wish);
    if (!outcome.done && !outcome.gone) failed.set(device, outcome.because);
  }
  const after = kernel.observeAgain(view.value, view.value.observations.keys());
  for (const [device, requests] of devices) {
    const seen = after.observations.get(device);
    if (failed.has(device) || seen === undefined || seen.state === "missing") continue;
    if (seen.state === "unreadable") failed.set(device, seen.because);
    else if (wishFor(device, requests, after)?.isEmpty === false) {
      failed.set(device, "the driver did not follow");
    }
  }
  const problems = [...failed].map(([device, reason]): Problem => {
    const message = `${device}: not reverted: ${reason}`;
    return { code: "write-failed", message, interface: device, device };
  });
  return success(problems);
}

/** What is still to be asked for of a device; null where it cannot be read. */
function wishFor(
  device: string,
  requests: ReadonlyMap<string, boolean>,
  { kernel, observations }: LiveView,
): FeatureWish | null {
  const seen = observations.get(device);
  return seen?.state === "read" ? kernel.wish(seen.features, requests) : null;
}
