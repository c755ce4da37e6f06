import { ByTwo } from "../by-two.ts";
import type { ChangeableBits, FeatureSet, FeatureState, KernelFeatures } from "../feature-set.ts";
import { isChangeableOnVif, type Keyword } from "../features.ts";
import { devicesOf, type Interface, uuidOf } from "../interface.ts";
import { honouredKey, otherConfigOf, recordedStates } from "../settings.ts";

/** What reading one device gave. */
export type Observation =
  | { readonly state: "read"; readonly features: FeatureSet }
  | { readonly state: "missing" }
  | { readonly state: "unreadable"; readonly because: string };

/** What the kernel says of the devices of a selection, by name. */
export interface LiveView {
  readonly kernel: KernelFeatures;
  /** Every device name that there is. */
  readonly existing: ReadonlySet<string>;
  readonly observations: ReadonlyMap<string, Observation>;
}

/** One write to one device, with all features in it. */
export interface LiveStep {
  readonly subject: Interface;
  readonly device: string;
  readonly keywords: readonly Keyword[];
  readonly clear: ChangeableBits;
}

/** One key of a PIF or VIF that is to have another value. */
export interface RecordStep {
  readonly subject: Exclude<Interface, { kind: "bare" }>;
  readonly keyword: Keyword;
  readonly key: string;
  /** The value to be replaced; null when there is no such key. */
  readonly from: string | null;
  /** The value to come; null when there is to be no such key. */
  readonly to: string | null;
}

/** One feature that changes, as the report tells it. */
export interface Change {
  readonly device: string | null;
  readonly uuid: string | null;
  readonly feature: Keyword;
  readonly layer: "live" | "recorded";
  readonly from: string | null;
  readonly to: string | null;
}

/** The kernel writes that turn the features off: one a device, none where nothing is on. */
export function planLive(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
  view: LiveView,
): readonly LiveStep[] {
  const steps: LiveStep[] = [];
  // Devices that are alike have the very same set of features: what is to be cleared is found once.
  const known = new Map<FeatureSet, Clearing | null>();
  for (const subject of interfaces) {
    for (const { name } of devicesOf(subject, view.existing)) {
      const observation = view.observations.get(name);
      if (observation?.state !== "read") continue;
      let clearing = known.get(observation.features);
      if (clearing === undefined) {
        clearing = clearingOf(observation.features, keywords, view.kernel);
        known.set(observation.features, clearing);
      }
      if (clearing === null) continue;
      steps.push({ subject, device: name, keywords: clearing.keywords, clear: clearing.clear });
    }
  }
  return steps;
}

type Clearing = Pick<LiveStep, "keywords" | "clear">;

/** What is to be cleared of a set of features; null where everything is off. */
function clearingOf(
  features: FeatureSet,
  keywords: readonly Keyword[],
  kernel: KernelFeatures,
): Clearing | null {
  const clear = kernel.clearable(features, keywords);
  if (clear.isEmpty) return null;
  return { clear, keywords: keywords.filter((keyword) => kernel.isIn(keyword, clear)) };
}

/** What the devices will show when every step does what it is meant to do. */
export function foresee(view: LiveView, steps: readonly LiveStep[]): LiveView {
  const observations = new Map(view.observations);
  for (const { device, clear } of steps) {
    const now = observations.get(device);
    if (now?.state !== "read") continue;
    observations.set(device, {
      state: "read",
      features: view.kernel.without(now.features, clear),
    });
  }
  return { ...view, observations };
}

/**
 * The records to write, given what the devices show *after* the live half.
 *
 * On a PIF only what its NIC can change and now reads off: networkd turns a failing ethtool into
 * PIF_CONFIGURATION_ERROR at every later plug (network_utils.ml set_offload). On a VIF every key
 * that xenopsd honours and netback can follow, for vif-real ignores the exit status of ethtool; `named`
 * features are stored whatever netback says. What already means off stays.
 */
