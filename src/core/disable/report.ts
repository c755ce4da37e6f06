import { type Feature, isChangeableOnVif } from "../features.ts";
import type { Interface } from "../interface.ts";
import { computeExitCode, type Note, type Problem, type ProblemCode } from "../problem.ts";
import { createReport, type Report } from "../report.ts";
import { createDeferredNotes, createNoSettingNotes } from "../targets/notes.ts";
import { evaluateEach } from "../verify/evaluate-interfaces.ts";
import type { ChangeResult } from "./apply.ts";
import { evaluateOn } from "./evaluate-on.ts";
import type { ChangeDirection } from "./request.ts";

/** The commands that report a change. */
export type ChangeCommand = "disable" | "enable" | "confirm" | "persist";

/** What a run was about, as its report has to know it. */
export interface ChangeReportContext {
  readonly host: NonNullable<Report["host"]>;
  readonly direction: ChangeDirection;
  /** What was to be off, or on, on an interface. */
  readonly getFeatures: (iface: Interface) => readonly Feature[];
  /** Whether a boot layer keeps off what no setting does. */
  readonly isPersisted: boolean;
  /** Whether anything was to be stored in XAPI. */
  readonly storesSettings: boolean;
  /** What the choice of targets, and what came after the change, have to say. */
  readonly notes: readonly Note[];
}

/** The report of a run. A device that vanished is reported once: not again as one that is missing. */
export function createChangeReport(
  command: ChangeCommand,
  { changes, problems, notes: changeNotes, interfaces, after, settingsVerified }: ChangeResult,
  { host, direction, getFeatures, storesSettings, isPersisted, notes }: ChangeReportContext,
): Report {
  const included = filterIncluded(interfaces, problems);
  const evaluate = direction === "off" ? evaluateEach : evaluateOn;
  const evaluation = evaluate(included, after, { getFeatures, includesSettings: storesSettings && settingsVerified });
  const allProblems = [...problems, ...evaluation.problems.filter((problem) => !isReported(problem, problems))];
  return createReport(command, {
    host,
    exitCode: computeExitCode(allProblems, { strict: false, changing: true }),
    devices: evaluation.devices,
    changes,
    problems: allProblems,
    notes: [
      ...notes,
      ...changeNotes,
      ...(direction === "on" ? evaluation.notes : []),
      ...createDeferredNotes(included, storesSettings),
      ...(direction === "off" && storesSettings && !isPersisted ? createGroupNotes(included, getFeatures) : []),
    ],
  });
}

/** The report of a pending change that was reverted: what is on is meant to be on. */
export function createRevertedReport(
  command: ChangeCommand,
  { changes, problems, interfaces, after }: ChangeResult,
  { host, getFeatures, notes }: ChangeReportContext,
): Report {
  const { devices } = evaluateEach(interfaces, after, { getFeatures, includesSettings: true });
  const exitCode = computeExitCode(problems, { strict: false, changing: true });
  return createReport(command, { host, exitCode, devices, changes, problems, notes });
}

/** What a failed write has said already: that the device has gone, or is as it was. */
function isReported({ code, device, uuid }: Problem, problems: readonly Problem[]): boolean {
  switch (code) {
    case "device-missing":
      return problems.some((problem) => problem.code === "device-removed" && problem.device === device);
    case "live-off":
      return problems.some((problem) => REPORTED_LIVE.has(problem.code) && problem.device === device);
    case "setting-off":
      return problems.some((problem) => REPORTED_SETTING.has(problem.code) && problem.uuid === uuid);
    default:
      return false;
  }
}

const REPORTED_LIVE: ReadonlySet<string> = new Set<ProblemCode>(["write-failed", "interrupted"]);
const REPORTED_SETTING: ReadonlySet<string> = new Set<ProblemCode>(["setting-write-failed", "setting-not-attempted"]);

/** The notes about what no setting can keep off, once for interfaces on which the same was to be off. */
function createGroupNotes(
  interfaces: readonly Interface[],
  getFeatures: ChangeReportContext["getFeatures"],
): readonly Note[] {
  const groups = Map.groupBy(interfaces, (iface) => getFeatures(iface).filter(needsNote).join());
  return [...groups.values()].flatMap((ifaces) =>
    ifaces[0] === undefined ? [] : createNoSettingNotes(ifaces, getFeatures(ifaces[0]).filter(needsNote)),
  );
}

/** netback never has lro: that no setting keeps it off is of no interest. */
function needsNote(feature: Feature): boolean {
  return feature !== "lro" || isChangeableOnVif(feature);
}

/** What was left alone on purpose is reported as that, and not as being on. */
function filterIncluded(interfaces: readonly Interface[], problems: readonly Problem[]): readonly Interface[] {
  const excluded = new Set(problems.flatMap(({ code, uuid }) => (code === "policy-write-failed" ? [uuid] : [])));
  return interfaces.filter((iface) => {
    if (iface.kind === "unmanaged") return true;
    return !excluded.has(iface.kind === "pif" ? iface.pif.uuid : iface.vif.uuid);
  });
}
