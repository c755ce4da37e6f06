import { isDeepStrictEqual } from "node:util";
import { type StoredIface, type TextStep, unusableText } from "../disable/plan.ts";
import type { LiveView, RecordStep } from "../disable/steps.ts";
import { isKeyword, KEYWORDS, type Keyword, recordKey } from "../features.ts";
import { devicesOf, type Interface, nameOf } from "../interface.ts";
import { type Policy, storedOf } from "../policy.ts";
import type { StoredFeature, StoredFeatures } from "../policy-text.ts";
import type { Note, Problem } from "../problem.ts";
import { problemAbout } from "../problem-about.ts";
import { otherConfigOf } from "../settings.ts";
import { type RestoreEvidence, type RestoreRequest, type WishStep, wishesFor } from "./wishes.ts";

/** A setting that somebody else has changed since: neither the original nor what this tool wrote. */
export interface Conflict {
  readonly iface: StoredIface;
  readonly feature: string;
  readonly key: string;
  readonly original: string | null;
  readonly now: string | null;
}

/** What restoring comes to. */
export interface RestorePlan {
  readonly interfaces: readonly Interface[];
  readonly before: LiveView;
  readonly settings: readonly RecordStep[];
  readonly live: readonly WishStep[];
  readonly conflicts: readonly Conflict[];
  /** What stays stored with interfaces that are not restored as a whole. */
  readonly texts: readonly TextStep[];
  /** Interfaces whose texts can go once everything else is done. */
  readonly settled: readonly StoredIface[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** Plans how to bring the originals of these interfaces back. */
export function planRestore(
  interfaces: readonly Interface[],
  request: RestoreRequest,
  evidence: RestoreEvidence,
): RestorePlan {
  const usable = interfaces.filter((iface) => storedOf(iface).problem === null);
  const parts = usable.map((iface) => planInterface(iface, request, evidence));
  return {
    interfaces: usable,
    before: evidence.view,
    settings: parts.flatMap(({ settings }) => settings),
    live: usable.flatMap((iface) => wishesFor(iface, request, evidence, evidence.view)),
    conflicts: parts.flatMap(({ conflicts }) => conflicts),
    texts: parts.flatMap(({ texts }) => texts),
    settled: parts.flatMap(({ settled }) => settled),
    problems: [
      ...interfaces.flatMap(unusableText),
      ...parts.flatMap(({ conflicts }) => conflicts.map(conflictProblem)),
      ...usable.flatMap((iface) => locationProblems(iface)),
      ...usable.flatMap((iface) => unreadableDevices(iface, evidence)),
    ],
    notes: usable.flatMap((iface) => turnedOffAtBoot(iface, evidence)),
  };
}

type Part = Pick<RestorePlan, "settings" | "conflicts" | "texts" | "settled">;

function planInterface(
  iface: Interface,
  request: RestoreRequest,
  { policyAfter, offAtBoot }: RestoreEvidence,
): Part {
  const { names, value } = storedOf(iface);
  const nothing: Part = { settings: [], conflicts: [], texts: [], settled: [] };
  if (iface.kind === "bare") return nothing;
  if (names.length === 0) {
    const features = offAtBoot(iface).filter((feature) => policyAfter.isCovered(iface, feature));
    const kept = new Map(features.map((feature) => [feature, EXCEPTION] as const));
    return kept.size === 0
      ? nothing
      : { ...nothing, texts: [{ iface, features: kept }], settled: [iface] };
  }
  const settings: RecordStep[] = [];
  const conflicts: Conflict[] = [];
  const left = new Map<string, StoredFeature>();
  for (const [feature, said] of value) {
    if (request.features !== null && !request.features.some((name) => name === feature)) {
      left.set(feature, said);
      continue;
    }
    const change = settingChange(iface, feature, said);
    if (change?.type === "conflict" && !request.force) {
      conflicts.push(change.conflict);
      left.set(feature, { ...said, asked: null, alone: false });
    } else if (change !== null) settings.push(change.step);
  }
  for (const feature of exceptions(iface, left, value, request, policyAfter)) {
    left.set(feature, { ...EXCEPTION, ...left.get(feature), asked: "on", alone: false });
  }
  // Nothing to restore, and the only text says what is left already: a second run changes nothing.
  if (settings.length === 0 && names.length === 1 && isDeepStrictEqual(left, value)) {
    return { ...nothing, conflicts };
  }
  return {
    settings,
    conflicts,
    texts: left.size === 0 ? [] : [{ iface, features: left }],
    settled: [iface],
  };
}

/** That a feature is on under a wider word that says off. */
const EXCEPTION: StoredFeature = {
  asked: "on",
  alone: false,
  original: null,
  wrote: undefined,
};

/** Features that a wider word would turn off again as soon as the interface has none of its own. */
function exceptions(
  iface: StoredIface,
  left: StoredFeatures,
  value: StoredFeatures,
  { features }: RestoreRequest,
  policyAfter: Policy,
): readonly Keyword[] {
  return (features ?? KEYWORDS).filter(
    (feature) =>
      value.has(feature) &&
      left.get(feature)?.asked !== "on" &&
      policyAfter.isCovered(iface, feature),
  );
}

type SettingChange =
  | { readonly type: "step"; readonly step: RecordStep }
  | { readonly type: "conflict"; readonly step: RecordStep; readonly conflict: Conflict };

/**
 * Whether somebody else has changed a setting is judged by what this tool wrote last alone; a key that
 * is not there always counts as ours.
 */
function settingChange(
  iface: StoredIface,
  feature: string,
  { original, wrote }: StoredFeature,
): SettingChange | null {
  const key = isKeyword(feature) ? recordKey(iface.kind, feature) : null;
  if (key === null || !isKeyword(feature) || original === null || wrote === undefined) return null;
  const now = otherConfigOf(iface)?.get(key) ?? null;
  const before = original.setting;
  if (now === before || wrote === before) return null;
  const step: RecordStep = { subject: iface, keyword: feature, key, from: now, to: before };
  return now === wrote || now === null
    ? { type: "step", step }
    : { type: "conflict", step, conflict: { iface, feature, key, original: before, now } };
}

/** Whether settings of an interface are to be restored that its texts `now` no longer tell of. */
export function isLost(before: StoredIface, now: StoredIface): boolean {
  return [...storedOf(before).value].some(
    ([feature, said]) =>
      !storedOf(now).value.get(feature)?.original &&
      settingChange(now, feature, said)?.type === "step",
  );
}

/** Whether the device of a VIF is on another host, so that this one cannot restore what is live. */
export function isOnOtherHost(iface: Interface): boolean {
  return iface.kind === "vif" && iface.whereabouts.at === "elsewhere";
}

function locationProblems(iface: Interface): readonly Problem[] {
  if (iface.kind !== "vif" || iface.whereabouts.at !== "elsewhere") return [];
  const detail = `only its settings are restored, because its VM runs on ${JSON.stringify(iface.whereabouts.host)}; run offload restore there, or here with --pool`;
  return [problemAbout("live-on-other-host", iface, detail)];
}

/** Devices that have something to be restored, and cannot be read. */
export function unreadableDevices(
  iface: Interface,
  { view, bitsOf }: Pick<RestoreEvidence, "view" | "bitsOf">,
): readonly Problem[] {
  return devicesOf(iface, view.existing).flatMap(({ name, main }): Problem[] => {
    const observation = view.observations.get(name);
    const isStored = main && storedOf(iface).value.size > 0;
    if (observation?.state === "read" || !view.existing.has(name)) return [];
    if (!isStored && bitsOf(name) === null) return [];
    const reason = observation?.state === "unreadable" ? `: ${observation.because}` : "";
    const detail = `not restored, because it could not be read${reason}`;
    return [problemAbout("device-unreadable", iface, detail, name)];
  });
}

function turnedOffAtBoot(
  iface: Interface,
  { view, bitsOf, offAtBoot }: RestoreEvidence,
): readonly Note[] {
  const device = devicesOf(iface, view.existing)[0]?.name;
  if (device === undefined || storedOf(iface).names.length > 0) return [];
  const features = offAtBoot(iface);
  if (features.length === 0 || bitsOf(device) !== null) return [];
  const message = `${nameOf(iface)}: the boot script turned off ${features.join(", ")}; what was there before is not known, so that is turned on`;
  return [{ code: "original-unknown", message, device }];
}

function conflictProblem({ iface, key, original, now }: Conflict): Problem {
  const value = (one: string | null) => (one === null ? "absent" : JSON.stringify(one));
  const detail = `${key} was ${value(original)} originally, and was changed to ${value(now)} by someone else; --force restores it`;
  return problemAbout("conflict", iface, detail);
}
