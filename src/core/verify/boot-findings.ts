import { type BootLayer, type BootState, formatThirdPartyFile, type ThirdPartyBootFile } from "../boot-layer.ts";
import { compareNatural } from "../natural-order.ts";
import type { Note, Problem } from "../problem.ts";
import { formatCount, joinAnd } from "../text.ts";
import { type Coverage, isEmptyCoverage } from "./coverage.ts";
import { isSameCoverage } from "./coverage-json.ts";

/** What is wrong with the boot layer, and what is worth knowing of it. */
export interface BootFindings {
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** What removes a boot layer that no policy asks for. */
export const REMOVE_BOOT_LAYER = "offload persist --remove";

const NO_FINDINGS: BootFindings = { problems: [], notes: [] };

const STATE_MESSAGES: Readonly<Record<Exclude<BootState, "not-installed" | "up-to-date">, string>> = {
  outdated: "is of another version of offload",
  disabled: "is disabled: nothing runs at boot",
  modified: "was modified by hand",
  "not-executable": "is in an rc.local that is not executable: nothing runs at boot",
  incomplete: "is installed in part only",
};

/**
 * Holds the boot layer against what the policy of this host asks for. `isNeeded`: whether XAPI's
 * settings alone do not keep all of it off, so that a boot layer that is missing is a problem.
 */
export function evaluateBootLayer(layer: BootLayer, expected: Coverage, isNeeded: boolean): BootFindings {
  const isMaskProblem = !isEmptyCoverage(expected) && (isNeeded || layer.state !== "not-installed");
  const thirdParty = evaluateThirdPartyFiles(layer, { isMaskProblem });
  // As long as something is in the way, persist installs nothing.
  if (thirdParty.problems.length > 0) return thirdParty;
  const { problems, notes } = evaluateOwnFiles(layer, expected, isNeeded);
  return { problems, notes: [...thirdParty.notes, ...notes] };
}

/**
 * What stands in the place of files of the boot layer: a problem, whatever the policy, because nobody knows what it
 * does at boot. A mask is a decision of the administrator's, and a problem only where it keeps from working what is to
 * work.
 */
export function evaluateThirdPartyFiles(
  { thirdParty }: Pick<BootLayer, "thirdParty">,
  { isMaskProblem }: { readonly isMaskProblem: boolean },
): BootFindings {
  const isProblem = ({ isMask }: ThirdPartyBootFile) => isMaskProblem || !isMask;
  const toFinding = (file: ThirdPartyBootFile) =>
    ({ code: file.isMask ? "boot-masked" : "boot-third-party", message: formatThirdPartyFile(file) }) as const;
  return {
    problems: thirdParty.filter(isProblem).map(toFinding),
    notes: thirdParty.filter((file) => !isProblem(file)).map(toFinding),
  };
}

function evaluateOwnFiles(layer: BootLayer, expected: Coverage, isNeeded: boolean): BootFindings {
  const isExpected = !isEmptyCoverage(expected);
  if (layer.state === "not-installed") {
    if (!isExpected) return NO_FINDINGS;
    const command = "offload persist";
    const finding = { message: `nothing is installed for boot; install it with: ${command}`, command };
    return isNeeded
      ? { problems: [{ code: "boot-not-installed", ...finding }], notes: [] }
      : { problems: [], notes: [{ code: "not-persisted", ...finding }] };
  }
  const command = isExpected ? "offload persist" : REMOVE_BOOT_LAYER;
  const createFindings = (message: string): BootFindings => ({
    problems: [{ code: "boot-drift", message: `the boot layer ${message} with: ${command}`, command }],
    notes: [],
  });
  if (layer.state !== "up-to-date") {
    return createFindings(`${STATE_MESSAGES[layer.state]}; ${isExpected ? "fix" : "remove"} it`);
  }
  if (!isExpected) return createFindings("keeps off what no policy asks for; remove it");
  const differences = layer.covers === null ? [] : listCoverageDifferences(layer.covers, expected);
  return differences.length === 0
    ? NO_FINDINGS
    : createFindings(`does not follow the policy (different: ${joinAnd(differences)}); update it`);
}

/** How many devices a message names before it only counts. */
const MAX_NAMED_DEVICES = 4;

/** Where two coverages differ, in words. */
function listCoverageDifferences(a: Coverage, b: Coverage): readonly string[] {
  if (isSameCoverage(a, b)) return [];
  const devices = findDifferentKeys(a.devices, b.devices, (features) => features.join());
  const vms = findDifferentKeys(a.vms, b.vms, ({ features, vifs }) => JSON.stringify([features, [...vifs].sort()]));
  return [
    ...(a.nics.join() === b.nics.join() ? [] : ["NICS"]),
    ...(a.vifs.join() === b.vifs.join() ? [] : ["VIFS"]),
    ...(devices.length > MAX_NAMED_DEVICES ? [formatCount(devices.length, "NIC")] : devices),
    ...(vms.length > 0 ? [formatCount(vms.length, "VM")] : []),
  ];
}

function findDifferentKeys<T>(
  a: ReadonlyMap<string, T>,
  b: ReadonlyMap<string, T>,
  serialize: (value: T) => string,
): readonly string[] {
  const serializeOrNull = (value: T | undefined) => (value === undefined ? null : serialize(value));
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => serializeOrNull(a.get(key)) !== serializeOrNull(b.get(key)))
    .sort(compareNatural);
}
