import type { ChangeableBits, FeatureSet, FeatureState, KernelFeatureTable } from "../feature-set.ts";
import { type Feature, isChangeableOnVif } from "../features.ts";
import { getUuid, type Interface, listInterfaceDevices } from "../interface.ts";
import { PairMap } from "../pair-map.ts";
import { effectiveKey, getOtherConfig, settingStates } from "../settings.ts";

/** What reading one device gave. */
export type DeviceReading =
  | { readonly state: "read"; readonly features: FeatureSet }
  | { readonly state: "missing" }
  | { readonly state: "unreadable"; readonly reason: string };

/** What the kernel says of the devices of a selection, by name. */
export interface FeatureSnapshot {
  readonly featureTable: KernelFeatureTable;
  /** Every device name that there is. */
  readonly existing: ReadonlySet<string>;
  readonly readings: ReadonlyMap<string, DeviceReading>;
}

/** One write to one device, with all features in it. */
export interface LiveStep {
  readonly iface: Interface;
  readonly device: string;
  readonly features: readonly Feature[];
  readonly bitsToClear: ChangeableBits;
}

/** One key of a PIF or VIF that is to have another value. */
export interface SettingStep {
  readonly iface: Exclude<Interface, { kind: "unmanaged" }>;
  readonly feature: Feature;
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
  readonly feature: Feature;
  readonly layer: "live" | "xapi";
  readonly from: string | null;
  readonly to: string | null;
}

/** The kernel writes that turn the features off: one a device, none where nothing is on. */
export function planLiveSteps(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  snapshot: FeatureSnapshot,
): readonly LiveStep[] {
  const steps: LiveStep[] = [];
  // Devices that are alike have the very same set of features: what is to be cleared is found once.
  const cached = new Map<FeatureSet, ClearPlan | null>();
  for (const iface of interfaces) {
    for (const { name } of listInterfaceDevices(iface, snapshot.existing)) {
      const reading = snapshot.readings.get(name);
      if (reading?.state !== "read") continue;
      let clearPlan = cached.get(reading.features);
      if (clearPlan === undefined) {
        clearPlan = planClear(reading.features, features, snapshot.featureTable);
        cached.set(reading.features, clearPlan);
      }
      if (clearPlan === null) continue;
      steps.push({
        iface,
        device: name,
        features: clearPlan.features,
        bitsToClear: clearPlan.bitsToClear,
      });
    }
  }
  return steps;
}

type ClearPlan = Pick<LiveStep, "features" | "bitsToClear">;

/** What is to be cleared of a set of features; null where everything is off. */
function planClear(
  featureSet: FeatureSet,
  features: readonly Feature[],
  featureTable: KernelFeatureTable,
): ClearPlan | null {
  const bitsToClear = featureTable.findClearable(featureSet, features);
  if (bitsToClear.isEmpty) return null;
  return {
    bitsToClear,
    features: features.filter((feature) => featureTable.isAffected(feature, bitsToClear)),
  };
}

/** What the devices will show when every step does what it is meant to do. */
export function previewSnapshot(snapshot: FeatureSnapshot, steps: readonly LiveStep[]): FeatureSnapshot {
  const readings = new Map(snapshot.readings);
  for (const { device, bitsToClear } of steps) {
    const reading = readings.get(device);
    if (reading?.state !== "read") continue;
    readings.set(device, {
      state: "read",
      features: snapshot.featureTable.clearBits(reading.features, bitsToClear),
    });
  }
  return { ...snapshot, readings };
}

/**
 * The records to write, given what the devices show *after* the live half.
 *
 * On a PIF only what its NIC can change and now reads off: networkd turns a failing ethtool into
 * PIF_CONFIGURATION_ERROR at every later plug (network_utils.ml set_offload). On a VIF every key
 * that xenopsd honors and netback can follow, for vif-real ignores the exit status of ethtool; `named`
 * features are stored whatever netback says. What already means off stays.
 */
