import type { Told } from "../../cli/command.ts";
import { Interrupted, type Interruption } from "../../cli/signals.ts";
import type { PendingChange } from "../../core/pending-change.ts";
import type { Kernel } from "../../core/ports.ts";
import { EXIT, type Note, type Problem } from "../../core/problem.ts";
import { reportOf } from "../../core/report.ts";
import { type Result, success } from "../../core/result.ts";
import { NetworkDevices } from "../../kernel/devices.ts";
import { KernelBitsFile } from "../../state/kernel-bits.ts";
import { ChangeLock } from "../../state/lock.ts";
import { readPendingChange, secondsLeft } from "../../state/pending-change.ts";
import { canAsk } from "../../terminal/confirm.ts";
import { confirmInTime } from "../../terminal/countdown.ts";
import { writeOut } from "../../terminal/streams.ts";
import { type ConfirmRun, confirmPending } from "./confirm.ts";
import { REVERTED, revertPendingChange } from "./pending-change.ts";

/** How long to wait for whoever has the lock while a pending change is being answered. */
const LOCK_WAIT_SECONDS = 30;

/** How often it is looked whether somebody else has answered. */
const POLL_MS = 200;

/** How a pending change ended. */
export type Ended =
  | { readonly type: "confirmed"; readonly told: Told }
  | { readonly type: "reverted"; readonly problems: readonly Problem[] };

interface Context extends Pick<ConfirmRun, "dom0" | "command"> {
  readonly interruption: Interruption;
}

/** Waits until a pending change is answered, here or from another login, or its time is over. */
export async function awaitAnswer(
  change: PendingChange,
  seconds: number,
  { dom0, command, interruption }: Context,
): Promise<Result<Ended>> {
  try {
    const answer = await interruption.orElse(answerTo(change, seconds, interruption.abortSignal));
    return await interruption.protect((isStopped) =>
      conclude(answer, change, { dom0, call: null, command, isStopped }),
    );
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    // Whoever opened the host has heard the signal, too, and closes its devices. Should this fail, the
    // revert timer is still there to do it.
    await interruption.finish(async () => {
      using kernel = new NetworkDevices();
      return await revertOwn(kernel, change, LOCK_WAIT_SECONDS);
    });
    throw error;
  }
}

type Answer = "confirm" | "revert" | "answered elsewhere";

async function answerTo(
  change: PendingChange,
  seconds: number,
  signal: AbortSignal,
): Promise<Answer> {
  const over = new AbortController();
  const question = {
    question: "Keep these changes?",
    otherwise: "Reverted",
    command: "offload confirm",
    secondsLeft: () => secondsLeft(change),
  };
  const asked = canAsk()
    ? confirmInTime(question, AbortSignal.any([signal, over.signal]))
    : announce(seconds);
  const answer = asked.then((word): Answer => (word === "yes" ? "confirm" : "revert"));
  try {
    return await Promise.race([answer, watch(change, over.signal)]);
  } finally {
    over.abort();
  }
}

/** Without a terminal the answer can only come from another login. */
async function announce(seconds: number): Promise<never> {
  await writeOut("stderr", `offload: keep this with offload confirm within ${seconds} seconds\n`);
  return new Promise<never>(() => {});
}

async function watch(change: PendingChange, over: AbortSignal): Promise<Answer> {
  while (!over.aborted) {
    if (secondsLeft(change) === 0) return "revert";
    const now = readPendingChange();
    if (now.ok && now.value?.id !== change.id) return "answered elsewhere";
    await Bun.sleep(POLL_MS);
  }
  return "answered elsewhere";
}

async function conclude(
  answer: Answer,
  change: PendingChange,
  run: ConfirmRun,
): Promise<Result<Ended>> {
  if (answer === "confirm") {
    const confirmed = await confirmPending(change.id, run);
    return confirmed.ok ? success({ type: "confirmed", told: confirmed.value }) : confirmed;
  }
  if (answer === "revert") {
    const problems = await revertOwn(run.dom0.kernel, change, LOCK_WAIT_SECONDS);
    return problems.ok
      ? success({ type: "reverted", problems: [...problems.value, REVERTED] })
      : problems;
  }
  return success(endedElsewhere(change, run));
}

/** What the devices show now tells whether it was confirmed or reverted by another process. */
function endedElsewhere({ devices }: PendingChange, { dom0, command }: ConfirmRun): Ended {
  const view = dom0.kernel.observe((existing) =>
    [...devices.keys()].filter((name) => existing.has(name)),
  );
  const isAsBefore =
    !view.ok ||
    [...devices].some(([device, requests]) => {
      const seen = view.value.observations.get(device);
      return (
        seen?.state === "read" &&
        requests.size > 0 &&
        view.value.kernel.wish(seen.features, requests).isEmpty
      );
    });
  if (isAsBefore) return { type: "reverted", problems: [REVERTED] };
  const message = "confirmed from another login, which reports what was stored";
  const notes: readonly Note[] = [{ code: "confirmed-elsewhere", message }];
  const report = reportOf(command, { host: dom0.host, exitCode: EXIT.done, notes });
  return { type: "confirmed", told: { report } };
}

/**
 * Reverts a pending change, unless somebody else has answered it, or has reverted it and begun another
 * while this waited for the lock.
 */
export async function revertOwn(
  kernel: Kernel,
  own: Pick<PendingChange, "id">,
  waitSeconds: number,
): Promise<Result<readonly Problem[]>> {
  const locked = await ChangeLock.take(waitSeconds, (work) => work);
  if (!locked.ok) return locked;
  using _lock = locked.value;
  const pending = readPendingChange();
  if (!pending.ok) return pending;
  if (pending.value?.id !== own.id) return success([]);
  const bits = KernelBitsFile.read(kernel);
  return bits.ok ? await revertPendingChange(pending.value, kernel, bits.value) : bits;
}
