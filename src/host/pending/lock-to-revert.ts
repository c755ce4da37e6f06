import { attempt, CommandError, unavailableError } from "../../core/command-error.ts";
import type { PendingChange } from "../../core/pending-change.ts";
import { ChangeLock } from "../../state/lock.ts";
import {
  describeLockHolder,
  findLockHolder,
  isHolderStopped,
  type LockHolder,
  signalLockHolder,
} from "../../state/lock-holder.ts";
import { getPendingState, readUptimeMs } from "../../state/pending-change.ts";

/** How often it is looked whether the lock is free. */
const POLL_INTERVAL_MS = 100;

/** How long after the deadline the process that holds the lock is left alone. */
const HOLDER_GRACE_MS = 5000;

/** How long a holder that was asked to end may take for it: a NIC that resets on a change takes seconds. */
const HOLDER_END_MS = 20_000;

/** How long it takes at most to stop a process that is not in the middle of a system call. */
const HOLDER_STOP_MS = 1000;

/**
 * Takes the lock to revert a change, unless someone else answers it meanwhile. Where the state directory is
 * replaced by something else nobody gets the lock, and none is needed.
 *
 * Past its deadline a change must not wait for a holder that gets nowhere: one that is stopped, or waits for
 * something that never comes. A holder that gets somewhere ends within seconds or answers the change, for nothing
 * else is allowed while one is pending. So the holder is first asked to end, and woken; every command then
 * finishes the device at hand and lets go of the lock. One that does not is stopped, so that it can no longer
 * answer the change; if it has not done so by then it is killed, and the kernel frees its lock. One that a signal
 * does not stop is in a driver: it is left alone: no other process could change that device either.
 */
export async function acquireLockToRevert(
  change: PendingChange,
  waitSeconds: number,
): Promise<ChangeLock | "answered" | "not needed"> {
  const endMs = readUptimeMs() + waitSeconds * 1000;
  let asked: { readonly holder: LockHolder; readonly atMs: number } | null = null;
  for (;;) {
    if (getPendingState(change) === "answered") return "answered";
    const lock = attempt(() => ChangeLock.tryAcquire());
    if (lock instanceof CommandError) return "not needed";
    if (lock !== null) return lock;
    const nowMs = readUptimeMs();
    if (nowMs >= endMs) throw unavailableError("locked", `another offload is at work (${describeLockHolder()})`);
    if (nowMs >= change.deadlineMs + HOLDER_GRACE_MS) {
      const holder = findLockHolder();
      if (holder !== null && (asked === null || !isSameHolder(holder, asked.holder))) {
        signalLockHolder(holder, "SIGTERM");
        signalLockHolder(holder, "SIGCONT");
        asked = { holder, atMs: nowMs };
      } else if (holder !== null && asked !== null && nowMs >= asked.atMs + HOLDER_END_MS) {
        await fenceHolder(holder, change);
      }
    }
    await Bun.sleep(POLL_INTERVAL_MS);
  }
}

function isSameHolder(a: LockHolder, b: LockHolder): boolean {
  return a.pid === b.pid && a.startTime === b.startTime;
}

async function fenceHolder(holder: LockHolder, change: PendingChange): Promise<void> {
  signalLockHolder(holder, "SIGSTOP");
  const giveUpMs = readUptimeMs() + HOLDER_STOP_MS;
  while (!isHolderStopped(holder) && readUptimeMs() < giveUpMs) await Bun.sleep(POLL_INTERVAL_MS / 10);
  const canBeKilled = isHolderStopped(holder) && getPendingState(change) !== "answered";
  signalLockHolder(holder, canBeKilled ? "SIGKILL" : "SIGCONT");
}
