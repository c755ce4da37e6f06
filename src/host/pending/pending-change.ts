import { attemptAsync, CommandError, unavailableError, usageError } from "../../core/command-error.ts";
import type { ChangeResult } from "../../core/disable/apply.ts";
import { type Change, type FeatureSnapshot, getFeatureSet } from "../../core/disable/steps.ts";
import { getUuid, type Interface, listInterfaceDevices } from "../../core/interface.ts";
import { type PendingChange, type PendingCommand, revertDevices } from "../../core/pending-change.ts";
import type { Kernel, KernelBitsStore } from "../../core/ports.ts";
import type { Problem } from "../../core/problem.ts";
import { formatCount } from "../../core/text.ts";
import { KernelBitsFile, readBootId } from "../../state/kernel-bits.ts";
import {
  getSecondsLeft,
  readPendingChange,
  readUptimeMs,
  removePendingChange,
  wasEndedByReboot,
  writePendingChange,
} from "../../state/pending-change.ts";
import { armRevertTimer, disarmRevertTimer } from "./revert-timer.ts";

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
 * Puts a pending change on disk, and arms what reverts it unless it is confirmed. To be called with the lock held,
 * before the first write.
 */
export async function beginPendingChange(
  { id, targets, features, confirmWithinSeconds }: PendingChangeRequest,
  next: PendingCommand,
  devices: PendingChange["devices"],
  bits: KernelBitsStore,
): Promise<PendingChange> {
  const deadlineMs = readUptimeMs() + confirmWithinSeconds * 1000;
  const fresh = [...devices.keys()].filter((device) => bits.get(device) === null);
  const change = { id, bootId: readBootId(), deadlineMs, targets, features, next, devices, fresh };
  await writePendingChange(change);
  try {
    await armRevertTimer(change);
  } catch (error) {
    await endPendingChange(change);
    throw error;
  }
  return change;
}

/** Applies a pending change that has begun; where that fails in the middle, what was done of it is reverted. */
export async function applyOrRevert<T>(change: PendingChange, kernel: Kernel, apply: () => Promise<T>): Promise<T> {
  try {
    return await apply();
  } catch (error) {
    await revertPendingChange(change, kernel);
    throw error;
  }
}

/** Gives a pending change so much time from now on. Its revert timer follows. To be called with the lock held. */
export async function extendPendingChange(change: PendingChange, seconds: number): Promise<PendingChange> {
  const extended = { ...change, deadlineMs: readUptimeMs() + seconds * 1000 };
  await writePendingChange(extended);
  return extended;
}

/** Ends a pending change that is confirmed or reverted: nothing reverts it any more. With the lock held. */
export async function endPendingChange(change: Pick<PendingChange, "id">): Promise<void> {
  await removePendingChange(change);
  await disarmRevertTimer(change);
}

/**
 * Reverts a pending change. What could not be reverted stays on disk, for `restore`. A state directory that
 * cannot be read or written to does not keep the devices from being reverted.
 */
export async function revertPendingChange(change: PendingChange, kernel: Kernel): Promise<readonly Problem[]> {
  const reverted = revertDevices(change, kernel);
  const removed = await attemptAsync(async () => {
    if (reverted.length === 0) await KernelBitsFile.read(kernel).remove(change.fresh);
  });
  const ended = await attemptAsync(() => endPendingChange(change));
  const failures = [removed, ended].flatMap((result) => (result instanceof CommandError ? result.failures : []));
  return [...reverted, ...failures.map(({ message }): Problem => ({ code: "state-write-failed", message }))];
}

/**
 * Makes way for another change: one whose time is over is reverted; one that is still pending has to be
 * answered first. Says whether there was one: devices are then not as they were.
 */
export async function revertExpiredChange(kernel: Kernel): Promise<boolean> {
  const pending = readPendingChange();
  if (pending === null) return false;
  const remainingSeconds = getSecondsLeft(pending);
  if (remainingSeconds > 0 && pending.next.command === "bisect") {
    throw unavailableError(
      "change-pending",
      `offload bisect is at work, or was killed: what it has turned off is restored in ${formatCount(remainingSeconds, "second")}; restore it now with offload restore`,
    );
  }
  if (remainingSeconds > 0) {
    throw unavailableError(
      "change-pending",
      `a pending change is reverted in ${formatCount(remainingSeconds, "second")}; keep it with offload confirm, or revert it now with offload restore`,
    );
  }
  await revertPendingChange(pending, kernel);
  return true;
}

/** The pending change that is to be confirmed, if it still can be. `id`: null for whichever there is. */
export function findPendingChange(id: string | null): PendingChange {
  const pending = readPendingChange();
  if (pending === null) {
    const message = wasEndedByReboot()
      ? "no change is pending any more; the host was rebooted, which reverted it"
      : "no change is pending";
    throw usageError("no-pending-change", message);
  }
  const isRequested = id === null || pending.id === id;
  if (!(isRequested && getSecondsLeft(pending) > 0)) {
    throw usageError("no-pending-change", "no change is pending any more; it was reverted");
  }
  return pending;
}

/** What a pending change has turned off or on, by what its devices show now. */
export function listPendingChanges(
  { devices, features, next }: PendingChange,
  interfaces: readonly Interface[],
  snapshot: FeatureSnapshot,
): readonly Change[] {
  return interfaces.flatMap((iface) =>
    listInterfaceDevices(iface, snapshot.existing).flatMap(({ name }): Change[] => {
      const requests = devices.get(name);
      const live = getFeatureSet(snapshot, name);
      if (requests === undefined || live === null) return [];
      return features.flatMap((feature): Change[] => {
        const names = snapshot.featureTable.listNames(snapshot.featureTable.getBits([feature]));
        const isPending = names.some(([kernelName]) => requests.has(kernelName));
        const to = live.state(feature);
        const [from, expected] = next.command === "enable" ? ["off", "on"] : ["on", "off"];
        if (!isPending || !to.startsWith(expected)) return [];
        return [{ device: name, uuid: getUuid(iface), feature, layer: "live", from, to }];
      });
    }),
  );
}

/** A run as the devices show it now, with other problems and no changes: it was reverted. */
export function markReverted(applied: ChangeResult, kernel: Kernel, problems: readonly Problem[]): ChangeResult {
  const after = kernel.rereadFeatures(applied.after, applied.after.readings.keys());
  return { ...applied, after, changes: [], problems, settingsVerified: true };
}
