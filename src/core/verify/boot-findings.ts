import type { BootLayer, BootState } from "../boot-layer.ts";
import { naturalOrder } from "../natural-order.ts";
import type { Note, Problem } from "../problem.ts";
import { counted, listed } from "../text.ts";
import { type Coverage, isEmptyCoverage } from "./coverage.ts";
import { isSameCoverage } from "./coverage-json.ts";

/** What is wrong with the boot layer, and what is worth knowing of it. */
export interface BootFindings {
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

const NOTHING: BootFindings = { problems: [], notes: [] };

const TROUBLES: Readonly<Record<Exclude<BootState, "absent" | "current">, string>> = {
  stale: "is of another version of offload",
  disabled: "is disabled: nothing runs at boot",
  edited: "was modified by hand",
  "not-executable": "is in an rc.local that is not executable: nothing runs at boot",
  incomplete: "is installed in part only",
};

/**
 * Holds the boot layer against what the policy of this host asks for. `isNeeded`: whether XAPI's
 * settings alone do not keep all of it off, so that a boot layer that is missing is a problem.
 */
export function bootFindings(layer: BootLayer, wanted: Coverage, isNeeded: boolean): BootFindings {
  const isWanted = !isEmptyCoverage(wanted);
  if (layer.state === "absent") {
    if (!isWanted) return NOTHING;
    const message = "nothing is installed for boot; install it with: offload persist";
    return isNeeded
      ? { problems: [{ code: "boot-absent", message }], notes: [] }
      : { problems: [], notes: [{ code: "not-persisted", message }] };
  }
  const command = isWanted ? "offload persist" : "offload persist --remove";
  const problem = (message: string): BootFindings => ({
    problems: [{ code: "boot-wrong", message: `the boot layer ${message} with: ${command}` }],
    notes: [],
  });
  if (layer.state !== "current") {
    return problem(`${TROUBLES[layer.state]}; ${isWanted ? "fix" : "remove"} it`);
  }
  if (!isWanted) return problem("keeps off what no policy asks for; remove it");
  const different = layer.covers === null ? [] : differences(layer.covers, wanted);
  return different.length === 0
    ? NOTHING
    : problem(`does not follow the policy (different: ${listed(different)}); update it`);
}

/** How many devices a message names before it only counts. */
const MAX_NAMED = 4;

/** Where two coverages differ, in words. */
function differences(a: Coverage, b: Coverage): readonly string[] {
  if (isSameCoverage(a, b)) return [];
  const devices = differentKeys(a.devices, b.devices, (features) => features.join());
  const vms = differentKeys(a.vms, b.vms, ({ features, vifs }) =>
    JSON.stringify([features, [...vifs].sort()]),
  );
  return [
    ...(a.nics.join() === b.nics.join() ? [] : ["NICS"]),
    ...(a.vifs.join() === b.vifs.join() ? [] : ["VIFS"]),
    ...(devices.length > MAX_NAMED ? [counted(devices.length, "NIC")] : devices),
    ...(vms.length > 0 ? [counted(vms.length, "VM")] : []),
  ];
}

function differentKeys<T>(
  a: ReadonlyMap<string, T>,
  b: ReadonlyMap<string, T>,
  textOf: (value: T) => string,
): readonly string[] {
  const text = (value: T | undefined) => (value === undefined ? null : textOf(value));
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => text(a.get(key)) !== text(b.get(key)))
    .sort(naturalOrder);
}
