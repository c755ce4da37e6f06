import { formatKeyRemoval } from "../disable/manual-commands.ts";
import { canSetOff, type FeatureSnapshot } from "../disable/steps.ts";
import type { FeatureSet, FeatureState } from "../feature-set.ts";
import { type Feature, isChangeableOnVif } from "../features.ts";
import { getSettings, getUuid, type Interface } from "../interface.ts";
import { createInterfaceNote, createInterfaceProblem } from "../interface-problem.ts";
import type { Note, Problem, ProblemCode } from "../problem.ts";
import { type IneffectiveSetting, parseSetting, type Settings } from "../settings.ts";
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

/** The features whose setting could and should say `off`, and does not. */
export function listMissingSettings(
  iface: Interface,
  features: readonly Feature[],
  live: FeatureSet | null,
): readonly Feature[] {
  const settings = getSettings(iface);
  return features.filter(
    (feature) =>
      settings.state(feature) !== "off" &&
      settings.key(feature) !== null &&
      (iface.kind === "vif" ? isChangeableOnVif(feature) : canSetOff(iface, live, feature)),
  );
}

/** The states that are a problem, and how messages put it. */
const LIVE_PROBLEMS: readonly (readonly [state: FeatureState, code: ProblemCode, detail: string])[] = [
  ["on", "live-on", "on"],
  ["off, requested on", "requested-on", "off now, but will turn on by itself"],
  ["on, fixed", "live-fixed", "on, and the driver does not let it be changed"],
];

/** Whether a state is a problem. */
export function isLiveProblem(state: FeatureState): boolean {
  return LIVE_PROBLEMS.some(([problemState]) => problemState === state);
}

/** What is wrong with one device of an interface. */
export function findLiveProblems(
  iface: Interface,
  device: string,
  { readings }: FeatureSnapshot,
  features: readonly Feature[],
): readonly Problem[] {
  const reading = readings.get(device);
  if (reading?.state === "unreadable") {
    const detail = `could not be read: ${reading.reason}`;
    return [createInterfaceProblem("device-unreadable", iface, detail, device)];
  }
  if (reading?.state !== "read") {
    return [createInterfaceProblem("device-missing", iface, "is not there", device)];
  }
  return LIVE_PROBLEMS.flatMap(([state, code, detail]): Problem[] => {
    const affected = features.filter((feature) => reading.features.state(feature) === state);
    if (affected.length === 0) return [];
    return [createInterfaceProblem(code, iface, `${joinAnd(affected)} ${detail}`, device, { features: affected })];
  });
}

/** That the live half of a VIF is another host's. */
export function findLocationProblems(iface: Interface): readonly Problem[] {
  if (iface.kind !== "vif" || iface.location.kind !== "remote") return [];
  const detail = `live on the host ${quote(iface.location.host)}; run offload there too`;
  return [createInterfaceProblem("live-on-other-host", iface, detail)];
}

/** What is wrong with the settings of an interface. */
export function findSettingProblems(
  iface: Interface,
  device: string | undefined,
  features: readonly Feature[],
  live: FeatureSet | null,
  missing: readonly Feature[],
): readonly Problem[] {
  const settings = getSettings(iface);
  const hasValue = (feature: Feature) => settings.value(feature) !== null;
  const unsupported = iface.kind === "pif" && live !== null ? listUnsupported(settings, features, live) : [];
  const settingsOn = missing.filter((feature) => settings.state(feature) === "on");
  const invalid = missing.filter((feature) => hasValue(feature) && !settingsOn.includes(feature));
  const isGroOfNic = (feature: Feature) => iface.kind === "pif" && feature === "gro";
  const gro = missing.filter((feature) => !hasValue(feature) && isGroOfNic(feature));
  const unset = missing.filter((feature) => !hasValue(feature) && !isGroOfNic(feature));
  const createProblem = (code: ProblemCode, affected: readonly Feature[], createDetail: () => string): Problem[] =>
    affected.length === 0 ? [] : [createInterfaceProblem(code, iface, createDetail(), device, { features: affected })];
  return [
    ...(unsupported.length === 0 ? [] : [createUnsupportedProblem(iface, device, unsupported)]),
    ...createProblem("setting-on", settingsOn, () => `the setting of ${joinAnd(settingsOn)} says on`),
    ...createProblem("setting-invalid", invalid, () => `the setting of ${joinAnd(invalid)} is not valid`),
    ...createProblem("setting-missing", unset, () => `no setting keeps ${joinAnd(unset)} off`),
    ...createProblem(
      "gro-not-persistent",
      gro,
      () => "no setting keeps gro off, and networkd turns it on at every plug",
    ),
  ];
}

function createUnsupportedProblem(iface: Interface, device: string | undefined, features: readonly Feature[]): Problem {
  const keys = features.map((feature) => `ethtool-${feature}`);
  const detail = `${keys.join(", ")} cannot be applied by this NIC: PIF.plug will fail`;
  const fix = { intro: "remove with", command: formatKeyRemoval("pif", getUuid(iface) ?? "", keys) };
  return createInterfaceProblem("setting-unsupported", iface, detail, device, { features, fix });
}

/**
 * Settings of a PIF that its NIC can never satisfy. ethtool then exits 1 as soon as nothing else
 * changes, and PIF.plug fails with PIF_CONFIGURATION_ERROR (network_utils.ml; ethtool 4.19).
 */
function listUnsupported(settings: Settings, features: readonly Feature[], live: FeatureSet): readonly Feature[] {
  return features.filter((feature) => {
    if (settings.key(feature) === null) return false;
    const setting = parseSetting(settings.value(feature));
    const state = live.state(feature);
    return setting === "off"
      ? state === "on, fixed"
      : setting === "on" && (state === "off, fixed" || state === "absent");
  });
}

/** Settings of an interface that nothing reads. */
export function createIneffectiveNotes(iface: Interface): readonly Note[] {
  const uuid = getUuid(iface);
  const ineffective = getSettings(iface).listIneffective();
  if (uuid === null || ineffective.length === 0) return [];
  const keys = ineffective.map(({ key }) => key);
  const fix = { intro: "remove with", command: formatKeyRemoval(iface.kind === "pif" ? "pif" : "vif", uuid, keys) };
  return [createInterfaceNote("setting-ineffective", iface, describeIneffective(ineffective), { fix })];
}

/** `1 setting without effect: ethtool-tso=OFF (only on, off, true and false are read)`. */
export function describeIneffective(settings: readonly IneffectiveSetting[]): string {
  const texts = settings.map(({ key, value, reason }) => `${key}=${value} (${reason})`);
  return `${formatCount(settings.length, "setting")} without effect: ${texts.join(", ")}`;
}
