import type { Keyword } from "./features.ts";
import {
  isProblem,
  lackingRecords,
  liveProblems,
  recordNotes,
  recordProblems,
  whereaboutsProblems,
} from "./findings.ts";
import { devicesOf, type Interface, uuidOf } from "./interface.ts";
import type { FeatureSet, FeatureState } from "./kernel-features.ts";
import { type LiveView, statesOf } from "./plan.ts";
import type { Note, Problem } from "./problem.ts";
import { recordedStates } from "./records.ts";
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
  const descriptions = new Descriptions(view, scope.keywords);
  for (const subject of interfaces) {
    const own = devicesOf(subject, view.existing);
    const main = own[0];
    const states = main === undefined ? undefined : statesOf(view, main.name, scope.keywords);
    const recorded =
      subject.kind === "bare" ? descriptions.nothing : recordedStates(subject, scope.keywords);
    const lacking = scope.records ? descriptions.lacking(subject, states, recorded) : NONE;
    if (main === undefined) {
      const features = descriptions.of(undefined, undefined, recorded, lacking);
      devices.push(deviceReport(subject, null, features));
    }
    for (const { name, main: isMain } of own) {
      const its = isMain ? states : statesOf(view, name, scope.keywords);
      const features = isMain
        ? descriptions.of(name, its, recorded, lacking)
        : descriptions.of(name, its, descriptions.nothing, NONE);
      devices.push(deviceReport(subject, name, features));
      if (its === undefined || descriptions.isToBeTold(its)) {
        problems.push(...liveProblems(subject, name, view, scope.keywords, its));
      }
    }
    if (subject.kind === "bare") continue;
    problems.push(...whereaboutsProblems(subject));
    if (!scope.records) continue;
    if (subject.kind === "pif" || lacking.length > 0) {
      problems.push(...recordProblems(subject, main?.name, scope.keywords, states, lacking));
    }
    notes.push(...recordNotes(subject));
  }
  return { devices, problems, notes };
}

const NONE: readonly Keyword[] = [];

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

/**
 * What devices are told to be. Hosts have hundreds that are alike: those share one description, by
 * what is recorded of them and then by what they are live.
 */
class Descriptions {
  readonly #known = new Map<
    readonly FeatureReport["recorded"][],
    Map<FeatureSet | undefined, DeviceReport["features"]>
  >();
  readonly #lacking = new Map<readonly FeatureReport["recorded"][], readonly Keyword[]>();
  readonly #toBeTold = new Map<readonly FeatureState[], boolean>();
  /** Where there is no record at all, and none to be. */
  readonly nothing: readonly null[];

  constructor(
    readonly view: LiveView,
    readonly keywords: readonly Keyword[],
  ) {
    this.nothing = keywords.map(() => null);
  }

  /** Whether any of those states is a problem. */
  isToBeTold(states: readonly FeatureState[]): boolean {
    let told = this.#toBeTold.get(states);
    if (told === undefined) {
      told = states.some(isProblem);
      this.#toBeTold.set(states, told);
    }
    return told;
  }

  /** The records that an interface lacks; for VIFs this follows from what is recorded alone. */
  lacking(
    subject: Interface,
    states: readonly FeatureState[] | undefined,
    recorded: readonly FeatureReport["recorded"][],
  ): readonly Keyword[] {
    if (subject.kind === "bare") return NONE;
    let lacking = this.#lacking.get(recorded);
    if (lacking === undefined) {
      lacking = lackingRecords(subject, this.keywords, states, recorded);
      this.#lacking.set(recorded, lacking);
    }
    return lacking;
  }

  of(
    device: string | undefined,
    states: readonly FeatureState[] | undefined,
    recorded: readonly FeatureReport["recorded"][],
    lacking: readonly Keyword[],
  ): DeviceReport["features"] {
    const observation = device === undefined ? undefined : this.view.observations.get(device);
    const set = observation?.state === "read" ? observation.features : undefined;
    let alike = this.#known.get(recorded);
    if (alike === undefined) {
      alike = new Map();
      this.#known.set(recorded, alike);
    }
    let features = alike.get(set);
    if (features === undefined) {
      const { keywords } = this;
      features = featuresOf(this.view, { keywords, states, set, recorded, lacking });
      alike.set(set, features);
    }
    return features;
  }
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
