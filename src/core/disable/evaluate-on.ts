import type { FeatureState } from "../feature-set.ts";
import type { Feature } from "../features.ts";
import { formatInterfaceName, getSettings, getUuid, type Interface, listInterfaceDevices } from "../interface.ts";
import { createInterfaceProblem } from "../interface-problem.ts";
import type { Note, Problem } from "../problem.ts";
import type { DeviceReport, FeatureReport } from "../report.ts";
import { joinAnd } from "../text.ts";
import { type Evaluation, evaluateEach } from "../verify/evaluate-interfaces.ts";
import { findLiveProblems, findLocationProblems } from "../verify/findings.ts";
import { type FeatureSnapshot, getFeatureSet } from "./steps.ts";

/** What interfaces are held against. */
interface OnScope {
  /** The features that are to be on. */
  readonly getFeatures: (iface: Interface) => readonly Feature[];
  /** False where only the live state was asked for. */
  readonly includesSettings: boolean;
}

/** Holds live state and settings of interfaces against "on", as far as driver and guest let that be. */
export function evaluateOn(
  interfaces: readonly Interface[],
  snapshot: FeatureSnapshot,
  { getFeatures, includesSettings }: OnScope,
): Evaluation {
  const { devices } = evaluateEach(interfaces, snapshot, { getFeatures, includesSettings: false });
  const problems: Problem[] = [];
  const notes: Note[] = [];
  for (const iface of interfaces) {
    const features = getFeatures(iface);
    const ownDevices = listInterfaceDevices(iface, snapshot.existing);
    if (ownDevices.length === 0) problems.push(...findLocationProblems(iface));
    for (const { name } of ownDevices) {
      problems.push(
        ...findLiveProblems(iface, name, snapshot, []),
        ...findOffProblems(iface, name, snapshot, features),
      );
      notes.push(...noteKeptOff(iface, name, snapshot, features));
    }
    if (includesSettings) problems.push(...findOffSettings(iface, features, ownDevices[0]?.name));
  }
  return { devices: evaluateAsOn(devices), problems, notes };
}

/** The same reports with verdicts about "on"; devices that are alike go on sharing one. */
function evaluateAsOn(devices: readonly DeviceReport[]): readonly DeviceReport[] {
  const reports = new Map<DeviceReport["features"], DeviceReport["features"]>();
  return devices.map((device) => {
    const features = reports.get(device.features) ?? mapFeatures(device.features, evaluateFeature);
    reports.set(device.features, features);
    return { ...device, features };
  });
}

function mapFeatures(features: DeviceReport["features"], map: (report: FeatureReport) => FeatureReport) {
  return Object.fromEntries(Object.entries(features).map(([name, report]) => [name, map(report)]));
}

function evaluateFeature(report: FeatureReport): FeatureReport {
  const { live, fixed, xapi } = report;
  if (live === null) return { ...report, verdict: xapi === "off" ? "drift" : "unknown" };
  if (live === "absent") return report;
  if (xapi === "off") return { ...report, verdict: "drift" };
  return { ...report, verdict: live === "on" ? "ok" : fixed ? "fixed" : "drift" };
}

/** What could be on, and is not even asked for. */
function findOffProblems(
  iface: Interface,
  device: string,
  snapshot: FeatureSnapshot,
  features: readonly Feature[],
): readonly Problem[] {
  const off = filterByState(device, snapshot, features, ["off"]);
  return off.length === 0 ? [] : [createInterfaceProblem("live-off", iface, `${joinAnd(off)} off`, device)];
}

function findOffSettings(iface: Interface, features: readonly Feature[], device?: string): readonly Problem[] {
  const settings = getSettings(iface);
  const keys = settings.listOff(features).map(({ key }) => key);
  const problems = keys.length === 0 ? [] : [`${joinAnd(keys)} of its other-config still says off`];
  // XAPI's `properties` of a PIF are the administrator's: nothing of this program writes them.
  if (features.includes("gro") && settings.value("gro") === null && settings.state("gro") === "off") {
    const command = `xe pif-param-set uuid=${getUuid(iface)} properties:gro=on`;
    problems.push(
      `properties:gro of its PIF or bond says off, and turns gro off at every plug; change it with: ${command}`,
    );
  }
  return problems.map((detail) => createInterfaceProblem("setting-off", iface, detail, device));
}

/** What was asked for and stays off, and who keeps it so. */
function noteKeptOff(
  iface: Interface,
  device: string,
  snapshot: FeatureSnapshot,
  features: readonly Feature[],
): readonly Note[] {
  const isOn = (feature: Feature) => getFeatureSet(snapshot, device)?.state(feature).startsWith("on") === true;
  const isGuest = iface.kind === "vif" || (iface.kind === "unmanaged" && iface.deviceKind === "vif");
  const explain = (feature: Feature): string => {
    const missing = (DEPENDENCIES[feature] ?? []).filter((needed) => !isOn(needed));
    if (missing.length > 0) return `needs ${joinAnd(missing)}, which ${missing.length === 1 ? "is" : "are"} off`;
    return isGuest ? "is kept off by the guest" : "is kept off by the driver";
  };
  const unavailable = filterByState(device, snapshot, features, ["off, fixed", "absent"]);
  const refused = filterByState(device, snapshot, features, ["off, requested on"]);
  const details = [
    ...(unavailable.length === 0 ? [] : [`${joinAnd(unavailable)}: the driver does not have it`]),
    ...[...Map.groupBy(refused, explain)].map(([reason, group]) => `${joinAnd(group)} ${reason}`),
  ];
  const uuid = getUuid(iface);
  const name = device || formatInterfaceName(iface);
  return details.map((detail) => ({
    code: "kept-off",
    message: `${name}: ${detail}`,
    interface: name,
    device,
    ...(uuid === null ? {} : { uuid }),
  }));
}

/** What the kernel drops a feature without (net/core/dev.c netdev_fix_features). */
const DEPENDENCIES: Readonly<Partial<Record<Feature, readonly Feature[]>>> = {
  tso: ["tx", "sg"],
  ufo: ["tx", "sg"],
  gso: ["sg"],
};

function filterByState(
  device: string,
  snapshot: FeatureSnapshot,
  features: readonly Feature[],
  states: readonly FeatureState[],
): readonly Feature[] {
  const live = getFeatureSet(snapshot, device);
  return live === null ? [] : features.filter((feature) => states.includes(live.state(feature)));
}
