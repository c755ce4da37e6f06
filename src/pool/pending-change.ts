import { confirm } from "../terminal/confirm.ts";
import { callHosts, followMoves, type HostRun, type Schedule } from "./scheduler.ts";

/**
 * Has every host make its change pending, each with a revert timer of its own, and asks. Kept, each host
 * confirms its change; otherwise, and after a signal, each reverts it. A host that does not answer by
 * then reverts by itself.
 */
export async function runWithinTime(
  schedule: Schedule,
  runs: HostRun[],
  seconds: number,
): Promise<void> {
  // Counted from before the first call: the hosts' own timers end later.
  const expired = AbortSignal.timeout(seconds * 1000);
  const pending: Schedule = {
    ...schedule,
    argsOn(host, hosts) {
      const args = schedule.argsOn(host, hosts);
      return args === null ? null : [`--confirm-within=${seconds}`, ...args];
    },
  };
  await callHosts(pending, runs);
  const begun = runs.filter(({ reason, answer }) => reason === null && answer?.report.host);
  const question = `Keep these changes on ${begun.length} of ${runs.length} hosts? They are reverted in ${seconds} seconds, and by Enter.`;
  const ended = AbortSignal.any([schedule.signal, expired]);
  const canKeep = begun.length > 0 && !ended.aborted;
  const isKept = canKeep && (await confirm(question, ended)) === "yes" && !ended.aborted;
  // What confirm reports has what was pending in it, and what is reverted has not happened.
  for (const run of begun) run.answer = null;
  const conclusion = { ...schedule, argsOn: () => [] };
  if (isKept) {
    await callHosts({ ...conclusion, command: "confirm" }, begun);
    await followMoves(schedule, runs);
  } else {
    // Whatever signal came: what is pending is reverted.
    const signal = new AbortController().signal;
    await callHosts({ ...conclusion, command: "revert", signal }, begun);
  }
}
