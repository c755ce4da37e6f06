import type { Keyword } from "./features.ts";
import { devicesOf, type Interface, uuidOf } from "./interface.ts";
import {
  ChangeableBits,
  type FeatureSet,
  type FeatureState,
  type KernelFeatures,
} from "./kernel-features.ts";
import { honouredKey, otherConfigOf, recordedState } from "./records.ts";

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
  const { kernel } = view;
  const wanted = kernel.bitsOf(keywords);
  const steps: LiveStep[] = [];
  for (const subject of interfaces) {
    for (const { name } of devicesOf(subject, view.existing)) {
      const observation = view.observations.get(name);
      if (observation?.state !== "read") continue;
      const clear = ChangeableBits.of(observation.features, wanted);
      if (clear.isEmpty) continue;
      const touched = keywords.filter((keyword) => kernel.isIn(keyword, clear));
      steps.push({ subject, device: name, keywords: touched, clear });
    }
  }
  return steps;
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
 * that xenopsd honours: vif-real ignores the exit status of ethtool. What already means off stays.
 */
export function planRecords(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
  after: LiveView,
): readonly RecordStep[] {
  return interfaces.flatMap((subject): RecordStep[] => {
    if (subject.kind === "bare") return [];
    const states = subject.kind === "pif" ? statesOf(after, subject.pif.device, keywords) : [];
    return keywords.flatMap((keyword, index): RecordStep[] => {
      const key = honouredKey(subject, keyword);
      if (key === null || recordedState(subject, keyword) === "off") return [];
      if (!isRecordable(subject, states?.[index])) return [];
      return [{ subject, keyword, key, from: otherConfigOf(subject)?.get(key) ?? null, to: "off" }];
    });
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
  for (const subject of interfaces) {
    for (const { name } of devicesOf(subject, before.existing)) {
      const was = before.observations.get(name);
      const is = after.observations.get(name);
      // An observation that nobody renewed is the very same object.
      if (was === is || was?.state !== "read" || is?.state !== "read") continue;
      const from = before.kernel.states(was.features, keywords);
      const to = after.kernel.states(is.features, keywords);
      if (from === to) continue;
      const uuid = uuidOf(subject);
      keywords.forEach((feature, index) => {
        const [was = "absent", is = "absent"] = [from[index], to[index]];
        if (was === is) return;
        changes.push({ device: name, uuid, feature, layer: "live", from: was, to: is });
      });
    }
  }
  return changes;
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
