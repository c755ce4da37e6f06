import { defineOffloadCommand } from "../cli/command.ts";
import { SHARED_ARGS } from "../cli/specs/shared.ts";
import { attempt, CommandError, usageError } from "../core/command-error.ts";
import { EXIT_CODES } from "../core/problem.ts";
import { createFailureReport, createReport } from "../core/report.ts";
import { withLocalHost } from "../host/open.ts";
import { revertIfPending } from "../host/pending/await-answer.ts";
import { REVERTED_PROBLEM } from "../host/pending/pending-change.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { getSecondsLeft, readPendingChange } from "../state/pending-change.ts";

/** How often the revert timer looks whether the change was answered. */
const POLL_INTERVAL_MS = 500;

/** How long it waits for whoever has the lock: nobody else would revert the change. */
const LOCK_WAIT_SECONDS = 24 * 3600;

const REVERT = {
  name: "revert",
  summary: "Revert the pending change",
  args: { "at-deadline": { type: "boolean" }, json: SHARED_ARGS.json, color: SHARED_ARGS.color },
} as const;

/**
 * `offload revert`, hidden: reverts the pending change. With `--at-deadline` it waits until the time of
 * that change is over: `disable --confirm-within` starts it so.
 */
export const revertCommand = defineOffloadCommand("restore", REVERT, async (args, { signals, call }) => {
  const pending = readPendingChange();
  // What somebody else has made pending meanwhile is not the pool's to revert.
  if (pending === null || (call !== null && pending.id !== call.runId)) {
    throw usageError("no-pending-change", "no change is pending");
  }
  const { id } = pending;
  while (args.flag("at-deadline") && getSecondsLeft(pending) > 0) {
    await signals.waitInterruptibly(Bun.sleep(POLL_INTERVAL_MS));
    const current = attempt(readPendingChange);
    // For one that was answered meanwhile nobody is to be kept from the lock.
    if (!(current instanceof CommandError) && current?.id !== id) {
      return { report: createFailureReport("restore", EXIT_CODES.success, []) };
    }
  }
  using kernel = new NetworkDevices();
  const reverted = await revertIfPending(kernel, { id }, LOCK_WAIT_SECONDS);
  const exitCode = reverted.length > 0 ? EXIT_CODES.problems : EXIT_CODES.success;
  if (call === null) {
    return { report: createReport("restore", { exitCode, problems: reverted }) };
  }
  const problems = [...reverted, REVERTED_PROBLEM];
  return await withLocalHost(async (host) => ({
    report: createReport("restore", { host, exitCode: EXIT_CODES.problems, problems }),
  }));
});
