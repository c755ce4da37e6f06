import type { Keyword } from "./features.ts";
import {
  lackingRecords,
  liveProblems,
  recordNotes,
  recordProblems,
  whereaboutsProblems,
} from "./findings.ts";
import { devicesOf, type Interface, type InterfaceDevice, uuidOf } from "./interface.ts";
import type { FeatureState } from "./kernel-features.ts";
import { type LiveView, statesOf } from "./plan.ts";
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
    const [main] = own;
    const states = main === undefined ? undefined : statesOf(view, main.name, scope.keywords);
    const lacking = scope.records ? lackingRecords(subject, scope.keywords, states) : [];
    if (main === undefined) devices.push(reportOf(subject, null, view, scope, undefined, lacking));
    for (const device of own) {
      const its = device.main ? states : statesOf(view, device.name, scope.keywords);
      devices.push(reportOf(subject, device, view, scope, its, device.main ? lacking : []));
      problems.push(...liveProblems(subject, device.name, view, scope.keywords, its));
    }
    problems.push(...whereaboutsProblems(subject));
    if (scope.records) {
      problems.push(...recordProblems(subject, main?.name, scope.keywords, states, lacking));
      notes.push(...recordNotes(subject));
    }
  }
  return { devices, problems, notes };
}

function reportOf(
  subject: Interface,
  device: InterfaceDevice | null,
  view: LiveView,
  { keywords }: Scope,
  states: readonly FeatureState[] | undefined,
  lacking: readonly Keyword[],
): DeviceReport {
  const observation = device === null ? undefined : view.observations.get(device.name);
  const set = observation?.state === "read" ? observation.features : undefined;
  const ownRecords = device === null || device.main;
  const features: Partial<Record<Keyword, FeatureReport>> = {};
  keywords.forEach((keyword, index) => {
    const recorded = ownRecords ? recordedState(subject, keyword) : null;
    const state = states?.[index];
    const lacks = lacking.includes(keyword);
    features[keyword] =
      state === undefined || set === undefined
        ? unseen(recorded, lacks)
        : {
            live: state === "absent" ? "absent" : state.startsWith("on") ? "on" : "off",
            fixed: state.endsWith("fixed"),
            requested: view.kernel.isRequested(set, keyword),
            recorded,
            verdict: verdictOf(state, lacks),
          };
  });
  return {
    device: device?.name ?? null,
    kind: subject.kind === "bare" ? subject.as : subject.kind,
    uuid: uuidOf(subject),
    vm: subject.kind === "vif" ? { uuid: subject.vm.uuid, name: subject.vm.name } : null,
    management: subject.kind === "pif" && subject.management,
    features,
  };
}

function unseen(recorded: FeatureReport["recorded"], lacks: boolean): FeatureReport {
  const verdict = lacks ? "drift" : recorded === "off" ? "ok" : "unknown";
  return { live: null, fixed: false, requested: false, recorded, verdict };
}

function verdictOf(state: FeatureState, lacks: boolean): FeatureReport["verdict"] {
  if (lacks || state === "on" || state === "off, requested on") return "drift";
  if (state === "on, fixed") return "fixed";
  return state === "absent" ? "absent" : "ok";
}
