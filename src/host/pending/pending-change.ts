import type { DisableResult } from "../../core/disable/apply.ts";
import { type Change, type FeatureSnapshot, getLiveStates } from "../../core/disable/steps.ts";
import { getUuid, type Interface, listInterfaceDevices } from "../../core/interface.ts";
import { type PendingChange, type PendingCommand, revertDevices } from "../../core/pending-change.ts";
import type { Kernel, KernelBitsStore } from "../../core/ports.ts";
import type { Problem } from "../../core/problem.ts";
import { type Result, success, unavailableFailure, usageFailure } from "../../core/result.ts";
import { formatCount } from "../../core/text.ts";
import { readBootId } from "../../state/kernel-bits.ts";
import {
  getSecondsLeft,
  readPendingChange,
  readUptimeMs,
  removePendingChange,
  writePendingChange,
} from "../../state/pending-change.ts";

/** What is to be pending. */
export interface PendingChangeRequest extends Pick<PendingChange, "id" | "targets" | "features"> {
  readonly confirmWithinSeconds: number;
}

/** That a pending change was reverted. */
export const REVERTED_PROBLEM: Problem = {
  code: "reverted",
  message: "not confirmed, so everything was reverted; nothing was stored",
};

/**
 * Puts a pending change on disk, before its first write, and starts the process that reverts it unless it
 * is confirmed. To be called with the lock held.
 */
export async function beginPendingChange(
  { id, targets, features, confirmWithinSeconds }: PendingChangeRequest,
  next: PendingCommand,
  devices: PendingChange["devices"],
  bits: KernelBitsStore,
): Promise<Result<PendingChange>> {
  const deadlineMs = readUptimeMs() + confirmWithinSeconds * 1000;
  const fresh = [...devices.keys()].filter((device) => bits.get(device) === null);
  const change = { id, bootId: readBootId(), deadlineMs, targets, features, next, devices, fresh };
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
  bits: KernelBitsStore,
): Promise<Result<readonly Problem[]>> {
  const reverted = revertDevices(change, kernel);
  if (!reverted.ok) return reverted;
  if (reverted.value.length === 0) {
    const forgetResult = await bits.remove(change.fresh);
    if (!forgetResult.ok) return forgetResult;
  }
  const removed = removePendingChange();
  return removed.ok ? reverted : removed;
}

/**
 * Makes way for another change: one whose time is over is reverted; one that is still pending has to be
 * answered first. Says whether there was one: devices are then not as they were.
 */
export async function revertExpiredChange(kernel: Kernel, bits: KernelBitsStore): Promise<Result<boolean>> {
  const pending = readPendingChange();
  if (!pending.ok) return pending;
  if (pending.value === null) return success(false);
  const remainingSeconds = getSecondsLeft(pending.value);
  if (remainingSeconds > 0) {
    return unavailableFailure(
      "change-pending",
      `a pending change is reverted in ${formatCount(remainingSeconds, "second")}; keep it with offload confirm, or revert it now with offload restore`,
    );
  }
  const reverted = await revertPendingChange(pending.value, kernel, bits);
  return reverted.ok ? success(true) : reverted;
}

/** The pending change that is to be confirmed, if it still can be. `id`: null for whichever there is. */
export function findPendingChange(id: string | null): Result<PendingChange> {
  const pending = readPendingChange();
  if (!pending.ok) return pending;
  if (pending.value === null) return usageFailure("no-pending-change", "no change is pending");
  const isRequested = id === null || pending.value.id === id;
  return isRequested && getSecondsLeft(pending.value) > 0
    ? success(pending.value)
    : usageFailure("no-pending-change", "no change is pending any more; it was reverted");
}

/** What a pending change has turned off, by what its devices show now. */
export function listPendingChanges(
  { devices, features }: PendingChange,
  interfaces: readonly Interface[],
  snapshot: FeatureSnapshot,
): readonly Change[] {
  return interfaces.flatMap((iface) =>
    listInterfaceDevices(iface, snapshot.existing).flatMap(({ name }): Change[] => {
      const requests = devices.get(name);
      const states = getLiveStates(snapshot, name, features);
      if (requests === undefined || states === undefined) return [];
      return features.flatMap((feature, index): Change[] => {
        const names = snapshot.featureTable.listNames(snapshot.featureTable.getBits([feature]));
        const isPending = names.some(([kernelName]) => requests.has(kernelName));
        const to = states[index] ?? "absent";
        if (!isPending || to.startsWith("on")) return [];
        return [{ device: name, uuid: getUuid(iface), feature, layer: "live", from: "on", to }];
      });
    }),
  );
}

/** A run as the devices show it now, with other problems and no changes: it was reverted. */
export function markReverted(applied: DisableResult, kernel: Kernel, problems: readonly Problem[]): DisableResult {
  const after = kernel.rereadFeatures(applied.after, applied.after.readings.keys());
  return { ...applied, after, changes: [], problems, settingsVerified: true };
}
