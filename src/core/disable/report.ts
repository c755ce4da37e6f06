import { isChangeableOnVif, type Keyword } from "../features.ts";
import type { Interface } from "../interface.ts";
import { exitCodeOf, type Note, type Problem } from "../problem.ts";
import { type Report, reportOf } from "../report.ts";
import { laterNotes, unrecordedNotes } from "../targets/notes.ts";
import { type Judgement, judge } from "../verify/verdict.ts";
import type { Disabled } from "./apply.ts";
import type { LiveView } from "./steps.ts";

/** What a run was about, as its report has to know it. */
export interface DisableContext {
  readonly host: NonNullable<Report["host"]>;
  /** What was to be off on an interface. */
  readonly featuresOf: (iface: Interface) => readonly Keyword[];
  /** Whether a boot layer keeps off what no setting does. */
  readonly persisted: boolean;
  /** Whether anything was to be stored in XAPI. */
  readonly store: boolean;
  /** What the choice of targets, and what came after the change, have to say. */
  readonly notes: readonly Note[];
}

/** The report of a run. A device that vanished is reported once: not again as one that is missing. */
export function disableReport(
  command: "disable" | "confirm" | "persist",
  { changes, problems, interfaces, after, settingsKnown }: Disabled,
  { host, featuresOf, store, persisted, notes }: DisableContext,
): Report {
  const touched = withoutExcluded(interfaces, problems);
  const groups = groupByFeatures(touched, featuresOf);
  const judged = judgeGroups(groups, after, store && settingsKnown);
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
      ...laterNotes(touched, store),
      ...(store && !persisted ? groups.flatMap(unrecordedIn) : []),
    ],
  });
}

/** The report of a pending change that was reverted: what is on is meant to be on. */
export function revertedReport(
  { changes, problems, interfaces, after }: Disabled,
  { host, featuresOf, notes }: DisableContext,
): Report {
  const { devices } = judgeGroups(groupByFeatures(interfaces, featuresOf), after, true);
  const exitCode = exitCodeOf(problems, { strict: false, changing: true });
  return reportOf("disable", { host, exitCode, devices, changes, problems, notes });
}

/** Interfaces on which the same was to be off. */
interface Group {
  readonly interfaces: readonly Interface[];
  readonly features: readonly Keyword[];
}

function groupByFeatures(
  interfaces: readonly Interface[],
  featuresOf: DisableContext["featuresOf"],
): readonly Group[] {
  const groups = Map.groupBy(interfaces, (iface) => featuresOf(iface).join());
  return [...groups.values()].flatMap((alike) => {
    const [first] = alike;
    return first === undefined ? [] : [{ interfaces: alike, features: featuresOf(first) }];
  });
}

function judgeGroups(groups: readonly Group[], view: LiveView, records: boolean): Judgement {
  const judged = groups.map(({ interfaces, features }) =>
    judge(interfaces, view, { keywords: features, records }),
  );
  return {
    devices: judged.flatMap(({ devices }) => devices),
    problems: judged.flatMap(({ problems }) => problems),
    notes: judged.flatMap(({ notes }) => notes),
  };
}

function unrecordedIn({ interfaces, features }: Group): readonly Note[] {
  return unrecordedNotes(interfaces, features.filter(isWorthANote));
}

/** netback never has lro: that no setting keeps it off is of no interest. */
function isWorthANote(feature: Keyword): boolean {
  return feature !== "lro" || isChangeableOnVif(feature);
}

/** What was left alone on purpose is reported as that, and not as being on. */
function withoutExcluded(
  interfaces: readonly Interface[],
  problems: readonly Problem[],
): readonly Interface[] {
  const excluded = new Set(
    problems.flatMap(({ code, uuid }) => (code === "text-failed" ? [uuid] : [])),
  );
  return interfaces.filter((iface) => {
    if (iface.kind === "bare") return true;
    return !excluded.has(iface.kind === "pif" ? iface.pif.uuid : iface.vif.uuid);
  });
}