export function planRecords(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
  after: LiveView,
  named: boolean,
): readonly RecordStep[] {
  const onVif = named ? keywords : keywords.filter(isChangeableOnVif);
  const steps: RecordStep[] = [];
  // VIFs of which the same is recorded have the very same array of states.
  const known = new Map<readonly unknown[], readonly MissingRecord[]>();
  for (const subject of interfaces) {
    if (subject.kind === "bare") continue;
    const wanted = subject.kind === "pif" ? keywords : onVif;
    const recorded = recordedStates(subject, wanted);
    const states = subject.kind === "pif" ? statesOf(after, subject.pif.device, wanted) : [];
    const missing = known.get(recorded) ?? missingRecords(subject, wanted, recorded, states);
    known.set(recorded, missing);
    for (const { keyword, key, from } of missing) {
      steps.push({ subject, keyword, key, from, to: "off" });
    }
  }
  return steps;
}

type MissingRecord = Pick<RecordStep, "keyword" | "key" | "from">;

function missingRecords(
  subject: Interface,
  keywords: readonly Keyword[],
  recorded: readonly ("on" | "off" | null)[],
  states: readonly FeatureState[] | undefined,
): readonly MissingRecord[] {
  return keywords.flatMap((keyword, index): MissingRecord[] => {
    const key = honouredKey(subject, keyword);
    if (key === null || recorded[index] === "off") return [];
    if (!isRecordable(subject, states?.[index])) return [];
    return [{ keyword, key, from: otherConfigOf(subject)?.get(key) ?? null }];
  });
}

/**
 * Whether `off` may be recorded without setting a trap for the next plug. `state` is that of the
 * feature on the interface's main device, if that could be read.
 */
export function isRecordable(subject: Interface, state: FeatureState | undefined): boolean {
  return subject.kind === "vif" || (subject.kind === "pif" && state === "off");
}

/** The states of these features of a device, in their order; undefined where it could not be read. */
export function statesOf(
  { kernel, observations }: LiveView,
  device: string,
  keywords: readonly Keyword[],
): readonly FeatureState[] | undefined {
  const observation = observations.get(device);
  if (observation?.state !== "read") return undefined;
  return kernel.states(observation.features, keywords);
}

/** What the live steps change, feature by feature, from one reading to another. */
export function liveChanges(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
  before: LiveView,
  after: LiveView,
): readonly Change[] {
  const changes: Change[] = [];
  const differences = new Differences(keywords, before.kernel);
  for (const subject of interfaces) {
    for (const { name } of devicesOf(subject, before.existing)) {
      const was = before.observations.get(name);
      const is = after.observations.get(name);
      // An observation that nobody renewed is the very same object.
      if (was === is || was?.state !== "read" || is?.state !== "read") continue;
      const uuid = uuidOf(subject);
      for (const { feature, from, to } of differences.between(was.features, is.features)) {
        changes.push({ device: name, uuid, feature, layer: "live", from, to });
      }
    }
  }
  return changes;
}

interface Difference {
  readonly feature: Keyword;
  readonly from: FeatureState;
  readonly to: FeatureState;
}

/** How devices differ from before: those that are alike have the very same sets of features. */
class Differences {
  readonly #known = new ByTwo<FeatureSet, FeatureSet, readonly Difference[]>();

  constructor(
    readonly keywords: readonly Keyword[],
    readonly kernel: KernelFeatures,
  ) {}

  between(before: FeatureSet, after: FeatureSet): readonly Difference[] {
    return (
      this.#known.get(before, after) ?? this.#known.keep(before, after, this.#find(before, after))
    );
  }

  #find(before: FeatureSet, after: FeatureSet): readonly Difference[] {
    const was = this.kernel.states(before, this.keywords);
    const is = this.kernel.states(after, this.keywords);
    return this.keywords.flatMap((feature, index): Difference[] => {
      const [from = "absent", to = "absent"] = [was[index], is[index]];
      return from === to ? [] : [{ feature, from, to }];
    });
  }
}

/** What the record steps change. */
export function recordChanges(
  steps: readonly RecordStep[],
  existing: ReadonlySet<string>,
): readonly Change[] {
  return steps.map(({ subject, keyword, from, to }) => ({
    device: devicesOf(subject, existing)[0]?.name ?? null,
    uuid: uuidOf(subject),
    feature: keyword,
    layer: "recorded",
    from,
    to,
  }));
}
