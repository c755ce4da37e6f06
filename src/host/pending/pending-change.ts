import type { Disabled } from "../../core/disable/apply.ts";
import { type Change, type LiveView, statesOf } from "../../core/disable/steps.ts";
import { devicesOf, type Interface, uuidOf } from "../../core/interface.ts";
import {
  type PendingChange,
  type PendingCommand,
  revertDevices,
} from "../../core/pending-change.ts";
import type { Kernel, KernelBitsKeeper } from "../../core/ports.ts";
import type { Problem } from "../../core/problem.ts";
import { type Result, success, unavailable, usage } from "../../core/result.ts";
import { counted } from "../../core/text.ts";
import { bootId } from "../../state/kernel-bits.ts";
import {
  bootTimeMs,
  endPendingChange,
  readPendingChange,
  secondsLeft,
  writePendingChange,
} from "../../state/pending-change.ts";

/** What is to be pending. */
export interface PendingRequest extends Pick<PendingChange, "id" | "targets" | "features"> {
  readonly seconds: number;
}

/** That a pending change was reverted. */
export const REVERTED: Problem = {
  code: "reverted",
  message: "not confirmed, so everything was reverted; nothing was stored",
};

/**
 * Puts a pending change on disk, before its first write, and starts the process that reverts it unless it
 * is confirmed. To be called with the lock held.
 */
export async function beginPendingChange(
  { id, targets, features, seconds }: PendingRequest,
  next: PendingCommand,
  devices: PendingChange["devices"],
  bits: KernelBitsKeeper,
): Promise<Result<PendingChange>> {
  const deadlineMs = bootTimeMs() + seconds * 1000;
  const fresh = [...devices.keys()].filter((device) => bits.of(device) === null);
  const change = { id, bootId: bootId(), deadlineMs, targets, features, next, devices, fresh };
  const written = await writePendingChange(change);
  if (!written.ok) return written;
  startRevertTimer();
  return success(change);
}

/**
 * Starts this program once more, in a session of its own: neither the end of this process nor of the
 * login that it belongs to reaches it.
 */
function startRevertTimer(): void {
  Bun.spawn([process.execPath, "revert", "--at-deadline"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
    cwd: "/",
  }).unref();
}

/** Reverts a pending change. What could not be reverted stays on disk, for `restore`. */
export async function revertPendingChange(
  change: PendingChange,
  kernel: Kernel,
  bits: KernelBitsKeeper,
): Promise<Result<readonly Problem[]>> {
  const reverted = revertDevices(change, kernel);
  if (!reverted.ok) return reverted;
  if (reverted.value.length === 0) {
    const forgotten = await bits.forget(change.fresh);
    if (!forgotten.ok) return forgotten;
  }
  const ended = endPendingChange();
  return ended.ok ? reverted : ended;
}

/**
 * Makes way for another change: one whose time is over is reverted; one that is still pending has to be
 * answered first. Says whether there was one: devices are then not as they were.
 */
export async function settlePendingChange(
  kernel: Kernel,
  bits: KernelBitsKeeper,
): Promise<Result<boolean>> {
  const pending = readPendingChange();
  if (!pending.ok) return pending;
  if (pending.value === null) return success(false);
  const left = secondsLeft(pending.value);
  if (left > 0) {
    return unavailable(
      "change-pending",
      `a pending change is reverted in ${counted(left, "second")}; keep it with offload confirm, or revert it now with offload restore`,
    );
  }
  const reverted = await revertPendingChange(pending.value, kernel, bits);
  return reverted.ok ? success(true) : reverted;
}

/** The pending change that is to be confirmed, if it still can be. `id`: null for whichever there is. */
export function pendingToConfirm(id: string | null): Result<PendingChange> {
  const pending = readPendingChange();
  if (!pending.ok) return pending;
  if (pending.value === null) return usage("nothing-pending", "no change is pending");
  const isMeant = id === null || pending.value.id === id;
  return isMeant && secondsLeft(pending.value) > 0
    ? success(pending.value)
    : usage("nothing-pending", "no change is pending any more; it was reverted");
}

/** What a pending change has turned off, by what its devices show now. */
export function changesOf(
  { devices, features }: PendingChange,
  interfaces: readonly Interface[],
  view: LiveView,
): readonly Change[] {
  return interfaces.flatMap((iface) =>
    devicesOf(iface, view.existing).flatMap(({ name }): Change[] => {
      const requests = devices.get(name);
      const states = statesOf(view, name, features);
      if (requests === undefined || states === undefined) return [];
      return features.flatMap((feature, index): Change[] => {
        const names = view.kernel.named(view.kernel.bitsOf([feature]));
        const wasOn = names.some(([kernelName]) => requests.has(kernelName));
        const to = states[index] ?? "absent";
        if (!wasOn || to.startsWith("on")) return [];
        return [{ device: name, uuid: uuidOf(iface), feature, layer: "live", from: "on", to }];
      });
    }),
  );
}

/** A run as the devices show it now, with other problems and no changes: it was reverted. */
export function asReverted(done: Disabled, kernel: Kernel, problems: readonly Problem[]): Disabled {
  const after = kernel.observeAgain(done.after, done.after.observations.keys());
  return { ...done, after, changes: [], problems, settingsKnown: true };
}
