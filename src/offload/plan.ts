import type { Keyword } from "./features.ts";
import { devicesOf, type Interface, nameOf, uuidOf } from "./interface.ts";
import type { ChangeableBits, FeatureSet, KernelFeatures } from "./kernel-features.ts";
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

/** One key of a PIF or VIF that is to say `off`. */
export interface RecordStep {
  readonly subject: Exclude<Interface, { kind: "bare" }>;
  readonly keyword: Keyword;
  readonly key: string;
  /** The value to be replaced; null when there is no such key. */
  readonly from: string | null;
}

/** One feature that changes, as the report tells it. */
export interface Change {
  readonly device: string | null;
  readonly uuid: string | null;
  readonly feature: Keyword;
  readonly layer: "live" | "recorded";
  readonly from: string | null;
  readonly to: string;
}

/** The kernel writes that turn the features off: one a device, none where nothing is on. */
export function planLive(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
  view: LiveView,
): readonly LiveStep[] {
  return interfaces.flatMap((subject) =>
    devicesOf(subject, view.existing).flatMap(({ name }): LiveStep[] => {
      const observation = view.observations.get(name);
      if (observation?.state !== "read") return [];
      const { features } = observation;
      const clear = view.kernel.clearable(features, keywords);
      if (clear.isEmpty) return [];
      const touched = keywords.filter(
        (keyword) => !view.kernel.clearable(features, [keyword]).isEmpty,
      );
      return [{ subject, device: name, keywords: touched, clear }];
    }),
  );
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
    return keywords.flatMap((keyword): RecordStep[] => {
      const key = honouredKey(subject, keyword);
      if (key === null || recordedState(subject, keyword) === "off") return [];
      if (!isRecordable(subject, keyword, after)) return [];
      return [{ subject, keyword, key, from: otherConfigOf(subject)?.get(key) ?? null }];
    });
  });
}

/** Whether `off` may be recorded without setting a trap for the next plug. */
export function isRecordable(subject: Interface, keyword: Keyword, view: LiveView): boolean {
  if (subject.kind !== "pif") return subject.kind === "vif";
  const observation = view.observations.get(subject.pif.device);
  return observation?.state === "read" && view.kernel.isSettledOff(observation.features, keyword);
}

/** What the live steps change, feature by feature, from one reading to another. */
export function liveChanges(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
  before: LiveView,
  after: LiveView,
): readonly Change[] {
  return interfaces.flatMap((subject) =>
    devicesOf(subject, before.existing).flatMap(({ name }) => {
      const was = before.observations.get(name);
      const is = after.observations.get(name);
      if (was?.state !== "read" || is?.state !== "read") return [];
      return keywords.flatMap((feature): Change[] => {
        const from = before.kernel.state(was.features, feature);
        const to = after.kernel.state(is.features, feature);
        if (from === to) return [];
        return [{ device: name, uuid: uuidOf(subject), feature, layer: "live", from, to }];
      });
    }),
  );
}

/** What the record steps change. */
export function recordChanges(
  steps: readonly RecordStep[],
  existing: ReadonlySet<string>,
): readonly Change[] {
  return steps.map(({ subject, keyword, from }) => ({
    device: devicesOf(subject, existing)[0]?.name ?? null,
    uuid: uuidOf(subject),
    feature: keyword,
    layer: "recorded",
    from,
    to: "off",
  }));
}

/** The interfaces that steps touch, by the name that messages use. */
export function touchedNames(steps: readonly { readonly subject: Interface }[]): readonly string[] {
  return [...new Set(steps.map(({ subject }) => nameOf(subject)))];
}
