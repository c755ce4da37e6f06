import { KEYWORDS, type Keyword } from "./features.ts";
import type { Interface } from "./interface.ts";
import { laterNotes, unrecordedNotes } from "./notes.ts";
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
import { exitCodeOf, type Note, type Problem } from "./problem.ts";
import { problemAbout } from "./problem-about.ts";
import { writeRecords } from "./record-half.ts";
import { type Report, reportOf } from "./report.ts";
import { type Failure, type Result, success } from "./result.ts";
import { judge } from "./verdict.ts";

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
  const { after, live } = readBack(plan, kernel);
  const liveOnly = { interfaces: plan.interfaces, after, changes: live, problems };
  if (toolstack === null) return success({ ...liveOnly, recordsKnown: true });

  const steps = planRecords(plan.interfaces, plan.keywords, after);
  if (steps.length === 0) return success({ ...liveOnly, recordsKnown: true });
  const notedRecords = await journal.beforeRecords(steps);
  if (!notedRecords.ok) {
    // Without a note of what was there nothing is recorded; what is live can be put back.
    problems.push(...notedRecords.failures.map(stateProblem));
    return success({ ...liveOnly, recordsKnown: true });
  }
  const { interfaces, changes, recordsKnown, refused } = await writeRecords(
    plan.interfaces,
    steps,
    after,
    toolstack,
    problems,
    isStopped,
  );
  // Somebody else has added those keys since they were read: they are not ours to remove again.
  const forgotten = await journal.withoutRecords(refused.filter(({ from }) => from === null));
  if (!forgotten.ok) problems.push(...forgotten.failures.map(stateProblem));
  return success({ interfaces, after, changes: [...live, ...changes], problems, recordsKnown });
}

/** What the devices show that were to be changed, and how that differs from before. */
function readBack(
  { interfaces, before, live: steps }: DisablePlan,
  kernel: Kernel,
): { readonly after: LiveView; readonly live: readonly Change[] } {
  if (steps.length === 0) return { after: before, live: [] };
  const devices = steps.map(({ device }) => device);
  const after = kernel.observeAgain(before, devices);
  return { after, live: liveChanges(interfaces, KEYWORDS, before, after) };
}

/** That what this program keeps could not be put on disk. */
export function stateProblem({ message }: Failure): Problem {
  return { code: "state-failed", message };
}

/** What a run was about, as its report has to know it. */
export interface Concerned {
  readonly host: NonNullable<Report["host"]>;
  readonly keywords: readonly Keyword[];
  /** Whether anything was to be recorded. */
  readonly record: boolean;
  /** What the choice of targets has to say. */
  readonly notes: readonly Note[];
}

/**
 * The report of a run. A device that vanished is told of once: not again as one that is missing.
 */
export function disableReport(
  command: "disable" | "confirm",
  { changes, problems, interfaces, after, recordsKnown }: Disabled,
  { host, keywords, record, notes }: Concerned,
): Report {
  const judged = judge(interfaces, after, { keywords, records: record && recordsKnown });
  const vanished = new Set(
    problems.flatMap(({ code, device }) => (code === "device-vanished" ? [device] : [])),
  );
  const all = [
    ...problems,
    ...judged.problems.filter(
      ({ code, device }) => code !== "device-missing" || !vanished.has(device),
    ),
  ];
  return reportOf(command, {
    host,
    exitCode: exitCodeOf(all, { strict: false, changing: true }),
    devices: judged.devices,
    changes,
    problems: all,
    notes: [
      ...notes,
      ...judged.notes,
      ...laterNotes(interfaces, record),
      ...(record ? unrecordedNotes(interfaces, keywords) : []),
    ],
  });
}

/** The report of a trial that was put back: what is on is meant to be on. */
export function revertedReport(
  { changes, problems, interfaces, after }: Disabled,
  { host, keywords, notes }: Concerned,
): Report {
  const { devices } = judge(interfaces, after, { keywords, records: true });
  const exitCode = exitCodeOf(problems, { strict: false, changing: true });
  return reportOf("disable", { host, exitCode, devices, changes, problems, notes });
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
    if (pause.isDue) await pause.take();
  }
  return problems;
}

/** How long signals may go unheard, in milliseconds. */
const UNHEARD = 10;

/** Lets signals in now and then: a NIC may take a second to reset, and a loop of them hears nothing. */
class Pause {
  #last = performance.now();

  get isDue(): boolean {
    return performance.now() - this.#last >= UNHEARD;
  }

  async take(): Promise<void> {
    await new Promise<void>((resume) => setImmediate(resume));
    this.#last = performance.now();
  }
}
