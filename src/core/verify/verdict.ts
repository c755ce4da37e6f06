import { ByTwo } from "../by-two.ts";
import type { LiveView } from "../disable/steps.ts";
import type { FeatureSet, FeatureState } from "../feature-set.ts";
import type { Keyword } from "../features.ts";
import { devicesOf, type Interface, uuidOf } from "../interface.ts";
import type { Note, Problem } from "../problem.ts";
import type { DeviceReport, FeatureReport } from "../report.ts";
import { deadRecords, recordedStates } from "../settings.ts";
import {
  isProblem,
  lackingRecords,
  liveProblems,
  recordNotes,
  recordProblems,
  whereaboutsProblems,
} from "./findings.ts";

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
  const { keywords } = scope;
  const devices: DeviceReport[] = [];
  const problems: Problem[] = [];
  const notes: Note[] = [];
  const verdicts = new Verdicts(view, scope);
  for (const subject of interfaces) {
    const own = devicesOf(subject, view.existing);
    const main = own[0]?.name;
    const verdict = verdicts.of(subject, main);
    if (main === undefined) devices.push(deviceReport(subject, null, verdict.features));
    for (const device of own) {
      const { name } = device;
      const { features, states, isToBeTold } = device.main ? verdict : verdicts.ofTap(name);
      devices.push(deviceReport(subject, name, features));
      if (isToBeTold) problems.push(...liveProblems(subject, name, view, keywords, states));
    }
    if (main === undefined) problems.push(...whereaboutsProblems(subject));
    if (!scope.records || subject.kind === "bare") continue;
    const { states, lacking, hasDeadRecords } = verdict;
    if (subject.kind === "pif" || lacking.length > 0) {
      problems.push(...recordProblems(subject, main, keywords, states, lacking));
    }
    if (hasDeadRecords) notes.push(...recordNotes(subject));
  }
  return { devices, problems, notes };
}

function deviceReport(
  subject: Interface,
  device: string | null,
  features: DeviceReport["features"],
): DeviceReport {
  return {
    device,
    kind: subject.kind === "bare" ? subject.as : subject.kind,
    uuid: uuidOf(subject),
    vm: subject.kind === "vif" ? { uuid: subject.vm.uuid, name: subject.vm.name } : null,
    management: subject.kind === "pif" && subject.management,
    features,
  };
}

/** What is true of a device, and of every other that is like it. */
interface Verdict {
  readonly features: DeviceReport["features"];
  /** Undefined where the device could not be read. */
  readonly states: readonly FeatureState[] | undefined;
  /** Whether any of that is a problem. */
  readonly isToBeTold: boolean;
  /** The records that its interface lacks. */
  readonly lacking: readonly Keyword[];
  /** Whether its interface has records that nothing reads. */
  readonly hasDeadRecords: boolean;
}

/**
 * Hosts have hundreds of devices that are alike: those share one verdict, by what is recorded of them
 * and then by what they are live.
 */
class Verdicts {
  readonly #known = new ByTwo<Recorded, FeatureSet | undefined, Verdict>();
  /** Where there is no record at all, and none to be. */
  readonly #nothing: Recorded;

  constructor(
    readonly view: LiveView,
    readonly scope: Scope,
  ) {
    this.#nothing = scope.keywords.map(() => null);
  }

  /** Of an interface; `device` is its main one. */
  of(subject: Interface, device: string | undefined): Verdict {
    return subject.kind === "bare"
      ? this.#find(device, this.#nothing, null)
      : this.#find(device, recordedStates(subject, this.scope.keywords), subject);
  }

  /** Of the tap beside a vif, which no record is about. */
  ofTap(device: string): Verdict {
    return this.#find(device, this.#nothing, null);
  }

  /** Of VIFs with the very same `recorded` all records are the same. */
  #find(device: string | undefined, recorded: Recorded, subject: Interface | null): Verdict {
    const observation = device === undefined ? undefined : this.view.observations.get(device);
    const set = observation?.state === "read" ? observation.features : undefined;
    return (
      this.#known.get(recorded, set) ??
      this.#known.keep(recorded, set, this.#reach(set, recorded, subject))
    );
  }

  #reach(set: FeatureSet | undefined, recorded: Recorded, subject: Interface | null): Verdict {
    const { keywords, records } = this.scope;
    const states = set === undefined ? undefined : this.view.kernel.states(set, keywords);
    const lacking =
      subject === null || !records ? [] : lackingRecords(subject, keywords, states, recorded);
    return {
      features: featuresOf(this.view, { keywords, states, set, recorded, lacking }),
      states,
      isToBeTold: states?.some(isProblem) ?? true,
      lacking,
      hasDeadRecords: subject !== null && deadRecords(subject).length > 0,
    };
  }
}

type Recorded = readonly FeatureReport["recorded"][];

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
