import type { FeatureRequest, FeatureSet, KernelFeatureTable } from "../feature-set.ts";
import { type Feature, isChangeableOnVif } from "../features.ts";
import { getSettings, getUuid, type Interface, listInterfaceDevices } from "../interface.ts";

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
  readonly request: FeatureRequest;
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

/** One feature that changes, as the report has it. */
export interface Change {
  readonly device: string | null;
  readonly uuid: string | null;
  readonly feature: Feature;
  readonly layer: "live" | "xapi";
  readonly from: string | null;
  readonly to: string | null;
}

/** The features of a device; null where it could not be read, or there is none. */
export function getFeatureSet({ readings }: FeatureSnapshot, device: string | undefined): FeatureSet | null {
  const reading = device === undefined ? undefined : readings.get(device);
  return reading?.state === "read" ? reading.features : null;
}

/** The kernel writes that turn the features off: one per device, none where nothing is on. */
export function planLiveSteps(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  snapshot: FeatureSnapshot,
): readonly LiveStep[] {
  return planDeviceSteps(interfaces, features, snapshot, (live) => live.planOff(features));
}

/**
 * The kernel writes that turn the features on, where nothing of them is requested: the parts that were requested
 * before the first change of this boot, as far as that is known, and otherwise all of them, as ethtool does.
 */
export function planLiveOnSteps(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  snapshot: FeatureSnapshot,
  getKernelBits: (device: string) => ReadonlyMap<string, { readonly requested: boolean }> | null,
): readonly LiveStep[] {
  const { featureTable } = snapshot;
  return planDeviceSteps(interfaces, features, snapshot, (live, device) => {
    const bits = getKernelBits(device);
    const missing = features.filter((feature) => !live.isRequestedAndChangeable(feature));
    const requests = missing.flatMap((feature) => {
      const names = featureTable.listNames(featureTable.getBits([feature])).map(([name]) => name);
      const original = names.filter((name) => bits?.get(name)?.requested === true);
      return original.length > 0 ? original : names;
    });
    return live.planRequest(new Map(requests.map((name) => [name, true])));
  });
}

function planDeviceSteps(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  snapshot: FeatureSnapshot,
  plan: (live: FeatureSet, device: string) => FeatureRequest,
): readonly LiveStep[] {
  const { featureTable, existing } = snapshot;
  const steps: LiveStep[] = [];
  for (const iface of interfaces) {
    for (const { name: device } of listInterfaceDevices(iface, existing)) {
      const live = getFeatureSet(snapshot, device);
      const request = live === null ? null : plan(live, device);
      if (request === null || request.isEmpty) continue;
      const affected = features.filter((feature) => featureTable.isAffected(feature, request));
      steps.push({ iface, device, features: affected, request });
    }
  }
  return steps;
}

/** What the devices will show when every step does what it is meant to do. */
export function previewSnapshot(snapshot: FeatureSnapshot, steps: readonly LiveStep[]): FeatureSnapshot {
  const readings = new Map(snapshot.readings);
  for (const { device, request } of steps) {
    const features = getFeatureSet(snapshot, device)?.apply(request);
    if (features !== undefined) readings.set(device, { state: "read", features });
  }
  return { ...snapshot, readings };
}

/**
 * The settings to write, given what the devices show *after* the live half.
 *
 * On a PIF only what its NIC can change and now reads off: networkd turns a failing ethtool into
 * PIF_CONFIGURATION_ERROR at every later plug (network_utils.ml set_offload). On a VIF every key
 * that xenopsd reads and netback can follow, for vif-real ignores the exit status of ethtool; features
 * that were named are stored whatever netback says. What already means off stays.
 */
export function planSettings(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  after: FeatureSnapshot,
  hasExplicitFeatures: boolean,
): readonly SettingStep[] {
  const vifFeatures = hasExplicitFeatures ? features : features.filter(isChangeableOnVif);
  return interfaces.flatMap((iface): SettingStep[] => {
    if (iface.kind === "unmanaged") return [];
    const settings = getSettings(iface);
    const live = iface.kind === "pif" ? getFeatureSet(after, iface.pif.device) : null;
    return (iface.kind === "pif" ? features : vifFeatures).flatMap((feature): SettingStep[] => {
      const key = settings.key(feature);
      if (key === null || settings.state(feature) === "off" || !canSetOff(iface, live, feature)) return [];
      return [{ iface, feature, key, from: settings.value(feature), to: "off" }];
    });
  });
}

/** The removal of settings that say off, whoever wrote them: those that nothing reads, too. */
export function planSettingRemovals(
  interfaces: readonly Interface[],
  features: readonly Feature[],
): readonly SettingStep[] {
  return interfaces.flatMap((iface): readonly SettingStep[] => {
    if (iface.kind === "unmanaged") return [];
    const found = getSettings(iface).listOff(features);
    return found.map(({ feature, key, value }) => ({ iface, feature, key, from: value, to: null }));
  });
}

/**
 * Whether the setting of a feature may say off without making the next plug fail. `live`: the features
 * of the interface's main device, if that could be read.
 */
export function canSetOff(iface: Interface, live: FeatureSet | null, feature: Feature): boolean {
  return iface.kind === "vif" || (iface.kind === "pif" && live?.state(feature) === "off");
}

/** What the live steps change, feature by feature, from one reading to another. */
export function listLiveChanges(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  before: FeatureSnapshot,
  after: FeatureSnapshot,
): readonly Change[] {
  const changes: Change[] = [];
  for (const iface of interfaces) {
    const uuid = getUuid(iface);
    for (const { name: device } of listInterfaceDevices(iface, before.existing)) {
      const [setBefore, setAfter] = [getFeatureSet(before, device), getFeatureSet(after, device)];
      if (setBefore === null || setAfter === null) continue;
      for (const feature of features) {
        const [from, to] = [setBefore.state(feature), setAfter.state(feature)];
        if (from !== to) changes.push({ device, uuid, feature, layer: "live", from, to });
      }
    }
  }
  return changes;
}

/** What the setting steps change. */
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
