import { shellQuoted } from "../disable/manual-commands.ts";
import { KEYWORDS, type Keyword } from "../features.ts";
import type { StandingRule } from "../policy-text.ts";
import type { Problem } from "../problem.ts";
import type { DeviceReport } from "../report.ts";
import type { Expected } from "./expected.ts";
import { isMendedByDisable } from "./findings.ts";

/** How many targets a command names before it says NICS, VIFS or ALL, where that is no wider than asked. */
const MAX_TARGETS = 8;

/** What a command has to fix. */
export interface Finding {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly expected: Expected;
  readonly rule: StandingRule;
  /** The words that were asked about, when they name everything: `ALL`, `NICS`, `VIFS`. */
  readonly words: readonly string[];
  readonly pool: boolean;
}

/** The smallest commands that fix what was found. */
export function smallestFixes(finding: Finding): readonly string[] {
  const pool = finding.pool ? ["--pool"] : [];
  const fixable = finding.problems.filter((problem) => isMendedByDisable([problem]));
  const commands = alikeGroups(driftingDevices(finding, fixable)).map((drifting) =>
    command("disable", ...targets(finding, drifting), ...pool),
  );
  if (finding.problems.some(({ code }) => PERSIST_FIXES.has(code))) {
    commands.push(command("persist", ...pool));
  }
  return commands;
}

const PERSIST_FIXES: ReadonlySet<string> = new Set(["not-persistent", "boot-absent", "boot-wrong"]);

function driftingDevices(
  { devices }: Finding,
  fixable: readonly Problem[],
): readonly DeviceReport[] {
  const uuids = new Set(fixable.map(({ uuid }) => uuid));
  return devices.filter(
    ({ uuid, features }) =>
      uuids.has(uuid ?? undefined) && Object.values(features).some(isDrifting),
  );
}

/** One command for all, unless it would turn a feature off where the policy does not ask for that. */
function alikeGroups(drifting: readonly DeviceReport[]): readonly (readonly DeviceReport[])[] {
  if (drifting.length === 0) return [];
  const all = driftingFeatures(drifting);
  const isNoWider = drifting.every(({ features }) => all.every((name) => name in features));
  if (isNoWider) return [drifting];
  return [...Map.groupBy(drifting, (device) => driftingFeatures([device]).join()).values()];
}

function driftingFeatures(drifting: readonly DeviceReport[]): readonly Keyword[] {
  return KEYWORDS.filter((feature) =>
    drifting.some((device) => isDrifting(device.features[feature])),
  );
}

function targets(finding: Finding, drifting: readonly DeviceReport[]): readonly string[] {
  const names = [...new Map(drifting.map((device) => [device.uuid, nameOf(device)])).values()];
  const features = driftingFeatures(drifting);
  const words = wideWords(finding, drifting, names, features);
  return [...words, ...featureFlag(finding, drifting, features)];
}

function wideWords(
  { expected, rule, words }: Finding,
  drifting: readonly DeviceReport[],
  names: readonly string[],
  features: readonly Keyword[],
): readonly string[] {
  if (!expected.byPolicy && words.length > 0 && names.length > 1) return words;
  if (names.length <= MAX_TARGETS) return names;
  const hasNics = drifting.some(({ kind }) => kind === "pif");
  const hasVifs = drifting.some(({ kind }) => kind === "vif");
  const isRule = (ruled: readonly string[]) => features.every((name) => ruled.includes(name));
  if ((hasNics && !isRule(rule.nics)) || (hasVifs && !isRule(rule.vifs))) return names;
  return [hasNics && hasVifs ? "ALL" : hasNics ? "NICS" : "VIFS"];
}

/** Without a policy the command says what was asked about; with one, no feature that drifts nowhere. */
function featureFlag(
  { expected }: Finding,
  drifting: readonly DeviceReport[],
  features: readonly Keyword[],
): readonly string[] {
  const asked = new Set([...expected.features.values()].flat());
  const isEverything = !expected.byPolicy && drifting.length > 1 && asked.size >= 8;
  return isEverything || features.length === 0 ? [] : ["--features", features.join(",")];
}

function isDrifting(feature: DeviceReport["features"][Keyword] | undefined): boolean {
  return feature?.verdict === "drift";
}

/** The device where there is one: it is short, and as unique on this host as a UUID. */
function nameOf({ device, uuid }: DeviceReport): string {
  return (device?.replace(/^tap/, "vif") ?? uuid) || "";
}

function command(...words: readonly string[]): string {
  return ["offload", ...words].map(shellQuoted).join(" ");
}
