import { KEYWORDS, type Keyword } from "./features.ts";
import { type Interface, nameOf, uuidOf } from "./interface.ts";
import type { OtherConfig, Vm } from "./inventory.ts";
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
import type { Kernel, RecordOutcome, Toolstack } from "./ports.ts";
import { exitCodeOf, type Problem } from "./problem.ts";
import type { Report } from "./report.ts";
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
  isStopped: () => boolean,
): Promise<Disabled> {
  const problems: Problem[] = await writeLive(plan.live, kernel, isStopped);
  const after = kernel.observeAgain(
    plan.before,
    plan.live.map(({ device }) => device),
  );
  const live = liveChanges(plan.interfaces, KEYWORDS, plan.before, after);
  if (toolstack === null) {
    return { interfaces: plan.interfaces, after, changes: live, problems, recordsKnown: true };
  }

  const outcomes = await toolstack.write(
    planRecords(plan.interfaces, plan.keywords, after),
    isStopped,
  );
  problems.push(...outcomes.flatMap(problemOf));
  const written = outcomes.filter(({ state }) => state === "written").map(({ step }) => step);
  const touched = outcomes.filter(({ state }) => state !== "unattempted").map(({ step }) => step);
  problems.push(...(await announce(touched, toolstack)));
  const changes = [...live, ...recordChanges(written, after.existing)];
  if (touched.length === 0) {
    return { interfaces: plan.interfaces, after, changes, problems, recordsKnown: true };
  }

  const records = await toolstack.recordsByUuid();
  if (!records.ok) {
    const because = records.failures.map(({ message }) => message).join("; ");
    problems.push({
      code: "records-unknown",
      message: `the records could not be read back: ${because}`,
    });
    return { interfaces: plan.interfaces, after, changes, problems, recordsKnown: false };
  }
  const interfaces = plan.interfaces.map((subject) => withRecords(subject, records.value));
  return { interfaces, after, changes, problems, recordsKnown: true };
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
    const uuid = uuidOf(subject);
    const where = { interface: device, device, ...(uuid === null ? {} : { uuid }) };
    if (isStopped()) {
      problems.push({
        code: "interrupted",
        message: `${device}: interrupted before it was changed`,
        ...where,
      });
      continue;
    }
    const outcome = kernel.clear(device, clear);
    if (!outcome.done) {
      problems.push(
        outcome.gone
          ? {
              code: "device-vanished",
              message: `${device}: vanished before it was changed`,
              ...where,
            }
          : {
              code: "write-failed",
              message: `${device}: could not be changed: ${outcome.because}`,
              ...where,
            },
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

/** Tells xenopsd of the VMs that run and whose VIFs have new records. */
async function announce(
  steps: readonly RecordStep[],
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const vms = new Map<string, Vm>();
  for (const { subject } of steps) {
    if (subject.kind === "vif" && subject.vm.residentOn !== undefined) {
      vms.set(subject.vm.uuid, subject.vm);
    }
  }
  const failed = await toolstack.announce([...vms.values()]);
  const [first] = failed;
  if (first === undefined) return [];
  const message = `${failed.length} of ${vms.size} VMs could not be told of their new records (${first}); they take them at their next start`;
  return [{ code: "record-failed", message }];
}

function problemOf({ step, state, because }: RecordOutcome): readonly Problem[] {
  if (state === "written") return [];
  const { subject, key } = step;
  const uuid = uuidOf(subject);
  const what = state === "failed" ? "could not be recorded" : "was not recorded";
  return [
    {
      code: state === "failed" ? "record-failed" : "record-not-attempted",
      message: `${nameOf(subject)}: ${key}=off ${what}: ${because}`,
      interface: nameOf(subject),
      ...(uuid === null ? {} : { uuid }),
    },
  ];
}

/** The interface with the records that were read back; without any where its object is gone. */
function withRecords(subject: Interface, records: ReadonlyMap<string, OtherConfig>): Interface {
  const otherConfig = records.get(uuidOf(subject) ?? "") ?? new Map<string, string>();
  if (subject.kind === "pif") return { ...subject, pif: { ...subject.pif, otherConfig } };
  return subject.kind === "vif" ? { ...subject, vif: { ...subject.vif, otherConfig } } : subject;
}
