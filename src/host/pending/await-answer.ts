import type { CommandResult } from "../../cli/command.ts";
import { InterruptedError, type SignalHandler } from "../../cli/signals.ts";
import { attempt, CommandError } from "../../core/command-error.ts";
import type { PendingChange } from "../../core/pending-change.ts";
import type { Kernel } from "../../core/ports.ts";
import { EXIT_CODES, type Note, type Problem } from "../../core/problem.ts";
import { createReport } from "../../core/report.ts";
import { NetworkDevices } from "../../kernel/devices.ts";
import { ChangeLock } from "../../state/lock.ts";
import { getPendingState, getSecondsLeft } from "../../state/pending-change.ts";
import { askYesNo, isInteractive, type Answer as PromptAnswer } from "../../terminal/confirm.ts";
import { writeAll } from "../../terminal/streams.ts";
import { type ConfirmContext, confirmPending } from "./confirm.ts";
import { acquireLockToRevert } from "./lock-to-revert.ts";
import { REVERTED_PROBLEM, revertPendingChange } from "./pending-change.ts";

/** How long to wait for the process that holds the lock while a pending change is being answered. */
const LOCK_WAIT_SECONDS = 30;

/** How often it is looked whether someone else has answered. */
const POLL_INTERVAL_MS = 200;

/** How a pending change ended. */
export type PendingOutcome =
  | { readonly type: "confirmed"; readonly result: CommandResult }
  | { readonly type: "reverted"; readonly problems: readonly Problem[] };

interface AwaitContext extends Pick<ConfirmContext, "dom0" | "command"> {
  readonly signals: SignalHandler;
}

/** Waits until a pending change is answered, here or from another login, or its time is over. */
export async function awaitAnswer(
  change: PendingChange,
  timeoutSeconds: number,
  { dom0, command, signals }: AwaitContext,
): Promise<PendingOutcome> {
  try {
    const answer = await signals.waitInterruptibly(waitForAnswer(change, timeoutSeconds, signals.abortSignal));
    return await signals.runUninterrupted((isStopped) =>
      handleAnswer(answer, change, { dom0, call: null, command, isStopped }),
    );
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    // Whoever opened the host has heard the signal, too, and closes its devices. Should this fail, the
    // revert timer is still there to do it.
    await signals.runCleanup(async () => {
      using kernel = new NetworkDevices();
      return await revertIfPending(kernel, change, LOCK_WAIT_SECONDS);
    });
    throw error;
  }
}

type Answer = "confirm" | "revert" | "answered elsewhere";

async function waitForAnswer(change: PendingChange, timeoutSeconds: number, signal: AbortSignal): Promise<Answer> {
  const stop = new AbortController();
  const prompt = isInteractive()
    ? askToKeep(change, AbortSignal.any([signal, stop.signal]))
    : printConfirmHint(timeoutSeconds);
  const answer = prompt.then((reply): Answer => (reply === "yes" ? "confirm" : "revert"));
  try {
    return await Promise.race([answer, watchPendingChange(change, stop.signal)]);
  } finally {
    stop.abort();
  }
}

/** Enter, and no answer in time, mean No. */
async function askToKeep(change: PendingChange, signal: AbortSignal): Promise<PromptAnswer> {
  await writeAll("stderr", "(Enter: no; from another login: offload confirm)\n");
  return await askYesNo("Keep these changes?", signal, () => `Reverted in ${getSecondsLeft(change)} s`);
}

/** Without a terminal the answer can only come from another login. */
async function printConfirmHint(timeoutSeconds: number): Promise<never> {
  await writeAll("stderr", `offload: keep this with offload confirm within ${timeoutSeconds} seconds\n`);
  return new Promise<never>(() => {});
}

async function watchPendingChange(change: PendingChange, stopSignal: AbortSignal): Promise<Answer> {
  while (!stopSignal.aborted) {
    const state = getPendingState(change);
    if (state === "answered") return "answered elsewhere";
    if (state === "deleted" || getSecondsLeft(change) === 0) return "revert";
    await Bun.sleep(POLL_INTERVAL_MS);
  }
  return "answered elsewhere";
}

async function handleAnswer(answer: Answer, change: PendingChange, run: ConfirmContext): Promise<PendingOutcome> {
  if (answer === "confirm") {
    const confirmed = await confirmPending(change.id, run);
    return { type: "confirmed", result: confirmed };
  }
  if (answer === "revert") {
    const problems = await revertIfPending(run.dom0.kernel, change, LOCK_WAIT_SECONDS);
    return { type: "reverted", problems: [...problems, REVERTED_PROBLEM] };
  }
  return detectOutcome(change, run);
}

/** What the devices show now says whether it was confirmed or reverted by another process. */
function detectOutcome({ devices }: PendingChange, { dom0, command }: ConfirmContext): PendingOutcome {
  const snapshot = attempt(() =>
    dom0.kernel.readFeatures((existing) => [...devices.keys()].filter((name) => existing.has(name))),
  );
  const isReverted =
    snapshot instanceof CommandError ||
    [...devices].some(([device, requests]) => {
      const reading = snapshot.readings.get(device);
      return reading?.state === "read" && requests.size > 0 && reading.features.planRequest(requests).isEmpty;
    });
  if (isReverted) return { type: "reverted", problems: [REVERTED_PROBLEM] };
  const message = "confirmed from another login, which reports what was stored";
  const notes: readonly Note[] = [{ code: "confirmed-in-other-session", message }];
  const report = createReport(command, { host: dom0.host, exitCode: EXIT_CODES.success, notes });
  return { type: "confirmed", result: { report } };
}

/**
 * Reverts a pending change, unless someone else has answered it, or has reverted it and begun another
 * while this waited for the lock.
 */
export async function revertIfPending(
  kernel: Kernel,
  change: PendingChange,
  waitSeconds: number,
): Promise<readonly Problem[]> {
  const locked = await acquireLockToRevert(change, waitSeconds);
  using _lock = locked instanceof ChangeLock ? locked : null;
  if (locked === "answered" || getPendingState(change) === "answered") return [];
  return await revertPendingChange(change, kernel);
}
