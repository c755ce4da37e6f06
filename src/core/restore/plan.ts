import { isDeepStrictEqual } from "node:util";
import { findPolicyProblems } from "../disable/plan.ts";
import type { FeatureSnapshot, SettingStep } from "../disable/steps.ts";
import { FEATURE_NAMES, type Feature, isFeature, settingKey } from "../features.ts";
import { getSettings, type Interface, listInterfaceDevices, type ManagedInterface } from "../interface.ts";
import { createInterfaceNote, createInterfaceProblem } from "../interface-problem.ts";
import type { Policy } from "../policy.ts";
import type { StoredFeature, StoredFeatures } from "../policy-entries.ts";
import type { Note, Problem } from "../problem.ts";
import { parseSetting } from "../settings.ts";
import type { PolicyStep } from "../write-policy-entries.ts";
import { type LiveRestoreStep, planLiveRestore, type RestoreRequest, type RestoreSources } from "./live-restore.ts";

/** A setting that someone else has changed since: neither the original nor what this tool wrote. */
interface Conflict {
  readonly iface: ManagedInterface;
  readonly feature: string;
  readonly key: string;
  readonly original: string | null;
  readonly current: string | null;
}

/** What restoring comes to. */
export interface RestorePlan {
  readonly interfaces: readonly Interface[];
  readonly before: FeatureSnapshot;
  readonly settings: readonly SettingStep[];
  readonly live: readonly LiveRestoreStep[];
  readonly conflicts: readonly Conflict[];
  /** What stays stored with interfaces that are not restored as a whole. */
  readonly policySteps: readonly PolicyStep[];
  /** Interfaces whose texts can go once everything else is done. */
  readonly policyRemovals: readonly ManagedInterface[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** Plans how to bring the originals of these interfaces back. */
export function planRestore(
  interfaces: readonly Interface[],
  request: RestoreRequest,
  sources: RestoreSources,
): RestorePlan {
  const usable = interfaces.filter((iface) => getSettings(iface).policy.problem === null);
  const parts = usable.map((iface) => planInterface(iface, request, sources));
  return {
    interfaces: usable,
    before: sources.snapshot,
    settings: parts.flatMap(({ settings }) => settings),
    live: usable.flatMap((iface) => planLiveRestore(iface, request, sources, sources.snapshot)),
    conflicts: parts.flatMap(({ conflicts }) => conflicts),
    policySteps: parts.flatMap(({ policySteps }) => policySteps),
    policyRemovals: parts.flatMap(({ policyRemovals }) => policyRemovals),
    problems: [
      ...interfaces.flatMap(findPolicyProblems),
      ...parts.flatMap(({ conflicts }) => conflicts.map(createConflictProblem)),
      ...usable.flatMap((iface) => createOtherHostProblems(iface)),
      ...usable.flatMap((iface) => createUnreadableProblems(iface, sources)),
    ],
    notes: usable.flatMap((iface) => createUnknownOriginalNotes(iface, sources)),
  };
}

type InterfacePlan = Pick<RestorePlan, "settings" | "conflicts" | "policySteps" | "policyRemovals">;

function planInterface(
  iface: Interface,
  request: RestoreRequest,
  { policyAfter, getFeaturesOffAtBoot }: RestoreSources,
): InterfacePlan {
  const { keys, value } = getSettings(iface).policy;
  const empty: InterfacePlan = { settings: [], conflicts: [], policySteps: [], policyRemovals: [] };
  if (iface.kind === "unmanaged") return empty;
  if (keys.length === 0) {
    const features = getFeaturesOffAtBoot(iface).filter((feature) => policyAfter.isCovered(iface, feature));
    const exceptionsByFeature = new Map(features.map((feature) => [feature, POLICY_EXCEPTION] as const));
    return exceptionsByFeature.size === 0
      ? empty
      : {
          ...empty,
          policySteps: [{ iface, features: exceptionsByFeature }],
          policyRemovals: [iface],
        };
  }
  const settings: SettingStep[] = [];
  const conflicts: Conflict[] = [];
  const remaining = new Map<string, StoredFeature>();
  for (const [feature, stored] of value) {
    if (request.features !== null && !request.features.some((name) => name === feature)) {
      remaining.set(feature, stored);
      continue;
    }
    settings.push(...planIneffectiveSettings(iface, feature, stored));
    const change = planSettingChange(iface, feature, stored);
    if (change?.type === "conflict" && !request.force) {
      conflicts.push(change.conflict);
      remaining.set(feature, { ...stored, asked: null, alone: false });
    } else if (change !== null) settings.push(change.step);
  }
  for (const feature of findExceptions(iface, remaining, value, request, policyAfter)) {
    remaining.set(feature, {
      ...POLICY_EXCEPTION,
      ...remaining.get(feature),
      asked: "on",
      alone: false,
    });
  }
  // Nothing to restore, and the only text says what is left already: a second run changes nothing.
  if (settings.length === 0 && keys.length === 1 && isDeepStrictEqual(remaining, value)) {
    return { ...empty, conflicts };
  }
  return {
    settings,
    conflicts,
    policySteps: remaining.size === 0 ? [] : [{ iface, features: remaining }],
    policyRemovals: [iface],
  };
}

/** That a feature is on under a wider word that says off. */
const POLICY_EXCEPTION: StoredFeature = {
  asked: "on",
  alone: false,
  original: null,
  wrote: undefined,
};

/** Features that a wider word would turn off again as soon as the interface has none of its own. */
function findExceptions(
  iface: ManagedInterface,
  remaining: StoredFeatures,
  stored: StoredFeatures,
  { features }: RestoreRequest,
  policyAfter: Policy,
): readonly Feature[] {
  return (features ?? FEATURE_NAMES).filter(
    (feature) => stored.has(feature) && remaining.get(feature)?.asked !== "on" && policyAfter.isCovered(iface, feature),
  );
}

/** Settings without effect that this tool has removed; one that is there again is someone else's. */
function planIneffectiveSettings(
  iface: ManagedInterface,
  feature: string,
  { ineffective = new Map() }: StoredFeature,
): readonly SettingStep[] {
  if (!isFeature(feature)) return [];
  const { otherConfig } = getSettings(iface);
  return [...ineffective]
    .filter(([key]) => !otherConfig.has(key))
    .map(([key, to]) => ({ iface, feature, key, from: null, to }));
}

type SettingChange =
  | { readonly type: "step"; readonly step: SettingStep }
  | { readonly type: "conflict"; readonly step: SettingStep; readonly conflict: Conflict };

/**
 * Whether someone else has changed a setting is decided by what this tool wrote last alone; a key that
 * is not there always counts as ours. So does one that says off where the text says that it was removed: the text
 * comes before the removal, and an `enable` that was cut short between the two has left it.
 */
function planSettingChange(
  iface: ManagedInterface,
  feature: string,
  { original, wrote }: StoredFeature,
): SettingChange | null {
  const key = isFeature(feature) ? settingKey(iface.kind, feature) : null;
  if (key === null || !isFeature(feature) || original === null || wrote === undefined) return null;
  const current = getSettings(iface).value(feature);
  const originalValue = original.setting;
  const isLeftByEnable = wrote === null && parseSetting(current) === "off";
  if (current === originalValue || (wrote === originalValue && !isLeftByEnable)) return null;
  const step: SettingStep = { iface, feature, key, from: current, to: originalValue };
  return current === wrote || current === null || isLeftByEnable
    ? { type: "step", step }
    : {
        type: "conflict",
        step,
        conflict: { iface, feature, key, original: originalValue, current },
      };
}

/** Whether settings of an interface are to be restored that its texts `now` no longer have. */
export function hasLostOriginals(before: ManagedInterface, current: ManagedInterface): boolean {
  return [...getSettings(before).policy.value].some(
    ([feature, stored]) =>
      !getSettings(current).policy.value.get(feature)?.original &&
      planSettingChange(current, feature, stored)?.type === "step",
  );
}

/** Whether the device of a VIF is on another host, so that this one cannot restore what is live. */
export function isOnOtherHost(iface: Interface): boolean {
  return iface.kind === "vif" && iface.location.kind === "remote";
}

function createOtherHostProblems(iface: Interface): readonly Problem[] {
  if (iface.kind !== "vif" || iface.location.kind !== "remote") return [];
  const detail = `only its settings are restored, because its VM runs on ${JSON.stringify(iface.location.host)}; run offload restore there, or here with --pool`;
  return [createInterfaceProblem("restore-on-other-host", iface, detail)];
}

/** Devices that have something to be restored, and cannot be read. */
export function createUnreadableProblems(
  iface: Interface,
  { snapshot, getKernelBits }: Pick<RestoreSources, "snapshot" | "getKernelBits">,
): readonly Problem[] {
  return listInterfaceDevices(iface, snapshot.existing).flatMap(({ name, isMain }): Problem[] => {
    const reading = snapshot.readings.get(name);
    const hasStoredFeatures = isMain && getSettings(iface).policy.value.size > 0;
    if (reading?.state === "read" || !snapshot.existing.has(name)) return [];
    if (!hasStoredFeatures && getKernelBits(name) === null) return [];
    const reason = reading?.state === "unreadable" ? `: ${reading.reason}` : "";
    const detail = `not restored, because it could not be read${reason}`;
    return [createInterfaceProblem("device-unreadable", iface, detail, name)];
  });
}

function createUnknownOriginalNotes(
  iface: Interface,
  { snapshot, getKernelBits, getFeaturesOffAtBoot }: RestoreSources,
): readonly Note[] {
  const device = listInterfaceDevices(iface, snapshot.existing)[0]?.name;
  if (device === undefined || getSettings(iface).policy.keys.length > 0) return [];
  const features = getFeaturesOffAtBoot(iface);
  if (features.length === 0 || getKernelBits(device) !== null) return [];
  const detail = `the boot script turned off ${features.join(", ")}; what was there before is not known, so that is turned on`;
  return [createInterfaceNote("original-unknown", iface, detail, { device, features })];
}

function createConflictProblem({ iface, key, original, current }: Conflict): Problem {
  const formatValue = (setting: string | null) => (setting === null ? "absent" : JSON.stringify(setting));
  const detail = `${key} was ${formatValue(original)} originally, and was changed to ${formatValue(current)} by someone else; --force restores it`;
  return createInterfaceProblem("conflict", iface, detail);
}
