import type { Keyword } from "./features.ts";
import { devicesOf, type Interface, type InterfaceDevice, nameOf, uuidOf } from "./interface.ts";
import type { FeatureState } from "./kernel-features.ts";
import { isRecordable, type LiveView, type Observation } from "./plan.ts";
import type { Note, Problem, ProblemCode } from "./problem.ts";
import { deadRecords, honouredKey, otherConfigOf, recordedState } from "./records.ts";
import type { DeviceReport, FeatureReport } from "./report.ts";
import { counted, listed, quoted } from "./wording.ts";

/** What is true of the interfaces, and what is wrong with it. */
export interface Judgement {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** What the judge is to look at besides the kernel. */
export interface Scope {
  readonly keywords: readonly Keyword[];
  /** False where only the live state was asked for. */
  readonly records: boolean;
}

/** What `disable` mends. */
const MENDED: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  "live-on",
  "latent",
  "record-missing",
  "record-says-on",
  "record-unreadable",
  "gro-returns",
]);

/** Whether running `disable` on the same targets would help. */
export function isMendedByDisable(problems: readonly Problem[]): boolean {
  return problems.some(({ code }) => MENDED.has(code));
}

/** Holds live and recorded state against "off". */
export function judge(interfaces: readonly Interface[], view: LiveView, scope: Scope): Judgement {
  const devices: DeviceReport[] = [];
  const problems: Problem[] = [];
  const notes: Note[] = [];
  for (const subject of interfaces) {
    const own = devicesOf(subject, view.existing);
    for (const device of own.length > 0 ? own : [null]) {
      devices.push(reportOf(subject, device, view, scope));
      if (device !== null) problems.push(...liveProblems(subject, device.name, view, scope));
    }
    problems.push(...whereaboutsProblems(subject));
    if (scope.records) {
      problems.push(...recordProblems(subject, view, scope));
      notes.push(...recordNotes(subject));
    }
  }
  return { devices, problems, notes };
}

function reportOf(
  subject: Interface,
  device: InterfaceDevice | null,
  view: LiveView,
  scope: Scope,
): DeviceReport {
  const observation = device === null ? undefined : view.observations.get(device.name);
  const records = device === null || device.main;
  const features: Partial<Record<Keyword, FeatureReport>> = {};
  for (const keyword of scope.keywords) {
    const recorded = records ? recordedState(subject, keyword) : null;
    const missing = scope.records && records && lacksRecord(subject, keyword, view);
    features[keyword] = featureReport(keyword, observation, view, recorded, missing);
  }
  return {
    device: device?.name ?? null,
    kind: subject.kind === "bare" ? subject.as : subject.kind,
    uuid: uuidOf(subject),
    vm: subject.kind === "vif" ? { uuid: subject.vm.uuid, name: subject.vm.name } : null,
    management: subject.kind === "pif" && subject.management,
    features,
  };
}

function featureReport(
  keyword: Keyword,
  observation: Observation | undefined,
  { kernel }: LiveView,
  recorded: FeatureReport["recorded"],
  lacking: boolean,
): FeatureReport {
  if (observation?.state !== "read") {
    const verdict = lacking ? "drift" : recorded === "off" ? "ok" : "unknown";
    return { live: null, fixed: false, requested: false, recorded, verdict };
  }
  const { features } = observation;
  const state = kernel.state(features, keyword);
  return {
    live: state === "absent" ? "absent" : state.startsWith("on") ? "on" : "off",
    fixed: state.endsWith("fixed"),
    requested: (features.requested & kernel.mask(keyword)) !== 0n,
    recorded,
    verdict: verdictOf(state, lacking),
  };
}

function verdictOf(state: FeatureState, lacking: boolean): FeatureReport["verdict"] {
  if (lacking || state === "on" || state === "off, requested on") return "drift";
  if (state === "on, fixed") return "fixed";
  return state === "absent" ? "absent" : "ok";
}

/** Whether a record that could and should say `off` does not. */
function lacksRecord(subject: Interface, keyword: Keyword, view: LiveView): boolean {
  return (
    honouredKey(subject, keyword) !== null &&
    recordedState(subject, keyword) !== "off" &&
    isRecordable(subject, keyword, view)
  );
}

function problem(code: ProblemCode, subject: Interface, message: string, device?: string): Problem {
  const uuid = uuidOf(subject);
  return {
    code,
    message,
    ...(device === undefined ? {} : { device }),
    ...(uuid === null ? {} : { uuid }),
  };
}

