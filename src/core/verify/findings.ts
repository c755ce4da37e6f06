import { canSetOff, type FeatureSnapshot } from "../disable/steps.ts";
import type { FeatureState } from "../feature-set.ts";
import { type Feature, isChangeableOnVif } from "../features.ts";
import { formatInterfaceName, getUuid, type Interface } from "../interface.ts";
import { createInterfaceProblem } from "../interface-problem.ts";
import type { Note, Problem, ProblemCode } from "../problem.ts";
import { effectiveKey, getOtherConfig, ineffectiveSettings, settingState } from "../settings.ts";
import { formatCount, joinAnd, quote } from "../text.ts";

/** What `disable` fixes. */
const FIXED_BY_DISABLE: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  "live-on",
  "requested-on",
  "setting-missing",
  "setting-on",
  "setting-invalid",
  "gro-not-persistent",
  "networkd-turns-on",
]);

/** Whether running `disable` on the same targets would help. */
export function isFixedByDisable(problems: readonly Problem[]): boolean {
  return problems.some(({ code }) => FIXED_BY_DISABLE.has(code));
}

/**
 * The features whose record could and should say `off`, and does not. `recorded`: what the records
 * say, in the order of the keywords, as the states of the features are.
 */
export function missingSettings(
  iface: Interface,
  features: readonly Feature[],
  states: readonly FeatureState[] | undefined,
  xapiStates: readonly ("on" | "off" | null)[],
): readonly Feature[] {
  if (iface.kind === "unmanaged") return [];
  return features.filter(
    (feature, index) =>
      xapiStates[index] !== "off" &&
      effectiveKey(iface, feature) !== null &&
      (iface.kind === "vif" ? isChangeableOnVif(feature) : canSetOff(iface, states?.[index])),
  );
}

/** The states that are a problem, and how it is told. */
const LIVE_PROBLEMS: ReadonlyMap<FeatureState, readonly [code: ProblemCode, says: string]> = new Map([
  ["on", ["live-on", "on"]],
  ["off, requested on", ["requested-on", "off, but requested on, and so coming on without notice"]],
  ["on, fixed", ["live-fixed", "on, and the driver lets nobody change that"]],
]);

/** Whether a state has to be told of. */
export function isLiveProblem(state: FeatureState): boolean {
  return LIVE_PROBLEMS.has(state);
}

/** What is wrong with one device of an interface. */
export function findLiveProblems(
  iface: Interface,
  device: string,
  { readings }: FeatureSnapshot,
  features: readonly Feature[],
  states: readonly FeatureState[] | undefined,
): readonly Problem[] {
  const reading = readings.get(device);
  if (reading?.state === "unreadable") {
    const detail = `could not be read: ${reading.reason}`;
    return [createInterfaceProblem("device-unreadable", iface, detail, device)];
  }
  if (states === undefined) return [createInterfaceProblem("device-missing", iface, "is not there", device)];
  const problems: Problem[] = [];
  for (const [state, [code, detail]] of LIVE_PROBLEMS) {
    if (!states.includes(state)) continue;
    const affected = features.filter((_, index) => states[index] === state);
    problems.push(createInterfaceProblem(code, iface, `${joinAnd(affected)} ${detail}`, device));
  }
  return problems;
}

/** That the live half of a VIF is another host's. */
export function findLocationProblems(iface: Interface): readonly Problem[] {
  if (iface.kind !== "vif" || iface.location.kind !== "remote") return [];
  const detail = `live on the host ${quote(iface.location.host)}; run offload there too`;
  return [createInterfaceProblem("live-on-other-host", iface, detail)];
}

/** What is wrong with the records of an interface. */
export function findSettingProblems(
  iface: Interface,
  device: string | undefined,
  features: readonly Feature[],
  states: readonly FeatureState[] | undefined,
  missing: readonly Feature[],
): readonly Problem[] {
  const problems: Problem[] = [];
  const addProblem = (code: ProblemCode, affected: readonly Feature[], detail: string) => {
    if (affected.length > 0) problems.push(createInterfaceProblem(code, iface, detail, device));
  };
  const unsupported = findUnsupportedSettings(iface, features, states);
  if (unsupported.length > 0) {
    const detail = `the NIC can never do what ethtool-${unsupported.join(", ethtool-")} says, and a later plug fails; ${formatRemovalHint(iface)}`;
    addProblem("setting-unsupported", unsupported, detail);
  }
  if (missing.length === 0) return problems;
  const hasKey = (feature: Feature) => getOtherConfig(iface)?.has(effectiveKey(iface, feature) ?? "") === true;
  const settingsOn = missing.filter((feature) => settingState(iface, feature) === "on");
  const invalid = missing.filter((feature) => hasKey(feature) && !settingsOn.includes(feature));
  const withoutKey = missing.filter((feature) => !hasKey(feature));
  const gro = withoutKey.filter((feature) => iface.kind === "pif" && feature === "gro");
  const unset = withoutKey.filter((feature) => !gro.includes(feature));
  addProblem("setting-on", settingsOn, `the record of ${joinAnd(settingsOn)} says on`);
  addProblem("setting-invalid", invalid, `the record of ${joinAnd(invalid)} means nothing`);
  addProblem("setting-missing", unset, `no record keeps ${joinAnd(unset)} off`);
  addProblem("gro-not-persistent", gro, "no record keeps gro off, and networkd turns it on at every plug");
  return problems;
}

/**
 * Records of a PIF that its NIC can never satisfy. ethtool then exits 1 as soon as nothing else
 * changes, and PIF.plug fails with PIF_CONFIGURATION_ERROR (network_utils.ml; ethtool 4.19).
 */
function findUnsupportedSettings(
  iface: Interface,
  features: readonly Feature[],
  states: readonly FeatureState[] | undefined,
): readonly Feature[] {
  if (iface.kind !== "pif" || states === undefined) return [];
  return features.filter((feature, index) => {
    const key = effectiveKey(iface, feature);
    if (key === null || !iface.pif.otherConfig.has(key)) return false;
    const xapiState = settingState(iface, feature);
    const state = states[index];
    return xapiState === "off"
      ? state === "on, fixed"
      : xapiState === "on" && (state === "off, fixed" || state === "absent");
  });
}

/** Records of an interface that nothing reads. */
export function createIneffectiveNotes(iface: Interface): readonly Note[] {
  const uuid = getUuid(iface);
  const ineffective = ineffectiveSettings(iface);
  if (uuid === null || ineffective.length === 0) return [];
  const keys = ineffective.map(({ key, value, reason }) => `${key}=${value} (${reason})`);
  const message = `${formatInterfaceName(iface)}: ${formatCount(ineffective.length, "record")} without effect: ${keys.join(", ")}; ${formatRemovalHint(iface)}`;
  return [{ code: "setting-ineffective", message, uuid }];
}

function formatRemovalHint(iface: Interface): string {
  const kind = iface.kind === "pif" ? "pif" : "vif";
  return `remove with: xe ${kind}-param-remove uuid=${getUuid(iface)} param-name=other-config param-key=KEY`;
}
