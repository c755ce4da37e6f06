import { quoteShellWord } from "../disable/manual-commands.ts";
import { FEATURE_NAMES, type Feature } from "../features.ts";
import type { HostRule } from "../policy-entries.ts";
import type { Problem } from "../problem.ts";
import type { DeviceReport } from "../report.ts";
import { REMOVE_BOOT_LAYER } from "./boot-findings.ts";
import type { ExpectedFeatures } from "./expected-features.ts";
import { isFixedByDisable } from "./findings.ts";

/** How many targets a command names before it says NICS, VIFS or ALL, where that is no wider than asked. */
const MAX_TARGETS = 8;

/** What a command has to fix. */
export interface VerifyFindings {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly expected: ExpectedFeatures;
  readonly hostRule: HostRule;
  /** The words that were asked about, when they name everything: `ALL`, `NICS`, `VIFS`. */
  readonly groups: readonly string[];
  readonly pool: boolean;
  /** What the policy asks for on an interface, by UUID: `persist` without a target keeps off just that. */
  readonly policyFeatures: ReadonlyMap<string, readonly Feature[]>;
}

/** The smallest commands that fix what was found. */
export function buildFixCommands(findings: VerifyFindings): readonly string[] {
  const poolOption = findings.pool ? ["--pool"] : [];
  const format = (command: string, groups: readonly (readonly Target[])[]) =>
    groups.map((group) => formatOffloadCommand(command, ...formatTargets(findings, group), ...poolOption));
  const fixable = findings.problems.filter((problem) => isFixedByDisable([problem]));
  const disabled = groupTargets(findTargets(findings, fixable));
  const commands = format("disable", disabled);
  const returning = findings.problems.filter((problem) => problem.code === "not-persistent");
  // What is not in the policy, persist would not keep off by itself. Once it is, the rest is kept off as well.
  const unknown = returning.filter((problem) => !isInPolicy(problem, findings) && !isIncluded(problem, disabled));
  if (unknown.length > 0) return [...commands, ...format("persist", groupTargets(findTargets(findings, unknown)))];
  const removesBootLayer = findings.problems.some(({ command }) => command === REMOVE_BOOT_LAYER);
  if (removesBootLayer) return [...commands, formatOffloadCommand("persist", "--remove", ...poolOption)];
  return findings.problems.some(({ code }) => FIXED_BY_PERSIST.has(code))
    ? [...commands, formatOffloadCommand("persist", ...poolOption)]
    : commands;
}

const FIXED_BY_PERSIST: ReadonlySet<string> = new Set(["not-persistent", "boot-not-installed", "boot-drift"]);

function isInPolicy({ uuid = "", features = [] }: Problem, { policyFeatures }: VerifyFindings): boolean {
  return features.every((feature) => policyFeatures.get(uuid)?.includes(feature));
}

/** Whether a command that is advised already brings what a problem is about into the policy. */
function isIncluded({ uuid, features = [] }: Problem, groups: readonly (readonly Target[])[]): boolean {
  return groups.some(
    (group) =>
      group.some(({ device }) => device.uuid === uuid) &&
      features.every((feature) => listFeatures(group).includes(feature)),
  );
}

/** An interface and the features that a command is to be run for there. */
interface Target {
  readonly device: DeviceReport;
  readonly features: readonly Feature[];
}

/** Each interface that problems are about, by the first of its devices. */
function findTargets({ devices }: VerifyFindings, problems: readonly Problem[]): readonly Target[] {
  const byUuid = Map.groupBy(problems, ({ uuid }) => uuid ?? "");
  const mainDevices = [...new Map(devices.toReversed().map((device) => [device.uuid ?? "", device])).values()];
  return mainDevices.toReversed().flatMap((device): Target[] => {
    const affected = new Set((byUuid.get(device.uuid ?? "") ?? []).flatMap(({ features = [] }) => features));
    const features = FEATURE_NAMES.filter((feature) => affected.has(feature));
    return features.length === 0 ? [] : [{ device, features }];
  });
}

/** One command for all, unless it would turn a feature off where that is not expected. */
function groupTargets(targets: readonly Target[]): readonly (readonly Target[])[] {
  if (targets.length === 0) return [];
  const allFeatures = listFeatures(targets);
  const isNoWider = targets.every(({ device }) => allFeatures.every((name) => name in device.features));
  if (isNoWider) return [targets];
  return [...Map.groupBy(targets, ({ features }) => features.join()).values()];
}

function listFeatures(targets: readonly Target[]): readonly Feature[] {
  return FEATURE_NAMES.filter((feature) => targets.some(({ features }) => features.includes(feature)));
}

function formatTargets(findings: VerifyFindings, targets: readonly Target[]): readonly string[] {
  const features = listFeatures(targets);
  const words = chooseWords(findings, targets, features);
  return [...words, ...formatFeatureOption(findings, targets, features)];
}

/** Names, or the word for all of them where that is no wider than what was asked about, or asked for. */
function chooseWords(
  { expected, hostRule, groups, devices }: VerifyFindings,
  targets: readonly Target[],
  features: readonly Feature[],
): readonly string[] {
  const names = targets.map(({ device }) => formatTarget(device));
  const hasNics = targets.some(({ device }) => device.kind === "pif");
  const hasVifs = targets.some(({ device }) => device.kind === "vif");
  const word = hasNics && hasVifs ? "ALL" : hasNics ? "NICS" : "VIFS";
  if (!expected.isFromPolicy && groups.length > 0) {
    const kinds = new Set(targets.map(({ device }) => device.kind));
    const candidates = new Set(devices.filter(({ kind }) => kinds.has(kind)).map(({ uuid }) => uuid));
    return targets.length > 1 && targets.length === candidates.size ? [word] : names;
  }
  if (names.length <= MAX_TARGETS) return names;
  const isCoveredByRule = (ruleFeatures: readonly string[]) => features.every((name) => ruleFeatures.includes(name));
  if ((hasNics && !isCoveredByRule(hostRule.nics)) || (hasVifs && !isCoveredByRule(hostRule.vifs))) return names;
  return [word];
}

/** Without a policy the command says what was asked about; with one, no feature that drifts nowhere. */
function formatFeatureOption(
  { expected }: VerifyFindings,
  targets: readonly Target[],
  features: readonly Feature[],
): readonly string[] {
  const requested = new Set([...expected.features.values()].flat());
  const isEverything = !expected.isFromPolicy && targets.length > 1 && requested.size >= 8 && features.length > 1;
  return isEverything ? [] : ["--features", features.join(",")];
}

/** The device where there is one: it is short, and as unique on this host as a UUID. */
function formatTarget({ device, uuid }: DeviceReport): string {
  return (device?.replace(/^tap/, "vif") ?? uuid) || "";
}

function formatOffloadCommand(...words: readonly string[]): string {
  return ["offload", ...words].map(quoteShellWord).join(" ");
}
