import { askYesNo } from "../terminal/confirm.ts";
import { callHosts, followMigrations, type HostRun, type Schedule } from "./scheduler.ts";

/**
 * Has every host make its change pending, each with a revert timer of its own, and asks. Kept, each host
 * confirms its change; otherwise, and after a signal, each reverts it. A host that does not answer by
 * then reverts by itself.
 */
export async function runUntilConfirmed(
  schedule: Schedule,
  runs: HostRun[],
  confirmWithinSeconds: number,
): Promise<void> {
  // Counted from before the first call: the hosts' own timers end later.
  const timeoutSignal = AbortSignal.timeout(confirmWithinSeconds * 1000);
  const pendingSchedule: Schedule = {
    ...schedule,
    buildArgs(host, hosts) {
      const args = schedule.buildArgs(host, hosts);
      return args === null ? null : [`--confirm-within=${confirmWithinSeconds}`, ...args];
    },
  };
  await callHosts(pendingSchedule, runs);
  const pendingRuns = runs.filter(({ reason, answer }) => reason === null && answer?.report.host);
  const question = `Keep these changes on ${pendingRuns.length} of ${runs.length} hosts? They are reverted in ${confirmWithinSeconds} seconds, and by Enter.`;
  const stopSignal = AbortSignal.any([schedule.signal, timeoutSignal]);
  const canConfirm = pendingRuns.length > 0 && !stopSignal.aborted;
  const isConfirmed = canConfirm && (await askYesNo(question, stopSignal)) === "yes" && !stopSignal.aborted;
  // What confirm reports has what was pending in it, and what is reverted has not happened.
  for (const run of pendingRuns) run.answer = null;
  const answerSchedule = { ...schedule, buildArgs: () => [] };
  if (isConfirmed) {
    await callHosts({ ...answerSchedule, command: "confirm" }, pendingRuns);
    await followMigrations(schedule, runs);
  } else {
    // Whatever signal came: what is pending is reverted.
    const signal = new AbortController().signal;
    await callHosts({ ...answerSchedule, command: "revert", signal }, pendingRuns);
  }
}
