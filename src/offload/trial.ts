import type { Keyword } from "./features.ts";
import type { Journal } from "./journal.ts";
import { isSet } from "./kernel-features.ts";
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
 * Puts the devices of a trial back. One that has gone took its features along; what else fails is
 * told.
 */
export function revertDevices({ devices }: Trial, kernel: Kernel): Result<readonly Problem[]> {
  const view = kernel.observe((existing) =>
    [...devices.keys()].filter((name) => existing.has(name)),
  );
  if (!view.ok) return view;
  const problems: Problem[] = [];
  for (const [device, former] of devices) {
    const observation = view.value.observations.get(device);
    if (observation?.state !== "read") continue;
    const wish = view.value.kernel.wish(observation.features, former);
    if (wish.isEmpty) continue;
    const outcome = kernel.request(device, wish);
    if (outcome.done || outcome.gone) continue;
    const message = `${device}: not put back: ${outcome.because}`;
    problems.push({ code: "write-failed", message, interface: device, device });
  }
  return success(problems);
}
