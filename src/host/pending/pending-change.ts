import { unavailableError, usageError } from "../../core/command-error.ts";
import type { DisableResult } from "../../core/disable/apply.ts";
import { type Change, type FeatureSnapshot, getFeatureSet } from "../../core/disable/steps.ts";
import { getUuid, type Interface, listInterfaceDevices } from "../../core/interface.ts";
import { type PendingChange, type PendingCommand, revertDevices } from "../../core/pending-change.ts";
import type { Kernel, KernelBitsStore } from "../../core/ports.ts";
import type { Problem } from "../../core/problem.ts";
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
): Promise<PendingChange> {
  const deadlineMs = readUptimeMs() + confirmWithinSeconds * 1000;
  const fresh = [...devices.keys()].filter((device) => bits.get(device) === null);
  const change = { id, bootId: readBootId(), deadlineMs, targets, features, next, devices, fresh };
  await writePendingChange(change);
  startRevertTimer();
  return change;
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
): Promise<readonly Problem[]> {
  const reverted = revertDevices(change, kernel);
  if (reverted.length === 0) {
    await bits.remove(change.fresh);
  }
  removePendingChange();
  return reverted;
}

/**
 * Makes way for another change: one whose time is over is reverted; one that is still pending has to be
 * answered first. Says whether there was one: devices are then not as they were.
 */
export async function revertExpiredChange(kernel: Kernel, bits: KernelBitsStore): Promise<boolean> {
  const pending = readPendingChange();
  if (pending === null) return false;
  const remainingSeconds = getSecondsLeft(pending);
  if (remainingSeconds > 0) {
    throw unavailableError(
      "change-pending",
      `a pending change is reverted in ${formatCount(remainingSeconds, "second")}; keep it with offload confirm, or revert it now with offload restore`,
    );
  }
  await revertPendingChange(pending, kernel, bits);
  return true;
}

/** The pending change that is to be confirmed, if it still can be. `id`: null for whichever there is. */
export function findPendingChange(id: string | null): PendingChange {
  const pending = readPendingChange();
  if (pending === null) throw usageError("no-pending-change", "no change is pending");
  const isRequested = id === null || pending.id === id;
  if (!(isRequested && getSecondsLeft(pending) > 0)) {
    throw usageError("no-pending-change", "no change is pending any more; it was reverted");
  }
  return pending;
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
      const live = getFeatureSet(snapshot, name);
      if (requests === undefined || live === null) return [];
      return features.flatMap((feature): Change[] => {
        const names = snapshot.featureTable.listNames(snapshot.featureTable.getBits([feature]));
        const isPending = names.some(([kernelName]) => requests.has(kernelName));
        const to = live.state(feature);
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