export function planSettings(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  after: FeatureSnapshot,
  hasExplicitFeatures: boolean,
): readonly SettingStep[] {
  const vifFeatures = hasExplicitFeatures ? features : features.filter(isChangeableOnVif);
  const steps: SettingStep[] = [];
  // VIFs of which the same is recorded have the very same array of states.
  const cached = new Map<readonly unknown[], readonly MissingSetting[]>();
  for (const iface of interfaces) {
    if (iface.kind === "unmanaged") continue;
    const ifaceFeatures = iface.kind === "pif" ? features : vifFeatures;
    const xapiStates = settingStates(iface, ifaceFeatures);
    const liveStates = iface.kind === "pif" ? getLiveStates(after, iface.pif.device, ifaceFeatures) : [];
    const missing = cached.get(xapiStates) ?? planMissingSettings(iface, ifaceFeatures, xapiStates, liveStates);
    cached.set(xapiStates, missing);
    for (const { feature, key, from } of missing) {
      steps.push({ iface, feature, key, from, to: "off" });
    }
  }
  return steps;
}

type MissingSetting = Pick<SettingStep, "feature" | "key" | "from">;

function planMissingSettings(
  iface: Interface,
  features: readonly Feature[],
  xapiStates: readonly ("on" | "off" | null)[],
  liveStates: readonly FeatureState[] | undefined,
): readonly MissingSetting[] {
  return features.flatMap((feature, index): MissingSetting[] => {
    const key = effectiveKey(iface, feature);
    if (key === null || xapiStates[index] === "off") return [];
    if (!canSetOff(iface, liveStates?.[index])) return [];
    return [{ feature, key, from: getOtherConfig(iface)?.get(key) ?? null }];
  });
}

/**
 * Whether `off` may be recorded without setting a trap for the next plug. `state` is that of the
 * feature on the interface's main device, if that could be read.
 */
export function canSetOff(iface: Interface, liveState: FeatureState | undefined): boolean {
  return iface.kind === "vif" || (iface.kind === "pif" && liveState === "off");
}

/** The states of these features of a device, in their order; undefined where it could not be read. */
export function getLiveStates(
  { featureTable, readings }: FeatureSnapshot,
  device: string,
  features: readonly Feature[],
): readonly FeatureState[] | undefined {
  const reading = readings.get(device);
  if (reading?.state !== "read") return undefined;
  return featureTable.getStates(reading.features, features);
}

/** What the live steps change, feature by feature, from one reading to another. */
export function listLiveChanges(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  before: FeatureSnapshot,
  after: FeatureSnapshot,
): readonly Change[] {
  const changes: Change[] = [];
  const comparer = new FeatureSetComparer(features, before.featureTable);
  for (const iface of interfaces) {
    for (const { name } of listInterfaceDevices(iface, before.existing)) {
      const readingBefore = before.readings.get(name);
      const readingAfter = after.readings.get(name);
      // An observation that nobody renewed is the very same object.
      if (readingBefore === readingAfter || readingBefore?.state !== "read" || readingAfter?.state !== "read") continue;
      const uuid = getUuid(iface);
      for (const { feature, from, to } of comparer.compare(readingBefore.features, readingAfter.features)) {
        changes.push({ device: name, uuid, feature, layer: "live", from, to });
      }
    }
  }
  return changes;
}

interface FeatureDifference {
  readonly feature: Feature;
  readonly from: FeatureState;
  readonly to: FeatureState;
}

/** How devices differ from before: those that are alike have the very same sets of features. */
class FeatureSetComparer {
  readonly #cache = new PairMap<FeatureSet, FeatureSet, readonly FeatureDifference[]>();

  constructor(
    readonly features: readonly Feature[],
    readonly featureTable: KernelFeatureTable,
  ) {}

  compare(before: FeatureSet, after: FeatureSet): readonly FeatureDifference[] {
    return this.#cache.get(before, after) ?? this.#cache.set(before, after, this.#findDifferences(before, after));
  }

  #findDifferences(before: FeatureSet, after: FeatureSet): readonly FeatureDifference[] {
    const statesBefore = this.featureTable.getStates(before, this.features);
    const statesAfter = this.featureTable.getStates(after, this.features);
    return this.features.flatMap((feature, index): FeatureDifference[] => {
      const [from = "absent", to = "absent"] = [statesBefore[index], statesAfter[index]];
      return from === to ? [] : [{ feature, from, to }];
    });
  }
}

/** What the record steps change. */
export function listSettingChanges(steps: readonly SettingStep[], existing: ReadonlySet<string>): readonly Change[] {
  return steps.map(({ iface, feature, from, to }) => ({
    device: listInterfaceDevices(iface, existing)[0]?.name ?? null,
    uuid: getUuid(iface),
    feature,
    layer: "xapi",
    from,
    to,
  }));
}
