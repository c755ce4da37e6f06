import { type FeatureSnapshot, getFeatureSet, type LiveStep } from "../disable/steps.ts";
import { type FeatureRequest, type FeatureSet, isSet, type KernelFeatureTable } from "../feature-set.ts";
import { FEATURE_NAMES } from "../features.ts";
import type { PendingChange } from "../pending-change.ts";
import type { DeviceFeatures } from "../report.ts";
import { joinAnd } from "../text.ts";
import type { DeviceFeature, OffSet } from "./device-feature.ts";

/** The features that a bisection works with. */
export interface BisectFeatures {
  /** Every feature that is on: those that are not asked for may go along. */
  readonly all: readonly DeviceFeature[];
  /** Those that are turned off on purpose. */
  readonly candidates: readonly DeviceFeature[];
}

/**
 * The features of devices that are on, and those among them that the steps would turn off. Devices are alike
 * where driver, kind and all features are. `getDriver`: what drives a device.
 */
export function listBisectFeatures(
  steps: readonly LiveStep[],
  snapshot: FeatureSnapshot,
  getDriver: (device: string) => string,
): BisectFeatures {
  const all: DeviceFeature[] = [];
  const candidates: DeviceFeature[] = [];
  for (const { iface, device, features } of steps) {
    const set = getFeatureSet(snapshot, device);
    if (set === null) continue;
    const kind = [iface.kind, getDriver(device), set.active, set.requested, set.changeable].join(" ");
    for (const feature of FEATURE_NAMES) {
      if (set.state(feature) !== "on") continue;
      const pair = { device, feature, kind, leftOn: null };
      all.push(pair);
      if (features.includes(feature) && set.isRequestedAndChangeable(feature)) candidates.push(pair);
    }
  }
  return { all, candidates };
}

/** Tells what is off. */
export class OffReader {
  /** Features that are off in part: one object of each, as of those that are off as a whole. */
  readonly #parts = new Map<string, DeviceFeature>();

  constructor(
    readonly pairs: readonly DeviceFeature[],
    readonly before: FeatureSnapshot,
  ) {}

  /** What is off, as a whole or in part; null where a device is no longer there or cannot be read. */
  read(snapshot: FeatureSnapshot): OffSet | null {
    const off = new Set<DeviceFeature>();
    for (const pair of this.pairs) {
      const set = getFeatureSet(snapshot, pair.device);
      if (set === null) return null;
      if (set.state(pair.feature) !== "on") {
        off.add(pair);
        continue;
      }
      const leftOn = formatActive(pair, snapshot);
      if (leftOn !== formatActive(pair, this.before)) off.add(this.#getPart(pair, leftOn));
    }
    return off;
  }

  #getPart(pair: DeviceFeature, leftOn: string): DeviceFeature {
    const key = `${pair.device} ${leftOn}`;
    const part = this.#parts.get(key) ?? { ...pair, leftOn };
    this.#parts.set(key, part);
    return part;
  }
}

/** The kernel features of a feature that are on. */
function formatActive({ device, feature }: DeviceFeature, snapshot: FeatureSnapshot): string {
  const active = getFeatureSet(snapshot, device)?.active ?? [];
  const names = snapshot.featureTable.listNames(snapshot.featureTable.getBits([feature]));
  return names.flatMap(([name, index]) => (isSet(active, index) ? [name] : [])).join(" ");
}

/** What to ask of a device so that these of its features are off, and everything else as before. */
export function planBisectRequest(
  device: string,
  set: FeatureSet,
  off: OffSet,
  previous: PendingChange["devices"],
  featureTable: KernelFeatureTable,
): FeatureRequest {
  const requests = new Map(previous.get(device));
  const features = [...off].filter((pair) => pair.device === device).map(({ feature }) => feature);
  for (const [name] of featureTable.listNames(featureTable.getBits(features))) {
    if (requests.has(name)) requests.set(name, false);
  }
  return set.planRequest(requests);
}

/** The same features, device by device. */
export function groupByDevice(pairs: Iterable<DeviceFeature>): readonly DeviceFeatures[] {
  return [...Map.groupBy(pairs, ({ device }) => device)].map(([device, group]) => ({
    device,
    features: FEATURE_NAMES.filter((name) => group.some(({ feature }) => feature === name)),
  }));
}

/** The same for people, who are told which features are off in part. */
export function formatOff(off: OffSet): string {
  const byDevice = Map.groupBy(off, ({ device }) => device);
  const list = [...byDevice].map(([device, group]) => ({
    device,
    features: group.map(({ feature, leftOn }) => (leftOn === null ? feature : `${feature} in part`)),
  }));
  return formatDeviceFeatures(list);
}

/** How many devices a text names before it only counts. */
const MAX_NAMED_DEVICES = 6;

/** `tso and gso on eth1 and eth2; tx on vif4.0`; `nothing` where there is nothing. */
export function formatDeviceFeatures(
  list: readonly { readonly device: string; readonly features: readonly string[] }[],
): string {
  const byFeatures = Map.groupBy(list, ({ features }) => joinAnd(features));
  const parts = [...byFeatures].map(([features, group]) => {
    const isShort = group.length <= MAX_NAMED_DEVICES;
    return `${features} on ${isShort ? joinAnd(group.map(({ device }) => device)) : `${group.length} devices`}`;
  });
  return parts.length === 0 ? "nothing" : parts.join("; ");
}
