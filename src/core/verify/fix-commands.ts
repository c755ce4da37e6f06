import { quoteShellWord } from "../disable/manual-commands.ts";
import { FEATURE_NAMES, type Feature } from "../features.ts";
import type { HostRule } from "../policy-entries.ts";
import type { Problem } from "../problem.ts";
import type { DeviceReport } from "../report.ts";
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
}

/** The smallest commands that fix what was found. */
export function buildFixCommands(findings: VerifyFindings): readonly string[] {
  const poolOption = findings.pool ? ["--pool"] : [];
  const fixable = findings.problems.filter((problem) => isFixedByDisable([problem]));
  const commands = groupDriftingDevices(findDriftingDevices(findings, fixable)).map((drifting) =>
    formatOffloadCommand("disable", ...formatTargets(findings, drifting), ...poolOption),
  );
  if (findings.problems.some(({ code }) => FIXED_BY_PERSIST.has(code))) {
    commands.push(formatOffloadCommand("persist", ...poolOption));
  }
  return commands;
}

const FIXED_BY_PERSIST: ReadonlySet<string> = new Set(["not-persistent", "boot-not-installed", "boot-drift"]);

function findDriftingDevices({ devices }: VerifyFindings, fixable: readonly Problem[]): readonly DeviceReport[] {
  const uuids = new Set(fixable.map(({ uuid }) => uuid));
  return devices.filter(
    ({ uuid, features }) => uuids.has(uuid ?? undefined) && Object.values(features).some(isDrifting),
  );
}

/** One command for all, unless it would turn a feature off where the policy does not ask for that. */
function groupDriftingDevices(drifting: readonly DeviceReport[]): readonly (readonly DeviceReport[])[] {
  if (drifting.length === 0) return [];
  const allFeatures = listDriftingFeatures(drifting);
  const isNoWider = drifting.every(({ features }) => allFeatures.every((name) => name in features));
  if (isNoWider) return [drifting];
  return [...Map.groupBy(drifting, (device) => listDriftingFeatures([device]).join()).values()];
}

function listDriftingFeatures(drifting: readonly DeviceReport[]): readonly Feature[] {
  return FEATURE_NAMES.filter((feature) => drifting.some((device) => isDrifting(device.features[feature])));
}

function formatTargets(findings: VerifyFindings, drifting: readonly DeviceReport[]): readonly string[] {
  const names = [...new Map(drifting.map((device) => [device.uuid, formatTarget(device)])).values()];
  const features = listDriftingFeatures(drifting);
  const targets = chooseTargets(findings, drifting, names, features);
  return [...targets, ...formatFeatureOption(findings, drifting, features)];
}

function chooseTargets(
  { expected, hostRule, groups }: VerifyFindings,
  drifting: readonly DeviceReport[],
  names: readonly string[],
  features: readonly Feature[],
): readonly string[] {
  if (!expected.isFromPolicy && groups.length > 0 && names.length > 1) return groups;
  if (names.length <= MAX_TARGETS) return names;
  const hasNics = drifting.some(({ kind }) => kind === "pif");
  const hasVifs = drifting.some(({ kind }) => kind === "vif");
  const isCoveredByRule = (ruleFeatures: readonly string[]) => features.every((name) => ruleFeatures.includes(name));
  if ((hasNics && !isCoveredByRule(hostRule.nics)) || (hasVifs && !isCoveredByRule(hostRule.vifs))) return names;
  return [hasNics && hasVifs ? "ALL" : hasNics ? "NICS" : "VIFS"];
}

/** Without a policy the command says what was asked about; with one, no feature that drifts nowhere. */
function formatFeatureOption(
  { expected }: VerifyFindings,
  drifting: readonly DeviceReport[],
  features: readonly Feature[],
): readonly string[] {
  const requested = new Set([...expected.features.values()].flat());
  const isEverything = !expected.isFromPolicy && drifting.length > 1 && requested.size >= 8;
  return isEverything || features.length === 0 ? [] : ["--features", features.join(",")];
}

function isDrifting(feature: DeviceReport["features"][Feature] | undefined): boolean {
  return feature?.verdict === "drift";
}

/** The device where there is one: it is short, and as unique on this host as a UUID. */
function formatTarget({ device, uuid }: DeviceReport): string {
  return (device?.replace(/^tap/, "vif") ?? uuid) || "";
}

function formatOffloadCommand(...words: readonly string[]): string {
  return ["offload", ...words].map(quoteShellWord).join(" ");
}
