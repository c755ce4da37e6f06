import type { SignalHandler } from "../../cli/signals.ts";
import type { CheckResult } from "../../core/bisect/check-result.ts";
import type { OffSet } from "../../core/bisect/device-feature.ts";
import { formatOff, groupByDevice } from "../../core/bisect/devices.ts";
import type { CheckOutcome } from "../../core/bisect/search.ts";
import { unavailableError, usageError } from "../../core/command-error.ts";
import type { BisectStep } from "../../core/report.ts";
import { formatCount } from "../../core/text.ts";
import { askLine } from "../../terminal/ask-line.ts";
import { createLogger } from "../../terminal/logger.ts";
import { createView } from "../../terminal/view.ts";
import { runCheckCommand } from "./check-command.ts";

/** How it is found out whether the problem is gone. */
export interface CheckOptions {
  /** Run by /bin/sh; null where the person at the terminal is asked. */
  readonly command: string | null;
  /** How often in a row it has to be good. */
  readonly repeat: number;
  /** How long to wait after each change. */
  readonly settleSeconds: number;
  /** How long a check, or an answer, may take. */
  readonly timeoutSeconds: number;
}

/** How often a check is tried that cannot tell. */
const MAX_TRIES = 3;

/** How much longer than its check a change is left in place, should this process die. */
const MARGIN_SECONDS = 10;

/** How long one run of a check may take, from the change to the answer. */
export function computeSecondsPerRun({ settleSeconds, timeoutSeconds }: CheckOptions): number {
  return settleSeconds + timeoutSeconds + MARGIN_SECONDS;
}

/** Which check is the last depends on what it shows. */
function formatRemaining(remaining: number): string {
  return remaining === 0 ? "one of the last" : `about ${remaining} left`;
}

/** Checks whether the problem is gone, and keeps a record of each step. */
export class Checker {
  readonly steps: BisectStep[] = [];
  readonly #log;

  constructor(
    readonly options: CheckOptions,
    private readonly signals: SignalHandler,
    color: boolean,
    /** Called before each run: what is off stays off as long as that takes. */
    private readonly ensureSecondsLeft: (seconds: number) => Promise<void>,
  ) {
    this.#log = createLogger(createView("stderr", color));
  }

  /** Whether the problem is gone with this off: good only where each of the repeated runs is. */
  async check(off: OffSet, remaining: number): Promise<CheckOutcome> {
    const startedMs = performance.now();
    const features = groupByDevice(off);
    const number = this.steps.length + 1;
    this.#log.info(`step ${number}, ${formatRemaining(remaining)}; off: ${formatOff(off)}`);
    await this.#settle();
    let runs = 0;
    let outcome: CheckOutcome = "good";
    while (outcome === "good" && runs < this.options.repeat) {
      runs += 1;
      outcome = await this.#run(remaining);
    }
    const seconds = Math.round(performance.now() - startedMs) / 1000;
    this.steps.push({ off: features, outcome, runs, seconds });
    const runCount = runs > 1 ? `, ${formatCount(runs, "run")}` : "";
    const result = outcome === "good" ? "the problem is gone" : "the problem is there";
    this.#log.info(`step ${number}: ${result} (${seconds.toFixed(1)} s${runCount})`);
    return outcome;
  }

  async #settle(): Promise<void> {
    await this.signals.waitInterruptibly(Bun.sleep(this.options.settleSeconds * 1000));
  }

  async #run(remaining: number): Promise<CheckOutcome> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      await this.ensureSecondsLeft(this.options.timeoutSeconds + MARGIN_SECONDS);
      const result = await this.#runOnce(remaining);
      // What was restored meanwhile was not checked.
      await this.ensureSecondsLeft(0);
      if (result.type === "failed") throw unavailableError("check-failed", `the check failed: ${result.reason}`);
      if (result.type !== "cannot-tell") return result.type;
      this.#log.info("the check cannot tell");
    }
    throw unavailableError("check-cannot-tell", `the check could not tell (exit code 125) ${MAX_TRIES} times in a row`);
  }

  async #runOnce(remaining: number): Promise<CheckResult> {
    const { command, timeoutSeconds } = this.options;
    if (command !== null) return await runCheckCommand(command, timeoutSeconds * 1000, this.signals);
    return await this.#ask(remaining);
  }

  async #ask(remaining: number): Promise<CheckResult> {
    const question = `Is the problem gone? [y]es / [n]o / [a]gain / [q]uit (${formatRemaining(remaining)}): `;
    const stop = AbortSignal.any([this.signals.abortSignal, AbortSignal.timeout(this.options.timeoutSeconds * 1000)]);
    for (;;) {
      const line = await this.signals.waitInterruptibly(askLine(question, stop));
      if (line === null && stop.aborted) throw unavailableError("no-answer", "no answer came in time");
      switch (line?.trim().toLowerCase()) {
        case "y":
        case "yes":
          return { type: "good" };
        case "n":
        case "no":
          return { type: "bad" };
        case "a":
        case "again":
          await this.#settle();
          break;
        case undefined:
        case "q":
        case "quit":
          throw usageError("cancelled", "cancelled");
      }
    }
  }
}
