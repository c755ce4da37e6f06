import { defineOffloadCommand } from "../cli/command.ts";
import { InterruptedError, type SignalHandler } from "../cli/signals.ts";
import { SHARED_ARGS } from "../cli/specs/shared.ts";
import { attempt, CommandError, usageError } from "../core/command-error.ts";
import type { PendingChange } from "../core/pending-change.ts";
import { EXIT_CODES, type Problem } from "../core/problem.ts";
import { createReport } from "../core/report.ts";
import { withLocalHost } from "../host/open.ts";
import { revertIfPending } from "../host/pending/await-answer.ts";
import { REVERTED_PROBLEM } from "../host/pending/pending-change.ts";
import { disarmRevertTimer, reportRevertTimerReady } from "../host/pending/revert-timer.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { getPendingState, getSecondsLeft, readPendingChange } from "../state/pending-change.ts";

/** How often the revert timer looks whether the change was answered. */
const POLL_INTERVAL_MS = 500;

/** How long it waits for the process that holds the lock: nobody else would revert the change. */
const LOCK_WAIT_SECONDS = 24 * 3600;

const REVERT = {
  name: "revert",
  summary: "Revert the pending change",
  args: {
    "at-deadline": { type: "boolean" },
    change: { type: "string" },
    json: SHARED_ARGS.json,
    color: SHARED_ARGS.color,
  },
} as const;

/**
 * `offload revert`, hidden: reverts the pending change. With `--at-deadline` it is the revert timer of the change
 * `--change`: it waits until the time of that is over.
 */
export const revertCommand = defineOffloadCommand("restore", REVERT, async (args, { signals, call }) => {
  const pending = readPendingChange();
  if (args.flag("at-deadline")) {
    return await revertAtDeadline(args.values("change")[0] ?? "", pending, signals);
  }
  // What someone else has made pending meanwhile is not the pool's to revert.
  if (pending === null || (call !== null && pending.id !== call.runId)) {
    throw usageError("no-pending-change", "no change is pending");
  }
  const reverted = await revertNow(pending);
  if (call === null) return createRevertReport(reverted);
  const problems = [...reverted, REVERTED_PROBLEM];
  return await withLocalHost(async (host) => ({
    report: createReport("restore", { host, exitCode: EXIT_CODES.problems, problems }),
  }));
});

async function revertAtDeadline(id: string, pending: PendingChange | null, signals: SignalHandler) {
  // The timer of a change that was answered is still there where it could not be stopped.
  if (pending?.id !== id) {
    await disarmRevertTimer({ id });
    return createRevertReport([]);
  }
  reportRevertTimerReady();
  try {
    const current = await signals.waitInterruptibly(waitForDeadline(pending));
    return createRevertReport(await revertNow(current));
  } catch (error) {
    // Whoever ends this process ends what protects the change.
    if (error instanceof InterruptedError) await revertNow(pending);
    throw error;
  }
}

/** Waits until the time of a change is over, of which it may get more meanwhile; returns it as it is then. */
async function waitForDeadline(change: PendingChange): Promise<PendingChange> {
  let current = change;
  while (getPendingState(change) === "pending") {
    const pending = attempt(readPendingChange);
    if (pending !== null && !(pending instanceof CommandError) && pending.id === change.id) current = pending;
    if (getSecondsLeft(current) === 0) break;
    await Bun.sleep(POLL_INTERVAL_MS);
  }
  return current;
}

async function revertNow(change: PendingChange): Promise<readonly Problem[]> {
  using kernel = new NetworkDevices();
  return await revertIfPending(kernel, change, LOCK_WAIT_SECONDS);
}

function createRevertReport(problems: readonly Problem[]) {
  const exitCode = problems.length > 0 ? EXIT_CODES.problems : EXIT_CODES.success;
  // For the journal, where this runs as a service.
  const text = problems.map(({ message }) => `${message}\n`).join("");
  return { report: createReport("restore", { exitCode, problems }), text };
}
