import { type Interface, uuidOf } from "./interface.ts";
import type { OtherConfig, Vm } from "./inventory.ts";
import { type Change, type LiveView, type RecordStep, recordChanges } from "./plan.ts";
import type { RecordOutcome, Toolstack } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { problemAbout } from "./problem-about.ts";
import { counted } from "./wording.ts";

/** What writing records came to. */
interface RecordsWritten {
  readonly interfaces: readonly Interface[];
  readonly changes: readonly Change[];
  readonly recordsKnown: boolean;
  /** The steps that XAPI has refused, so that all is as it was before them. */
  readonly refused: readonly RecordStep[];
}

/** What became of records that were to be written. */
export interface StepsWritten {
  readonly written: readonly RecordStep[];
  /** The steps that XAPI has refused, so that all is as it was before them. */
  readonly refused: readonly RecordStep[];
  /** Whether there is anything to read back. */
  readonly touched: boolean;
  /** Why XAPI is not to be asked again, if it went away meanwhile. */
  readonly gone: string | undefined;
  readonly problems: readonly Problem[];
}

/** Writes records and tells xenopsd. */
export async function writeSteps(
  steps: readonly RecordStep[],
  toolstack: Toolstack,
  isStopped: () => boolean,
): Promise<StepsWritten> {
  const outcomes = await toolstack.write(steps, isStopped);
  const touched = outcomes.filter(({ state }) => state !== "unattempted").map(({ step }) => step);
  // Whoever has left us in the lurch once would keep us waiting once for each VM.
  const gone = isStopped()
    ? undefined
    : outcomes.find(({ state }) => state === "unattempted")?.because;
  const unannounced =
    gone === undefined
      ? await announce(touched, toolstack)
      : untold(runningVms(touched).length, gone);
  const of = (wanted: RecordOutcome["state"]) =>
    outcomes.filter(({ state }) => state === wanted).map(({ step }) => step);
  return {
    written: of("written"),
    refused: of("refused"),
    touched: touched.length > 0,
    gone,
    problems: [...outcomes.flatMap(problemOf), ...unannounced],
  };
}

/** Writes records, tells xenopsd, and reads back. What fails is added to the problems. */
export async function writeRecords(
  interfaces: readonly Interface[],
  steps: readonly RecordStep[],
  view: LiveView,
  toolstack: Toolstack,
  problems: Problem[],
  isStopped: () => boolean,
): Promise<RecordsWritten> {
  const { written, refused, touched, gone, ...half } = await writeSteps(
    steps,
    toolstack,
    isStopped,
  );
  problems.push(...half.problems);
  const changes = recordChanges(written, view.existing);
  if (!touched) return { interfaces, changes, refused, recordsKnown: true };
  if (gone !== undefined) {
    problems.push(unreadRecords(gone));
    return { interfaces, changes, refused, recordsKnown: false };
  }
  const records = await toolstack.recordsByUuid();
  if (records.ok) {
    const known = interfaces.map((subject) => withRecords(subject, records.value));
    return { interfaces: known, changes, refused, recordsKnown: true };
  }
  problems.push(unreadRecords(records.failures.map(({ message }) => message).join("; ")));
  return { interfaces, changes, refused, recordsKnown: false };
}

/** That nobody knows what the records say now. */
export function unreadRecords(because: string): Problem {
  return { code: "records-unknown", message: `the records could not be read back: ${because}` };
}

/** Tells xenopsd of the VMs that run and whose VIFs have new records. */
async function announce(
  steps: readonly RecordStep[],
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const failed = await toolstack.announce(runningVms(steps));
  return untold(failed.length, failed[0] ?? "");
}

function runningVms(steps: readonly RecordStep[]): readonly Vm[] {
  const vms = new Map<string, Vm>();
  for (const { subject } of steps) {
    if (subject.kind === "vif" && subject.vm.residentOn !== undefined) {
      vms.set(subject.vm.uuid, subject.vm);
    }
  }
  return [...vms.values()];
}

/** A VM that reboots from within takes what xenopsd knows; one that is started, what XAPI does. */
function untold(count: number, because: string): readonly Problem[] {
  if (count === 0) return [];
  const message = `xenopsd was not told of the new records of ${counted(count, "VM")}: ${because}; they are sure to be used after a shutdown and start`;
  return [{ code: "record-failed", message }];
}

function problemOf({ step, state, because }: RecordOutcome): readonly Problem[] {
  if (state === "written") return [];
  const { subject, key, to } = step;
  const wanted = to === null ? `removal of ${key}` : `${key}=${to}`;
  return [
    state === "unattempted"
      ? problemAbout("record-not-attempted", subject, `${wanted} was not recorded: ${because}`)
      : problemAbout("record-failed", subject, `${wanted} could not be recorded: ${because}`),
  ];
}

/** The interface with the records that were read back; without any where its object is gone. */
function withRecords(subject: Interface, records: ReadonlyMap<string, OtherConfig>): Interface {
  const otherConfig = records.get(uuidOf(subject) ?? "") ?? new Map<string, string>();
  if (subject.kind === "pif") return { ...subject, pif: { ...subject.pif, otherConfig } };
  return subject.kind === "vif" ? { ...subject, vif: { ...subject.vif, otherConfig } } : subject;
}