function liveProblems(
  subject: Interface,
  device: string,
  view: LiveView,
  { keywords }: Scope,
): readonly Problem[] {
  const observation = view.observations.get(device);
  if (observation === undefined || observation.state === "missing") {
    return [problem("device-missing", subject, `${device} is not there`, device)];
  }
  if (observation.state === "unreadable") {
    const message = `${device} could not be read: ${observation.because}`;
    return [problem("device-unreadable", subject, message, device)];
  }
  const found: Problem[] = [];
  const inState = (wanted: FeatureState) =>
    keywords.filter((keyword) => view.kernel.state(observation.features, keyword) === wanted);
  const on = inState("on");
  if (on.length > 0) {
    const verb = on.length === 1 ? "is" : "are";
    found.push(problem("live-on", subject, `${device}: ${listed(on)} ${verb} on`, device));
  }
  const latent = inState("off, requested on");
  if (latent.length > 0) {
    const message = `${device}: ${listed(latent)} off, but requested on: will come on without anybody's doing`;
    found.push(problem("latent", subject, message, device));
  }
  const fixed = inState("on, fixed");
  if (fixed.length > 0) {
    const message = `${device}: ${listed(fixed)} on, and the driver lets nobody turn ${fixed.length === 1 ? "it" : "them"} off`;
    found.push(problem("live-fixed", subject, message, device));
  }
  return found;
}

function whereaboutsProblems(subject: Interface): readonly Problem[] {
  if (subject.kind !== "vif" || subject.whereabouts.at !== "elsewhere") return [];
  const { vm, vif, whereabouts } = subject;
  const message = `VIF ${vif.device} of ${quoted(vm.name)} is live on the host ${quoted(whereabouts.host)}: run offload there`;
  return [problem("live-elsewhere", subject, message)];
}

function recordProblems(
  subject: Interface,
  view: LiveView,
  { keywords }: Scope,
): readonly Problem[] {
  const found: Problem[] = [];
  const name = nameOf(subject);
  const device = devicesOf(subject, view.existing)[0]?.name;
  const add = (code: ProblemCode, message: string) =>
    found.push(problem(code, subject, message, device));

  const lacking = keywords.filter((keyword) => lacksRecord(subject, keyword, view));
  const says = (keyword: Keyword) => recordedState(subject, keyword) === "on";
  const unread = (keyword: Keyword) =>
    otherConfigOf(subject)?.has(honouredKey(subject, keyword) ?? "") === true && !says(keyword);
  const groReturns = subject.kind === "pif" && lacking.includes("gro") && !unread("gro");

  const saysOn = lacking.filter(says);
  if (saysOn.length > 0) {
    add("record-says-on", `${name}: the record of ${listed(saysOn)} says on`);
  }
  const unreadable = lacking.filter(unread);
  if (unreadable.length > 0) {
    add("record-unreadable", `${name}: the record of ${listed(unreadable)} cannot be read`);
  }
  const missing = lacking.filter(
    (keyword) => !says(keyword) && !unread(keyword) && !(groReturns && keyword === "gro"),
  );
  if (missing.length > 0) {
    add("record-missing", `${name}: no record keeps ${listed(missing)} off`);
  }
  if (groReturns && !says("gro")) {
    add("gro-returns", `${name}: no record keeps gro off, so networkd turns it on at every plug`);
  }
  const impossible = unsatisfiable(subject, keywords, view);
  if (impossible.length > 0) {
    const keys = impossible.map((keyword) => honouredKey(subject, keyword) ?? keyword);
    add(
      "record-unsatisfiable",
      `${name}: its NIC can never do what ${listed(keys)} says, so a later plug fails; ${removal(subject)}`,
    );
  }
  return found;
}

/**
 * Records of a PIF that its NIC can never satisfy. ethtool then exits 1 as soon as nothing else
 * changes, and PIF.plug fails with PIF_CONFIGURATION_ERROR (network_utils.ml; ethtool 4.19).
 */
function unsatisfiable(
  subject: Interface,
  keywords: readonly Keyword[],
  { kernel, observations }: LiveView,
): readonly Keyword[] {
  if (subject.kind !== "pif") return [];
  const observation = observations.get(subject.pif.device);
  if (observation?.state !== "read") return [];
  return keywords.filter((keyword) => {
    const key = honouredKey(subject, keyword);
    if (key === null || !subject.pif.otherConfig.has(key)) return false;
    const recorded = recordedState(subject, keyword);
    const state = kernel.state(observation.features, keyword);
    return recorded === "off"
      ? state === "on, fixed"
      : recorded === "on" && (state === "off, fixed" || state === "absent");
  });
}

function recordNotes(subject: Interface): readonly Note[] {
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
