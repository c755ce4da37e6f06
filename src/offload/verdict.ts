import type { Keyword } from "./features.ts";
import {
  lackingRecords,
  liveProblems,
  recordNotes,
  recordProblems,
  whereaboutsProblems,
} from "./findings.ts";
import { devicesOf, type Interface, type InterfaceDevice, uuidOf } from "./interface.ts";
import type { FeatureSet, FeatureState } from "./kernel-features.ts";
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
  // Devices that are alike, as those of guests mostly are, share one description.
  const known = new Map<string, DeviceReport["features"]>();
  for (const subject of interfaces) {
    const own = devicesOf(subject, view.existing);
    const [main] = own;
    const states = main === undefined ? undefined : statesOf(view, main.name, scope.keywords);
    const lacking = scope.records ? lackingRecords(subject, scope.keywords, states) : [];
    if (main === undefined)
      devices.push(deviceReport(subject, null, view, scope, undefined, lacking, known));
    for (const device of own) {
      const its = device.main ? states : statesOf(view, device.name, scope.keywords);
      devices.push(
        deviceReport(subject, device, view, scope, its, device.main ? lacking : [], known),
      );
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

function deviceReport(
  subject: Interface,
  device: InterfaceDevice | null,
  view: LiveView,
  { keywords }: Scope,
  states: readonly FeatureState[] | undefined,
  lacking: readonly Keyword[],
  known: Map<string, DeviceReport["features"]>,
): DeviceReport {
  const observation = device === null ? undefined : view.observations.get(device.name);
  const set = observation?.state === "read" ? observation.features : undefined;
  const ownRecords = device === null || device.main;
  const recorded = keywords.map((keyword) => (ownRecords ? recordedState(subject, keyword) : null));
  const key = `${set?.active} ${set?.requested} ${set?.changeable} ${recorded} ${lacking}`;
  let features = known.get(key);
  if (features === undefined) {
    features = featuresOf(view, { keywords, states, set, recorded, lacking });
    known.set(key, features);
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

function featuresOf(
  { kernel }: LiveView,
  seen: {
    readonly keywords: readonly Keyword[];
    readonly states: readonly FeatureState[] | undefined;
    readonly set: FeatureSet | undefined;
    readonly recorded: readonly FeatureReport["recorded"][];
    readonly lacking: readonly Keyword[];
  },
): DeviceReport["features"] {
  const features: Partial<Record<Keyword, FeatureReport>> = {};
  seen.keywords.forEach((keyword, index) => {
    const recorded = seen.recorded[index] ?? null;
    const state = seen.states?.[index];
    const lacks = seen.lacking.includes(keyword);
    features[keyword] =
      state === undefined || seen.set === undefined
        ? unseen(recorded, lacks)
        : {
            live: state === "absent" ? "absent" : state.startsWith("on") ? "on" : "off",
            fixed: state.endsWith("fixed"),
            requested: kernel.isRequested(seen.set, keyword),
            recorded,
            verdict: verdictOf(state, lacks),
          };
  });
  return features;
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
