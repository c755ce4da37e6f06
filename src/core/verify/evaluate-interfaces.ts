import { type FeatureSnapshot, getFeatureSet } from "../disable/steps.ts";
import type { FeatureSet } from "../feature-set.ts";
import type { Feature } from "../features.ts";
import { getSettings, getUuid, type Interface, listInterfaceDevices } from "../interface.ts";
import type { Note, Problem } from "../problem.ts";
import type { DeviceReport, FeatureReport } from "../report.ts";
import { NO_SETTINGS } from "../settings.ts";
import {
  createIneffectiveNotes,
  findLiveProblems,
  findLocationProblems,
  findSettingProblems,
  isLiveProblem,
  listMissingSettings,
} from "./findings.ts";

/** What is true of interfaces, and what is wrong with it. */
export interface Evaluation {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** What interfaces are held against. */
export interface FeatureScope {
  /** The features that are to be off. */
  readonly features: readonly Feature[];
  /** False where only the live state was asked for. */
  readonly includesSettings: boolean;
}

/** Holds live state and settings of interfaces against "off". */
export function evaluateInterfaces(
  interfaces: readonly Interface[],
  snapshot: FeatureSnapshot,
  { features, includesSettings }: FeatureScope,
): Evaluation {
  return evaluateEach(interfaces, snapshot, { getFeatures: () => features, includesSettings });
}

/** The same where other features are to be off on each interface. */
export function evaluateEach(
  interfaces: readonly Interface[],
  snapshot: FeatureSnapshot,
  {
    getFeatures,
    includesSettings,
  }: { readonly getFeatures: (iface: Interface) => readonly Feature[]; readonly includesSettings: boolean },
): Evaluation {
  const devices: DeviceReport[] = [];
  const problems: Problem[] = [];
  const notes: Note[] = [];
  const summaries = new SummaryCache(includesSettings);
  for (const iface of interfaces) {
    const features = getFeatures(iface);
    const ownDevices = listInterfaceDevices(iface, snapshot.existing);
    const mainDevice = ownDevices[0]?.name;
    const live = getFeatureSet(snapshot, mainDevice);
    const summary = summaries.get(iface, live, features);
    if (mainDevice === undefined) {
      devices.push(createDeviceReport(iface, null, summary.reports));
      problems.push(...findLocationProblems(iface));
    }
    for (const { name, isMain } of ownDevices) {
      const { reports, hasLiveProblem } = isMain
        ? summary
        : summaries.get(null, getFeatureSet(snapshot, name), features);
      devices.push(createDeviceReport(iface, name, reports));
      if (hasLiveProblem) problems.push(...findLiveProblems(iface, name, snapshot, features));
    }
    if (!includesSettings) continue;
    const { missing, hasIneffectiveSettings } = summary;
    if (iface.kind === "pif" || missing.length > 0) {
      problems.push(...findSettingProblems(iface, mainDevice, features, live, missing));
    }
    if (hasIneffectiveSettings) notes.push(...createIneffectiveNotes(iface));
  }
  return { devices, problems, notes };
}

/** What is true of a device, and of every other that is like it. */
interface DeviceSummary {
  readonly reports: DeviceReport["features"];
  /** Whether what the device shows is a problem. */
  readonly hasLiveProblem: boolean;
  /** The features whose setting could and should say off, and does not. */
  readonly missing: readonly Feature[];
  readonly hasIneffectiveSettings: boolean;
}

/**
 * The summaries of devices with the same features and settings, each made once: of 500 VIFs that are
 * alike, making each took a third of the processor time of a whole `verify`.
 */
class SummaryCache {
  readonly #summaries = new Map<FeatureSet | null, Map<string, DeviceSummary>>();

  constructor(readonly includesSettings: boolean) {}

  /** `iface`: null for a tap, which no setting is about. */
  get(iface: Interface | null, live: FeatureSet | null, features: readonly Feature[]): DeviceSummary {
    const summaries = this.#summaries.get(live) ?? new Map<string, DeviceSummary>();
    this.#summaries.set(live, summaries);
    const key = `${iface === null ? "" : getSettings(iface).signature} ${features.join()}`;
    const summary = summaries.get(key) ?? this.#create(iface, live, features);
    summaries.set(key, summary);
    return summary;
  }

  #create(iface: Interface | null, live: FeatureSet | null, features: readonly Feature[]): DeviceSummary {
    const missing = iface === null || !this.includesSettings ? [] : listMissingSettings(iface, features, live);
    const settings = iface === null ? NO_SETTINGS : getSettings(iface);
    const reports: Partial<Record<Feature, FeatureReport>> = {};
    for (const feature of features) {
      const setting = { xapi: settings.state(feature), isMissing: missing.includes(feature) };
      reports[feature] = live === null ? createUnreadReport(setting) : createFeatureReport(live, feature, setting);
    }
    return {
      reports,
      hasLiveProblem: live === null || features.some((feature) => isLiveProblem(live.state(feature))),
      missing,
      hasIneffectiveSettings: settings.listIneffective().length > 0,
    };
  }
}

function createDeviceReport(iface: Interface, device: string | null, features: DeviceReport["features"]): DeviceReport {
  return {
    device,
    kind: iface.kind === "unmanaged" ? iface.deviceKind : iface.kind,
    uuid: getUuid(iface),
    vm: iface.kind === "vif" ? { uuid: iface.vm.uuid, name: iface.vm.name } : null,
    management: iface.kind === "pif" && iface.management,
    features,
  };
}

interface SettingSummary {
  readonly xapi: FeatureReport["xapi"];
  /** Whether the setting could and should say off, and does not. */
  readonly isMissing: boolean;
}

function createUnreadReport({ xapi, isMissing }: SettingSummary): FeatureReport {
  const verdict = isMissing ? "drift" : xapi === "off" ? "ok" : "unknown";
  return { live: null, fixed: false, requested: false, xapi, verdict };
}

function createFeatureReport(live: FeatureSet, feature: Feature, { xapi, isMissing }: SettingSummary): FeatureReport {
  const state = live.state(feature);
  return {
    live: state === "absent" ? "absent" : state.startsWith("on") ? "on" : "off",
    fixed: state.endsWith("fixed"),
    requested: live.isRequested(feature),
    xapi,
    verdict: isMissing || state === "on" || state === "off, requested on" ? "drift" : VERDICTS[state],
  };
}

const VERDICTS = { "on, fixed": "fixed", absent: "absent", off: "ok", "off, fixed": "ok" } as const;
