import { KEYWORDS, type Keyword } from "./features.ts";
import type { Interface } from "./interface.ts";
import {
  type Change,
  foresee,
  type LiveStep,
  type LiveView,
  liveChanges,
  planLive,
  planRecords,
  type RecordStep,
  recordChanges,
} from "./plan.ts";
import type { JournalKeeper, Kernel, Toolstack } from "./ports.ts";
import { exitCodeOf, type Problem } from "./problem.ts";
import { problemAbout } from "./problem-about.ts";
import { writeRecords } from "./record-half.ts";
import type { Report } from "./report.ts";
import { type Failure, type Result, success } from "./result.ts";
import type { Judgement } from "./verdict.ts";

/** What `disable` is going to do, and what it looks at to decide so. */
export interface DisablePlan {
  readonly interfaces: readonly Interface[];
  readonly keywords: readonly Keyword[];
  readonly before: LiveView;
  readonly live: readonly LiveStep[];
}

/** What a plan will come to, if every device obeys. What then gets recorded is decided anew. */
export interface Forecast {
  readonly records: readonly RecordStep[];
  readonly changes: readonly Change[];
}

/** What `disable` did, and what is true afterwards. */
export interface Disabled {
  readonly interfaces: readonly Interface[];
  readonly after: LiveView;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  /** False where the records could not be read back. */
  readonly recordsKnown: boolean;
}

/** Plans the live half; the records follow from what the devices show after it. */
export function planDisable(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
  before: LiveView,
): DisablePlan {
  return { interfaces, keywords, before, live: planLive(interfaces, keywords, before) };
}

/** Foresees both halves of a plan, for the eyes of whoever is to agree. */
export function forecast(plan: DisablePlan, options: { readonly records: boolean }): Forecast {
  const { interfaces, keywords, before } = plan;
  const expected = foresee(before, plan.live);
  const records = options.records ? planRecords(interfaces, keywords, expected) : [];
  const changes = [
    ...liveChanges(interfaces, keywords, before, expected),
    ...recordChanges(records, before.existing),
  ];
  return { records, changes };
}

/**
 * Carries out a plan: the kernel first, then what reads back off is recorded, then the records are
 * read back. Whatever fails becomes a problem, and the rest goes on. `toolstack` is null where
 * nothing is to be recorded. `isStopped` is asked between one device and the next.
 */
export async function carryOut(
  plan: DisablePlan,
  kernel: Kernel,
  toolstack: Toolstack | null,
  journal: JournalKeeper,
  isStopped: () => boolean,
): Promise<Result<Disabled>> {
  const noted = await journal.beforeLive(plan.live, plan.before);
  if (!noted.ok) return noted;
  const problems: Problem[] = await writeLive(plan.live, kernel, isStopped);
  const after = kernel.observeAgain(
    plan.before,
    plan.live.map(({ device }) => device),
  );
  const live = liveChanges(plan.interfaces, KEYWORDS, plan.before, after);
  const liveOnly = { interfaces: plan.interfaces, after, changes: live, problems };
  if (toolstack === null) return success({ ...liveOnly, recordsKnown: true });

  const steps = planRecords(plan.interfaces, plan.keywords, after);
  const notedRecords = await journal.beforeRecords(steps);
  if (!notedRecords.ok) {
    // Without a note of what was there nothing is recorded; what is live can be put back.
    problems.push(...notedRecords.failures.map(stateProblem));
    return success({ ...liveOnly, recordsKnown: true });
  }
  const { interfaces, changes, recordsKnown } = await writeRecords(
    plan.interfaces,
    steps,
    after,
    toolstack,
    problems,
    isStopped,
  );
  return success({ interfaces, after, changes: [...live, ...changes], problems, recordsKnown });
}

/** That what this program keeps could not be put on disk. */
export function stateProblem({ message }: Failure): Problem {
  return { code: "state-failed", message };
}

/**
 * The report of a run. A device that vanished is told of once: not again as one that is missing.
 */
export function disableReport(
  host: NonNullable<Report["host"]>,
  { changes, problems }: Disabled,
  judged: Judgement,
): Report {
  const vanished = new Set(
    problems.flatMap(({ code, device }) => (code === "device-vanished" ? [device] : [])),
  );
  const all = [
    ...problems,
    ...judged.problems.filter(
      ({ code, device }) => code !== "device-missing" || !vanished.has(device),
    ),
  ];
  return {
    version: 1,
    command: "disable",
    host,
    exitCode: exitCodeOf(all, { strict: false, changing: true }),
    dryRun: false,
    devices: judged.devices,
    changes,
    problems: all,
    notes: judged.notes,
    boot: null,
    advice: [],
  };
}

async function writeLive(
  steps: readonly LiveStep[],
  kernel: Kernel,
  isStopped: () => boolean,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const pause = new Pause();
  for (const { subject, device, clear } of steps) {
    if (isStopped()) {
      const says = "interrupted before it was changed";
      problems.push(problemAbout("interrupted", subject, says, device));
      continue;
    }
    const outcome = kernel.clear(device, clear);
    if (!outcome.done) {
      problems.push(
        outcome.gone
          ? problemAbout("device-vanished", subject, "vanished before it was changed", device)
          : problemAbout(
              "write-failed",
              subject,
              `could not be changed: ${outcome.because}`,
              device,
            ),
      );
    }
    await pause.ifDue();
  }
  return problems;
}

/** How long signals may go unheard, in milliseconds. */
const UNHEARD = 10;

/** Lets signals in now and then: a NIC may take a second to reset, and a loop of them hears nothing. */
class Pause {
  #last = performance.now();

  async ifDue(): Promise<void> {
    if (performance.now() - this.#last < UNHEARD) return;
    await new Promise<void>((resume) => setImmediate(resume));
    this.#last = performance.now();
  }
}
