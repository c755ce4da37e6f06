import { type Feature, isChangeableOnVif } from "../features.ts";
import type { Interface } from "../interface.ts";
import { computeExitCode, type Note, type Problem } from "../problem.ts";
import { createReport, type Report } from "../report.ts";
import { createDeferredNotes, createNoSettingNotes } from "../targets/notes.ts";
import { evaluateEach } from "../verify/evaluate-interfaces.ts";
import type { DisableResult } from "./apply.ts";

/** What a run was about, as its report has to know it. */
export interface DisableReportContext {
  readonly host: NonNullable<Report["host"]>;
  /** What was to be off on an interface. */
  readonly getFeaturesOff: (iface: Interface) => readonly Feature[];
  /** Whether a boot layer keeps off what no setting does. */
  readonly isPersisted: boolean;
  /** Whether anything was to be stored in XAPI. */
  readonly storesSettings: boolean;
  /** What the choice of targets, and what came after the change, have to say. */
  readonly notes: readonly Note[];
}

/** The report of a run. A device that vanished is reported once: not again as one that is missing. */
export function createDisableReport(
  command: "disable" | "confirm" | "persist",
  { changes, problems, interfaces, after, settingsVerified }: DisableResult,
  { host, getFeaturesOff, storesSettings, isPersisted, notes }: DisableReportContext,
): Report {
  const included = filterIncluded(interfaces, problems);
  const evaluation = evaluateEach(included, after, {
    getFeatures: getFeaturesOff,
    includesSettings: storesSettings && settingsVerified,
  });
  const removed = new Set(problems.flatMap(({ code, device }) => (code === "device-removed" ? [device] : [])));
  const allProblems = [
    ...problems,
    ...evaluation.problems.filter(({ code, device }) => code !== "device-missing" || !removed.has(device)),
  ];
  return createReport(command, {
    host,
    exitCode: computeExitCode(allProblems, { strict: false, changing: true }),
    devices: evaluation.devices,
    changes,
    problems: allProblems,
    notes: [
      ...notes,
      ...createDeferredNotes(included, storesSettings),
      ...(storesSettings && !isPersisted ? createGroupNotes(included, getFeaturesOff) : []),
    ],
  });
}

/** The report of a pending change that was reverted: what is on is meant to be on. */
export function createRevertedReport(
  { changes, problems, interfaces, after }: DisableResult,
  { host, getFeaturesOff, notes }: DisableReportContext,
): Report {
  const { devices } = evaluateEach(interfaces, after, { getFeatures: getFeaturesOff, includesSettings: true });
  const exitCode = computeExitCode(problems, { strict: false, changing: true });
  return createReport("disable", { host, exitCode, devices, changes, problems, notes });
}

/** The notes about what no setting can keep off, once for interfaces on which the same was to be off. */
function createGroupNotes(
  interfaces: readonly Interface[],
  getFeaturesOff: DisableReportContext["getFeaturesOff"],
): readonly Note[] {
  const groups = Map.groupBy(interfaces, (iface) => getFeaturesOff(iface).filter(needsNote).join());
  return [...groups.values()].flatMap((ifaces) =>
    ifaces[0] === undefined ? [] : createNoSettingNotes(ifaces, getFeaturesOff(ifaces[0]).filter(needsNote)),
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
