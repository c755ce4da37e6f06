import { isRecordable, type LiveView } from "../disable/steps.ts";
import type { FeatureState } from "../feature-set.ts";
import { isChangeableOnVif, type Keyword } from "../features.ts";
import { type Interface, nameOf, uuidOf } from "../interface.ts";
import type { Note, Problem, ProblemCode } from "../problem.ts";
import { problemAbout } from "../problem-about.ts";
import { deadRecords, honouredKey, otherConfigOf, recordedState } from "../settings.ts";
import { counted, listed, quoted } from "../text.ts";

/** What `disable` mends. */
const MENDED: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  "live-on",
  "latent",
  "record-missing",
  "record-says-on",
  "record-unreadable",
  "gro-not-persistent",
  "networkd-turns-on",
]);

/** Whether running `disable` on the same targets would help. */
export function isMendedByDisable(problems: readonly Problem[]): boolean {
  return problems.some(({ code }) => MENDED.has(code));
}

/**
 * The features whose record could and should say `off`, and does not. `recorded`: what the records
 * say, in the order of the keywords, as the states of the features are.
 */
export function lackingRecords(
  subject: Interface,
  keywords: readonly Keyword[],
  states: readonly FeatureState[] | undefined,
  recorded: readonly ("on" | "off" | null)[],
): readonly Keyword[] {
  if (subject.kind === "bare") return [];
  return keywords.filter(
    (keyword, index) =>
      recorded[index] !== "off" &&
      honouredKey(subject, keyword) !== null &&
      (subject.kind === "vif"
        ? isChangeableOnVif(keyword)
        : isRecordable(subject, states?.[index])),
  );
}

/** The states that are a problem, and how it is told. */
const LIVE_PROBLEMS: ReadonlyMap<FeatureState, readonly [code: ProblemCode, says: string]> =
  new Map([
    ["on", ["live-on", "on"]],
    ["off, requested on", ["latent", "off, but requested on, and so coming on without notice"]],
    ["on, fixed", ["live-fixed", "on, and the driver lets nobody change that"]],
  ]);

/** Whether a state has to be told of. */
export function isProblem(state: FeatureState): boolean {
  return LIVE_PROBLEMS.has(state);
}

/** What is wrong with one device of an interface. */
export function liveProblems(
  subject: Interface,
  device: string,
  { observations }: LiveView,
  keywords: readonly Keyword[],
  states: readonly FeatureState[] | undefined,
): readonly Problem[] {
  const observation = observations.get(device);
  if (observation?.state === "unreadable") {
    const says = `could not be read: ${observation.because}`;
    return [problemAbout("device-unreadable", subject, says, device)];
  }
  if (states === undefined)
    return [problemAbout("device-missing", subject, "is not there", device)];
  const found: Problem[] = [];
  for (const [state, [code, says]] of LIVE_PROBLEMS) {
    if (!states.includes(state)) continue;
    const those = keywords.filter((_, index) => states[index] === state);
    found.push(problemAbout(code, subject, `${listed(those)} ${says}`, device));
  }
  return found;
}

/** That the live half of a VIF is another host's. */
export function whereaboutsProblems(subject: Interface): readonly Problem[] {
  if (subject.kind !== "vif" || subject.whereabouts.at !== "elsewhere") return [];
  const says = `live on the host ${quoted(subject.whereabouts.host)}; run offload there too`;
  return [problemAbout("live-elsewhere", subject, says)];
}

/** What is wrong with the records of an interface. */
export function recordProblems(
  subject: Interface,
  device: string | undefined,
  keywords: readonly Keyword[],
  states: readonly FeatureState[] | undefined,
  lacking: readonly Keyword[],
): readonly Problem[] {
  const found: Problem[] = [];
  const add = (code: ProblemCode, those: readonly Keyword[], says: string) => {
    if (those.length > 0) found.push(problemAbout(code, subject, says, device));
  };
  const impossible = unsatisfiable(subject, keywords, states);
  if (impossible.length > 0) {
    const says = `the NIC can never do what ethtool-${impossible.join(", ethtool-")} says, and a later plug fails; ${removal(subject)}`;
    add("record-unsatisfiable", impossible, says);
  }
  if (lacking.length === 0) return found;
  const present = (keyword: Keyword) =>
    otherConfigOf(subject)?.has(honouredKey(subject, keyword) ?? "") === true;
  const saysOn = lacking.filter((keyword) => recordedState(subject, keyword) === "on");
  const unread = lacking.filter((keyword) => present(keyword) && !saysOn.includes(keyword));
  const absent = lacking.filter((keyword) => !present(keyword));
  const gro = absent.filter((keyword) => subject.kind === "pif" && keyword === "gro");
  const missing = absent.filter((keyword) => !gro.includes(keyword));
  add("record-says-on", saysOn, `the record of ${listed(saysOn)} says on`);
  add("record-unreadable", unread, `the record of ${listed(unread)} means nothing`);
  add("record-missing", missing, `no record keeps ${listed(missing)} off`);
  add("gro-not-persistent", gro, "no record keeps gro off, and networkd turns it on at every plug");
  return found;
}

/**
 * Records of a PIF that its NIC can never satisfy. ethtool then exits 1 as soon as nothing else
 * changes, and PIF.plug fails with PIF_CONFIGURATION_ERROR (network_utils.ml; ethtool 4.19).
 */
function unsatisfiable(
  subject: Interface,
  keywords: readonly Keyword[],
  states: readonly FeatureState[] | undefined,
): readonly Keyword[] {
  if (subject.kind !== "pif" || states === undefined) return [];
  return keywords.filter((keyword, index) => {
    const key = honouredKey(subject, keyword);
    if (key === null || !subject.pif.otherConfig.has(key)) return false;
    const recorded = recordedState(subject, keyword);
    const state = states[index];
    return recorded === "off"
      ? state === "on, fixed"
      : recorded === "on" && (state === "off, fixed" || state === "absent");
  });
}

/** Records of an interface that nothing reads. */
export function recordNotes(subject: Interface): readonly Note[] {
  const uuid = uuidOf(subject);
  const dead = deadRecords(subject);
  if (uuid === null || dead.length === 0) return [];
  const keys = dead.map(({ key, value, because }) => `${key}=${value} (${because})`);
  const message = `${nameOf(subject)}: ${counted(dead.length, "record")} without effect: ${keys.join(", ")}; ${removal(subject)}`;
  return [{ code: "record-ignored", message, uuid }];
}

function removal(subject: Interface): string {
  const kind = subject.kind === "pif" ? "pif" : "vif";
  return `remove with: xe ${kind}-param-remove uuid=${uuidOf(subject)} param-name=other-config param-key=KEY`;
}
