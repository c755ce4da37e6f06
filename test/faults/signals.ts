import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { readPendingId } from "../commands/revert-timer.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import type { Result } from "../dom0/running.ts";
import { Random } from "./random.ts";

/** How the rounds went. */
export interface SignalResult {
  /** Signals that reached a process of ours, by the process and the signal. */
  readonly delivered: ReadonlyMap<string, number>;
  /** How often the command ended in which way. */
  readonly ends: ReadonlyMap<string, number>;
  /** Rounds in which nobody was left to revert, so that the next command had to. */
  readonly abandoned: number;
  readonly failures: readonly string[];
}

/** One signal to one of the two processes: whoever waits for the answer, and what reverts at the deadline. */
interface Strike {
  readonly to: "command" | "timer";
  readonly signal: (typeof SIGNALS)[number];
  /** Counted from the start of the command. */
  readonly atMs: number;
}

const SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL"] as const;

const CONFIRM_SECONDS = 5;
const COMMAND = [OFFLOAD, "disable", "ALL", "--yes", "--confirm-within", `${CONFIRM_SECONDS}`];

/** The command line of the process that reverts, from its first moment on. */
const TIMER_ARGUMENTS = "revert --at-deadline";

type Phase = readonly [fromMs: number, toMs: number];

/** Between which milliseconds a signal comes: while the change is made, while it is pending, at its deadline. */
const PHASES: readonly [Phase, ...Phase[]] = [
  [0, 400],
  [0, 1000],
  [1000, 4800],
  [4800, 6000],
];

/** How long whoever is left may take to revert, on a busy computer. */
const REVERT_TIMEOUT_MS = 30_000;

/** Sends one to three signals to the processes of a pending change in each round, and looks what they leave. */
export async function runSignalRounds(seed: number, count: number): Promise<SignalResult> {
  await using dom0 = await Dom0.start({ nics: 2, vms: 2 });
  const random = new Random(seed);
  const before = await readLiveState(dom0);
  const delivered = new Map<string, number>();
  const ends = new Map<string, number>();
  let abandoned = 0;
  for (let round = 1; round <= count; round += 1) {
    const { sent, result } = await runRound(dom0, chooseStrikes(random));
    for (const { to, signal } of sent) increment(delivered, `${signal} to the ${to}`);
    increment(ends, formatEnd(result));
    const found = checkEnd(sent, result);
    // Who was not killed has reverted when it ends; who was has left that to the process that reverts.
    if (result.signal !== "SIGKILL" && (await readLiveState(dom0)) !== before) found.push("ended without a revert");
    const outcome = await waitUntilReverted(dom0, before);
    if (outcome === "abandoned") {
      abandoned += 1;
      found.push(...(await checkAbandoned(dom0, before, sent, result)));
    } else if (outcome !== "reverted") found.push(outcome);
    if ((await listWrites(dom0)).length > 0) found.push("something was written to XAPI");
    if (found.length > 0) {
      const what = sent.map(({ to, signal, atMs }) => `${signal} to the ${to} at ${Math.round(atMs)} ms`).join(", ");
      const failures = found.map((line) => `round ${round} (${what}; ended with ${formatEnd(result)}): ${line}`);
      return { delivered, ends, abandoned, failures };
    }
  }
  return { delivered, ends, abandoned, failures: [] };
}

function chooseStrikes(random: Random): readonly Strike[] {
  const strikes = Array.from({ length: 1 + random.below(3) }, (): Strike => {
    const [from, to] = random.pick(PHASES);
    return {
      to: random.pick(["command", "timer"]),
      signal: random.pick(SIGNALS),
      atMs: from + random.below(to - from),
    };
  });
  return strikes.sort((a, b) => a.atMs - b.atMs);
}

/** Runs the command to its end; also gives those signals that came while their process was there. */
async function runRound(dom0: Dom0, strikes: readonly Strike[]) {
  const startedMs = performance.now();
  const run = dom0.spawn(COMMAND);
  let hasEnded = false;
  void run.exited.then(() => {
    hasEnded = true;
  });
  const sent: Strike[] = [];
  for (const strike of strikes) {
    await Bun.sleep(Math.max(0, startedMs + strike.atMs - performance.now()));
    if (strike.to === "command") {
      if (hasEnded) continue;
      await run.signal(strike.signal);
    } else {
      const found = await dom0.run(["pkill", `-${strike.signal.slice("SIG".length)}`, "-f", TIMER_ARGUMENTS]);
      if (found.exitCode !== 0) continue;
    }
    sent.push({ ...strike, atMs: performance.now() - startedMs });
  }
  return { sent, result: await run.exited };
}

/** Whether the command ended as it has to: by a signal that it got, or with 1 or 3 and a report that says why. */
function checkEnd(sent: readonly Strike[], { exitCode, signal, stdout, stderr }: Result): string[] {
  const toCommand = sent.filter(({ to }) => to === "command");
  const reachedTimer = sent.some(({ to }) => to === "timer");
  if (signal !== null) {
    return toCommand.some((strike) => strike.signal === signal) ? [] : ["ended by a signal that it did not get"];
  }
  const output = `${stdout}${stderr}`;
  const beforeDeadline = toCommand.some(({ atMs }) => atMs < CONFIRM_SECONDS * 1000);
  if (beforeDeadline && !reachedTimer) return [`not ended by its signal: ${output}`];
  if (exitCode === 1 && stdout.includes("reverted")) return [];
  if (exitCode === 3 && reachedTimer && stdout === "" && stderr.includes("did not start; nothing was changed"))
    return [];
  return [`not the right exit code, or no report: ${output}`];
}

/** Waits until everything is as before and no process of ours is left, or none that could see to that. */
async function waitUntilReverted(dom0: Dom0, before: string): Promise<string> {
  const giveUpMs = performance.now() + REVERT_TIMEOUT_MS;
  let looksWithoutTimer = 0;
  while (performance.now() < giveUpMs) {
    const hasTimer = (await dom0.run(["pgrep", "-f", TIMER_ARGUMENTS])).exitCode === 0;
    const isPending = (await readPendingId(dom0)) !== null;
    if (!hasTimer && !isPending) return (await readLiveState(dom0)) === before ? "reverted" : "not as it was before";
    looksWithoutTimer = hasTimer ? 0 : looksWithoutTimer + 1;
    // One look alone may come between the start of the process and its command line.
    if (looksWithoutTimer > 3) return "abandoned";
    await Bun.sleep(100);
  }
  return "not reverted in time";
}

/** Only SIGKILL may have left nobody behind; then the next command reverts, once the time of the change is over. */
async function checkAbandoned(dom0: Dom0, before: string, sent: readonly Strike[], { signal }: Result) {
  const wasTimerKilled = sent.some((strike) => strike.to === "timer" && strike.signal === "SIGKILL");
  if (signal !== "SIGKILL") return ["nobody is left to revert it"];
  if (!wasTimerKilled && (await readLiveState(dom0)) !== before) return ["changed before its timer was there"];
  await Bun.sleep(CONFIRM_SECONDS * 1000);
  const { exitCode, stdout, stderr } = await dom0.offload("restore", "--yes");
  if (exitCode !== 0) return [`restore ended with ${exitCode}: ${stdout}${stderr}`];
  const outcome = await waitUntilReverted(dom0, before);
  return outcome === "reverted" ? [] : [`after restore: ${outcome}`];
}

function formatEnd({ exitCode, signal }: Result): string {
  return signal ?? `exit code ${exitCode}`;
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
