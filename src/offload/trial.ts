import type { Keyword } from "./features.ts";
import type { Journal } from "./journal.ts";
import { type FeatureWish, isSet } from "./kernel-features.ts";
import type { LiveStep, LiveView } from "./plan.ts";
import type { Kernel } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { type Result, success } from "./result.ts";
import type { TargetRequest } from "./targets.ts";

/** A change on trial: live only, recorded when it is confirmed, put back when it is not. */
export interface Trial {
  /** When it is put back, in milliseconds since 1970. */
  readonly deadline: number;
  /** The boot that it belongs to: a reboot ends it, for nothing of it outlives one. */
  readonly bootId: string;
  readonly targets: readonly TargetRequest[];
  readonly keywords: readonly Keyword[];
  /** By device what of the kernel's features was requested before; no XAPI is needed to put it back. */
  readonly devices: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
  /** The journal as it was before the trial. */
  readonly journal: Journal;
}

/** What was requested before of everything that these steps clear, by device. */
export function formerRequests(steps: readonly LiveStep[], view: LiveView): Trial["devices"] {
  const devices = new Map<string, ReadonlyMap<string, boolean>>();
  for (const { device, clear } of steps) {
    const observation = view.observations.get(device);
    if (observation?.state !== "read") continue;
    const { requested } = observation.features;
    const former = view.kernel
      .named(clear.bits)
      .map(([name, index]) => [name, isSet(requested, index)] as const);
    devices.set(device, new Map(former));
  }
  return devices;
}

/**
 * Puts the devices of a trial back, and reads them back. One that has gone took its features along;
 * what else fails is told.
 */
export function revertDevices({ devices }: Trial, kernel: Kernel): Result<readonly Problem[]> {
  const view = kernel.observe((existing) =>
    [...devices.keys()].filter((name) => existing.has(name)),
  );
  if (!view.ok) return view;
  const failed = new Map<string, string>();
  for (const [device, former] of devices) {
    const wish = wishFor(device, former, view.value);
    if (wish === null || wish.isEmpty) continue;
    const outcome = kernel.request(device, wish);
    if (!outcome.done && !outcome.gone) failed.set(device, outcome.because);
  }
  const after = kernel.observeAgain(view.value, view.value.observations.keys());
  for (const [device, former] of devices) {
    const seen = after.observations.get(device);
    if (failed.has(device) || seen === undefined || seen.state === "missing") continue;
    if (seen.state === "unreadable") failed.set(device, seen.because);
    else if (wishFor(device, former, after)?.isEmpty === false) {
      failed.set(device, "the driver did not follow");
    }
  }
  const problems = [...failed].map(([device, because]): Problem => {
    const message = `${device}: not put back: ${because}`;
    return { code: "write-failed", message, interface: device, device };
  });
  return success(problems);
}

/** What is still to be asked for of a device; null where it cannot be read. */
function wishFor(
  device: string,
  former: ReadonlyMap<string, boolean>,
  { kernel, observations }: LiveView,
): FeatureWish | null {
  const seen = observations.get(device);
  return seen?.state === "read" ? kernel.wish(seen.features, former) : null;
}
