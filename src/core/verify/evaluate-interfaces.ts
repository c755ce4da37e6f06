import type { FeatureSnapshot } from "../disable/steps.ts";
import type { FeatureSet, FeatureState } from "../feature-set.ts";
import type { Feature } from "../features.ts";
import { getUuid, type Interface, listInterfaceDevices } from "../interface.ts";
import { PairMap } from "../pair-map.ts";
import type { Note, Problem } from "../problem.ts";
import type { DeviceReport, FeatureReport } from "../report.ts";
import { ineffectiveSettings, settingStates } from "../settings.ts";
import {
  createIneffectiveNotes,
  findLiveProblems,
  findLocationProblems,
  findSettingProblems,
  isLiveProblem,
  missingSettings,
} from "./findings.ts";

/** What is true of the interfaces, and what is wrong with it. */
export interface InterfaceEvaluation {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** What the evaluation looks at besides the kernel. */
export interface FeatureScope {
  readonly features: readonly Feature[];
  /** False where only the live state was asked for. */
  readonly includesSettings: boolean;
}

/** Holds live and recorded state against "off". */
export function evaluateInterfaces(
  interfaces: readonly Interface[],
  snapshot: FeatureSnapshot,
  scope: FeatureScope,
): InterfaceEvaluation {
  const { features } = scope;
  const devices: DeviceReport[] = [];
  const problems: Problem[] = [];
  const notes: Note[] = [];
  const evaluator = new DeviceEvaluator(snapshot, scope);
  for (const iface of interfaces) {
    const ownDevices = listInterfaceDevices(iface, snapshot.existing);
    const mainDevice = ownDevices[0]?.name;
    const evaluation = evaluator.evaluateMain(iface, mainDevice);
    if (mainDevice === undefined) devices.push(createDeviceReport(iface, null, evaluation.features));
    for (const device of ownDevices) {
      const { name } = device;
      const { features: reports, states, hasLiveProblem } = device.isMain ? evaluation : evaluator.evaluateTap(name);
      devices.push(createDeviceReport(iface, name, reports));
      if (hasLiveProblem) problems.push(...findLiveProblems(iface, name, snapshot, features, states));
    }
    if (mainDevice === undefined) problems.push(...findLocationProblems(iface));
    if (!scope.includesSettings || iface.kind === "unmanaged") continue;
    const { states, missing, hasIneffectiveSettings } = evaluation;
    if (iface.kind === "pif" || missing.length > 0) {
      problems.push(...findSettingProblems(iface, mainDevice, features, states, missing));
    }
    if (hasIneffectiveSettings) notes.push(...createIneffectiveNotes(iface));
  }
  return { devices, problems, notes };
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

/** What is true of a device, and of every other that is like it. */
interface DeviceEvaluation {
  readonly features: DeviceReport["features"];
  /** Undefined where the device could not be read. */
  readonly states: readonly FeatureState[] | undefined;
  /** Whether any of that is a problem. */
  readonly hasLiveProblem: boolean;
  /** The records that its interface lacks. */
  readonly missing: readonly Feature[];
  /** Whether its interface has records that nothing reads. */
  readonly hasIneffectiveSettings: boolean;
}

/**
 * Hosts have hundreds of devices that are alike: those share one verdict, by what is recorded of them
 * and then by what they are live.
 */
class DeviceEvaluator {
  readonly #cache = new PairMap<XapiStates, FeatureSet | undefined, DeviceEvaluation>();
  /** Where there is no record at all, and none to be. */
  readonly #noSettings: XapiStates;

  constructor(
    readonly snapshot: FeatureSnapshot,
    readonly scope: FeatureScope,
  ) {
    this.#noSettings = scope.features.map(() => null);
  }

  /** Of an interface; `device` is its main one. */
  evaluateMain(iface: Interface, device: string | undefined): DeviceEvaluation {
    return iface.kind === "unmanaged"
      ? this.#getOrEvaluate(device, this.#noSettings, null)
      : this.#getOrEvaluate(device, settingStates(iface, this.scope.features), iface);
  }

  /** Of the tap beside a vif, which no record is about. */
  evaluateTap(device: string): DeviceEvaluation {
    return this.#getOrEvaluate(device, this.#noSettings, null);
  }

  /** Of VIFs with the very same `recorded` all records are the same. */
  #getOrEvaluate(device: string | undefined, xapiStates: XapiStates, iface: Interface | null): DeviceEvaluation {
    const reading = device === undefined ? undefined : this.snapshot.readings.get(device);
    const featureSet = reading?.state === "read" ? reading.features : undefined;
    return (
      this.#cache.get(xapiStates, featureSet) ??
      this.#cache.set(xapiStates, featureSet, this.#evaluate(featureSet, xapiStates, iface))
    );
  }

  #evaluate(featureSet: FeatureSet | undefined, xapiStates: XapiStates, iface: Interface | null): DeviceEvaluation {
    const { features, includesSettings } = this.scope;
    const states = featureSet === undefined ? undefined : this.snapshot.featureTable.getStates(featureSet, features);
    const missing = iface === null || !includesSettings ? [] : missingSettings(iface, features, states, xapiStates);
    return {
      features: createFeatureReports(this.snapshot, {
        features,
        states,
        featureSet,
        xapiStates,
        missing,
      }),
      states,
      hasLiveProblem: states?.some(isLiveProblem) ?? true,
      missing,
      hasIneffectiveSettings: iface !== null && ineffectiveSettings(iface).length > 0,
    };
  }
}

type XapiStates = readonly FeatureReport["xapi"][];

function createFeatureReports(
  { featureTable }: FeatureSnapshot,
  inputs: {
    readonly features: readonly Feature[];
    readonly states: readonly FeatureState[] | undefined;
    readonly featureSet: FeatureSet | undefined;
    readonly xapiStates: readonly FeatureReport["xapi"][];
    readonly missing: readonly Feature[];
  },
): DeviceReport["features"] {
  const reports: Partial<Record<Feature, FeatureReport>> = {};
  inputs.features.forEach((feature, index) => {
    const xapi = inputs.xapiStates[index] ?? null;
    const state = inputs.states?.[index];
    const isMissing = inputs.missing.includes(feature);
    reports[feature] =
      state === undefined || inputs.featureSet === undefined
        ? createUnreadReport(xapi, isMissing)
        : {
            live: state === "absent" ? "absent" : state.startsWith("on") ? "on" : "off",
            fixed: state.endsWith("fixed"),
            requested: featureTable.isRequested(inputs.featureSet, feature),
            xapi,
            verdict: computeVerdict(state, isMissing),
          };
  });
  return reports;
}

function createUnreadReport(xapi: FeatureReport["xapi"], isMissing: boolean): FeatureReport {
  const verdict = isMissing ? "drift" : xapi === "off" ? "ok" : "unknown";
  return { live: null, fixed: false, requested: false, xapi, verdict };
}

function computeVerdict(state: FeatureState, isMissing: boolean): FeatureReport["verdict"] {
  if (isMissing || state === "on" || state === "off, requested on") return "drift";
  if (state === "on, fixed") return "fixed";
  return state === "absent" ? "absent" : "ok";
}
