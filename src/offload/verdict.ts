import type { Keyword } from "./features.ts";
import {
  lacksRecord,
  liveProblems,
  recordNotes,
  recordProblems,
  whereaboutsProblems,
} from "./findings.ts";
import { devicesOf, type Interface, type InterfaceDevice, uuidOf } from "./interface.ts";
import type { FeatureState } from "./kernel-features.ts";
import type { LiveView, Observation } from "./plan.ts";
import type { Note, Problem } from "./problem.ts";
import { recordedState } from "./records.ts";
import type { DeviceReport, FeatureReport } from "./report.ts";

/** What is true of the interfaces, and what is wrong with it. */
export interface Judgement {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** What the judge is to look at besides the kernel. */
export interface Scope {
  readonly keywords: readonly Keyword[];
  /** False where only the live state was asked for. */
  readonly records: boolean;
}

/** Holds live and recorded state against "off". */
export function judge(interfaces: readonly Interface[], view: LiveView, scope: Scope): Judgement {
  const devices: DeviceReport[] = [];
  const problems: Problem[] = [];
  const notes: Note[] = [];
  for (const subject of interfaces) {
    const own = devicesOf(subject, view.existing);
    for (const device of own.length > 0 ? own : [null]) {
      devices.push(reportOf(subject, device, view, scope));
      if (device !== null)
        problems.push(...liveProblems(subject, device.name, view, scope.keywords));
    }
    problems.push(...whereaboutsProblems(subject));
    if (scope.records) {
      problems.push(...recordProblems(subject, view, scope.keywords));
      notes.push(...recordNotes(subject));
    }
  }
  return { devices, problems, notes };
}

function reportOf(
  subject: Interface,
  device: InterfaceDevice | null,
  view: LiveView,
  scope: Scope,
): DeviceReport {
  const observation = device === null ? undefined : view.observations.get(device.name);
  const records = device === null || device.main;
  const features: Partial<Record<Keyword, FeatureReport>> = {};
  for (const keyword of scope.keywords) {
    const recorded = records ? recordedState(subject, keyword) : null;
    const missing = scope.records && records && lacksRecord(subject, keyword, view);
    features[keyword] = featureReport(keyword, observation, view, recorded, missing);
  }
  return {
    device: device?.name ?? null,
    kind: subject.kind === "bare" ? subject.as : subject.kind,
    uuid: uuidOf(subject),
    vm: subject.kind === "vif" ? { uuid: subject.vm.uuid, name: subject.vm.name } : null,
    management: subject.kind === "pif" && subject.management,
    features,
  };
}

function featureReport(
  keyword: Keyword,
  observation: Observation | undefined,
  { kernel }: LiveView,
  recorded: FeatureReport["recorded"],
  lacking: boolean,
): FeatureReport {
  if (observation?.state !== "read") {
    const verdict = lacking ? "drift" : recorded === "off" ? "ok" : "unknown";
    return { live: null, fixed: false, requested: false, recorded, verdict };
  }
  const { features } = observation;
  const state = kernel.state(features, keyword);
  return {
    live: state === "absent" ? "absent" : state.startsWith("on") ? "on" : "off",
    fixed: state.endsWith("fixed"),
    requested: (features.requested & kernel.mask(keyword)) !== 0n,
    recorded,
    verdict: verdictOf(state, lacking),
  };
}

function verdictOf(state: FeatureState, lacking: boolean): FeatureReport["verdict"] {
  if (lacking || state === "on" || state === "off, requested on") return "drift";
  if (state === "on, fixed") return "fixed";
  return state === "absent" ? "absent" : "ok";
}
