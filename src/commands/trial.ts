import { NetworkDevices } from "../kernel/devices.ts";
import type { Disabled } from "../offload/disable.ts";
import { carryOut, type DisablePlan, planDisable } from "../offload/disable.ts";
import type { Keyword } from "../offload/features.ts";
import type { Journal } from "../offload/journal.ts";
import type { Note, Problem } from "../offload/problem.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import type { TargetRequest } from "../offload/targets.ts";
import { formerRequests, type Trial } from "../offload/trial.ts";
import { FileJournal } from "../state/journal.ts";
import { ChangeLock } from "../state/lock.ts";
import { bootId, endTrial, readTrial, revertTrial, writeTrial } from "../state/trial.ts";
import { canAsk, confirm } from "../terminal/confirm.ts";
import { writeOut } from "../terminal/streams.ts";
import { type Dom0, renew } from "./dom0.ts";
import { Interrupted, type Interruption } from "./interruption.ts";
import { rememberDone } from "./remember.ts";
import { choose } from "./selection.ts";

/** How long to wait for whoever has the lock while a trial is being answered, in seconds. */
const PATIENCE = 30;

/** How often it is looked whether somebody else has answered, in milliseconds. */
const LOOK_AGAIN = 200;

/** What is put on trial. */
export interface OnTrial {
  readonly targets: readonly TargetRequest[];
  readonly keywords: readonly Keyword[];
  readonly seconds: number;
}

/** How a trial ended. */
export interface Tried {
  readonly kept: boolean;
  readonly done: Disabled;
  /** What the choice of targets says by now, where they had to be found again. */
  readonly notes?: readonly Note[];
}

/**
 * Changes the kernel, starts a guard that outlives this process, and asks. Kept, it is recorded as
 * well; otherwise, or without an answer in time, it is put back.
 */
export async function tryOut(
  plan: DisablePlan,
  { targets, keywords, seconds }: OnTrial,
  dom0: Dom0,
  lock: ChangeLock,
  interruption: Interruption,
): Promise<Result<Tried>> {
  const journal = new FileJournal();
  const noted = journal.read();
  if (!noted.ok) return noted;
  const begun = await beginTrial(plan, { targets, keywords, seconds }, noted.value);
  if (!begun.ok) return begun;
  const trial = begun.value;
  const live = await interruption.protect((isStopped) =>
    carryOut(plan, dom0.kernel, null, journal, isStopped),
  );
  lock[Symbol.dispose]();
  if (!live.ok) return live;
  try {
    const answer = await interruption.orElse(answered(trial, seconds, interruption.abortSignal));
    return await interruption.protect(() => conclude(answer, trial, live.value, dom0));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    // Whoever opened the host has heard the signal, too, and closes its devices. Should this fail, the
    // guard is still there to do it.
    await interruption.finish(async () => {
      using kernel = new NetworkDevices();
      return await putBack({ kernel }, trial);
    });
    throw error;
  }
}

/**
 * Puts a trial on disk, before its first change, and starts the guard that puts it back unless somebody
 * keeps it. `journal` is what is noted before the trial. To be called with the lock held.
 */
export async function beginTrial(
  plan: DisablePlan,
  { targets, keywords, seconds }: OnTrial,
  journal: Journal,
): Promise<Result<Trial>> {
  const trial: Trial = {
    deadline: Date.now() + seconds * 1000,
    bootId: bootId(),
    targets,
    keywords,
    devices: formerRequests(plan.live, plan.before),
    journal,
  };
  const written = await writeTrial(trial);
  if (!written.ok) return written;
  startGuard();
  return success(trial);
}

/**
 * The trial that is to be kept, if it still can be; null for whichever is on. To be called with the
 * lock held.
 */
export function trialToKeep(own: Pick<Trial, "deadline"> | null): Result<Trial> {
  const trial = readTrial();
  if (!trial.ok) return trial;
  if (trial.value === null) return usage("no-trial", "no change is on trial");
  const isMeant = own === null || isSame(trial.value, own);
  return isMeant && Date.now() < trial.value.deadline ? success(trial.value) : TOO_LATE;
}

const TOO_LATE = usage("no-trial", "no change is on trial any more; it was put back");

type Answer = "keep" | "put back" | "elsewhere";

/** The person's answer, or that somebody else has answered, or that the time is over. */
async function answered(trial: Trial, seconds: number, signal: AbortSignal): Promise<Answer> {
  const over = new AbortController();
  const asked = canAsk()
    ? confirm(
        `Keep these changes? Without an answer they are put back in ${seconds} seconds.`,
        AbortSignal.any([signal, over.signal]),
      )
    : announce(seconds);
  const answer = asked.then((word): Answer => (word === "yes" ? "keep" : "put back"));
  try {
    return await Promise.race([answer, watched(trial, over.signal)]);
  } finally {
    over.abort();
  }
}

