import type { FeatureSnapshot } from "../disable/steps.ts";
import { type FeatureRequest, isSet } from "../feature-set.ts";
import { FEATURE_NAMES, type Feature, isFeature } from "../features.ts";
import { getSettings, type Interface, listInterfaceDevices } from "../interface.ts";
import { shouldRestoreOn } from "../originals.ts";
import type { PendingChange } from "../pending-change.ts";
import type { Policy } from "../policy.ts";
import type { Original, StoredFeature } from "../policy-entries.ts";
import type { KernelBits } from "../ports.ts";

/** What is to be restored, and how. */
export interface RestoreRequest {
  /** Null for every feature. */
  readonly features: readonly Feature[] | null;
  /** Restores settings that someone else has changed since, too. */
  readonly force: boolean;
}

/** Where it is known from what was there. */
export interface RestoreSources {
  readonly snapshot: FeatureSnapshot;
  readonly getKernelBits: (device: string) => KernelBits | null;
  /** The features that the boot script has turned off on an interface without a text. */
  readonly getFeaturesOffAtBoot: (iface: Interface) => readonly Feature[];
  /** What is asked for once everything here is restored: the rule that is left. */
  readonly policyAfter: Policy;
}

/** Requests of one device that are to hold again. */
export interface LiveRestoreStep {
  readonly iface: Interface;
  readonly device: string;
  /** By the kernel's names. */
  readonly requestedFeatures: ReadonlyMap<string, boolean>;
  readonly request: FeatureRequest;
}

/** What is still to be asked of the devices of an interface, as a reading shows them. */
export function planLiveRestore(
  iface: Interface,
  { features }: RestoreRequest,
  { getKernelBits, getFeaturesOffAtBoot }: Pick<RestoreSources, "getKernelBits" | "getFeaturesOffAtBoot">,
  snapshot: FeatureSnapshot,
): readonly LiveRestoreStep[] {
  const isInScope = (name: Feature) => features === null || features.includes(name);
  const devices = listInterfaceDevices(iface, snapshot.existing);
  // Changed before this boot, or by the boot script: then so was its tap, of which nothing else is known.
  const isChangedEarlier =
    devices.some(({ name, isMain }) => isMain && snapshot.existing.has(name)) &&
    devices.every(({ name }) => getKernelBits(name) === null);
  return devices.flatMap(({ name: device, isMain }): LiveRestoreStep[] => {
    const reading = snapshot.readings.get(device);
    if (reading?.state !== "read") return [];
    const bits: KernelBits = getKernelBits(device) ?? NO_BITS;
    const getKernelNames = (features: readonly Feature[]) =>
      snapshot.featureTable.listNames(snapshot.featureTable.getBits(features)).map(([name]) => name);
    // Where this boot's bits have a feature, they have all of it: its other parts were off. One
    // that is on needs nothing: which of its parts are off may be the driver's own choice.
    const featuresOn = [
      ...(isMain || isChangedEarlier ? listOriginallyOn(iface) : []),
      ...(getSettings(iface).policy.keys.length === 0 ? getFeaturesOffAtBoot(iface) : []),
    ].filter(
      (feature) =>
        isInScope(feature) &&
        !reading.features.isRequestedAndChangeable(feature) &&
        !getKernelNames([feature]).some((name) => bits.has(name)),
    );
    const requestedFeatures = new Map<string, boolean>(getKernelNames(featuresOn).map((name) => [name, true]));
    const namesInScope = new Set(getKernelNames(FEATURE_NAMES.filter(isInScope)));
    for (const [name, { requested }] of bits) {
      if (features === null || namesInScope.has(name)) requestedFeatures.set(name, requested);
    }
    // networkd turns gro on with every plug, whatever it was; bits that were kept after one are no original.
    const featuresOff = isMain ? listOriginallyOff(iface).filter(isInScope) : [];
    for (const name of getKernelNames(featuresOff)) requestedFeatures.set(name, false);
    for (const name of getKernelNames(isMain ? listSetOff(iface).filter(isInScope) : [])) {
      if (!bits.has(name)) requestedFeatures.set(name, false);
    }
    const request = reading.features.planRequest(requestedFeatures);
    return request.isEmpty ? [] : [{ iface, device, requestedFeatures, request }];
  });
}

const NO_BITS: KernelBits = new Map();

const listOriginallyOn = (iface: Interface) => filterFeatures(iface, shouldRestoreOn);
const listOriginallyOff = (iface: Interface) => filterFeatures(iface, ({ live }) => live === "off");
/** What was off by a setting that `enable` has removed. */
const listSetOff = (iface: Interface) =>
  filterFeatures(iface, (original, { wrote }) => !shouldRestoreOn(original) && wrote === null);

function filterFeatures(
  iface: Interface,
  predicate: (original: Original, stored: StoredFeature) => boolean,
): readonly Feature[] {
  return [...getSettings(iface).policy.value].flatMap(([feature, stored]) =>
    isFeature(feature) && stored.original !== null && predicate(stored.original, stored) ? [feature] : [],
  );
}

/** What is requested now of everything that a plan changes in the kernel, by device. */
export function collectCurrentRequests({
  live,
  before,
}: {
  readonly live: readonly LiveRestoreStep[];
  readonly before: FeatureSnapshot;
}): PendingChange["devices"] {
  return new Map(
    live.flatMap(({ device, request }) => {
      const reading = before.readings.get(device);
      if (reading?.state !== "read") return [];
      const { requested } = reading.features;
      const names = before.featureTable.listNames(request.valid);
      return [[device, new Map(names.map(([name, index]) => [name, isSet(requested, index)]))]];
    }),
  );
}