/** Without a terminal the answer can only come from another login. */
async function announce(seconds: number): Promise<never> {
  await writeOut("stderr", `offload: keep this with offload confirm within ${seconds} seconds\n`);
  return new Promise<never>(() => {});
}

async function watched(trial: Trial, over: AbortSignal): Promise<Answer> {
  while (!over.aborted) {
    if (Date.now() >= trial.deadline) return "put back";
    const now = readTrial();
    if (now.ok && now.value === null) return "elsewhere";
    await Bun.sleep(LOOK_AGAIN);
  }
  return "elsewhere";
}

async function conclude(
  answer: Answer,
  trial: Trial,
  live: Disabled,
  dom0: Dom0,
): Promise<Result<Tried>> {
  if (answer === "keep") {
    const kept = await keepTrial(dom0, trial);
    return kept.ok ? success({ kept: true, ...kept.value }) : kept;
  }
  if (answer === "put back") {
    const problems = await putBack(dom0, trial);
    if (!problems.ok) return problems;
    return success({ kept: false, done: afterwards(live, dom0, [...problems.value, REVERTED]) });
  }
  // Kept or put back by another process: what the devices show now tells which.
  const now = afterwards(live, dom0, []);
  const kept = planDisable(live.interfaces, trial.keywords, now.after).live.length === 0;
  // Whoever kept it is recording it now, and reports on that.
  return success(
    kept
      ? { kept, done: { ...now, recordsKnown: false } }
      : { kept, done: { ...now, problems: [REVERTED] } },
  );
}

/** That a trial was put back. */
export const REVERTED: Problem = {
  code: "reverted",
  message: "not confirmed, so everything was put back as it was; nothing was recorded",
};

function afterwards(live: Disabled, { kernel }: Dom0, problems: readonly Problem[]): Disabled {
  const after = kernel.observeAgain(live.after, live.after.observations.keys());
  return { ...live, after, changes: [], problems, recordsKnown: true };
}

/**
 * Puts a trial back, unless somebody else has answered it, or has put it back and begun another while
 * this waited for the lock: so many seconds at most.
 */
export async function putBack(
  { kernel }: Pick<Dom0, "kernel">,
  own: Trial,
  patience = PATIENCE,
): Promise<Result<readonly Problem[]>> {
  const locked = await ChangeLock.take(patience, (work) => work);
  if (!locked.ok) return locked;
  using _lock = locked.value;
  const trial = readTrial();
  if (!trial.ok) return trial;
  return trial.value !== null && isSame(trial.value, own)
    ? await revertTrial(trial.value, kernel)
    : success([]);
}

/** There is one trial at a time, and the next one ends later. */
export function isSame(trial: Pick<Trial, "deadline">, other: Pick<Trial, "deadline">): boolean {
  return trial.deadline === other.deadline;
}

/** A trial that was kept. */
export interface Kept {
  readonly done: Disabled;
  readonly keywords: readonly Keyword[];
  readonly notes: readonly Note[];
}

/**
 * Ends the trial by keeping it: what it turned off is recorded now. VMs may have started and moved
 * since it began, so its targets are found anew. `own`: the one that is meant; null: whichever is on.
 */
export async function keepTrial(dom0: Dom0, own: Trial | null): Promise<Result<Kept>> {
  const locked = await ChangeLock.take(PATIENCE, (work) => work);
  if (!locked.ok) return locked;
  using _lock = locked.value;
  const trial = trialToKeep(own);
  if (!trial.ok) return trial;
  const { targets, keywords } = trial.value;
  const renewed = await renew(dom0);
  if (!renewed.ok) return renewed;
  const chosen = choose(renewed.value, targets);
  if (!chosen.ok) return chosen;
  const view = survey(chosen.value.interfaces, dom0.kernel);
  if (!view.ok) return view;
  const journal = new FileJournal();
  const noted = journal.read();
  if (!noted.ok) return noted;
  const ended = endTrial();
  if (!ended.ok) return ended;
  const { interfaces, toolstack, notes } = chosen.value;
  const plan = planDisable(interfaces, keywords, view.value);
  const carried = await carryOut(plan, dom0.kernel, toolstack, journal, () => false);
  if (!carried.ok) return carried;
  const done = await rememberDone(carried.value, chosen.value, keywords);
  return success({ done, keywords, notes });
}

/**
 * Starts this program once more, in a session of its own: neither the end of this process nor of
 * the login that it belongs to reaches the guard.
 */
function startGuard(): void {
  Bun.spawn([process.execPath, "guard"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
    cwd: "/",
  }).unref();
}
