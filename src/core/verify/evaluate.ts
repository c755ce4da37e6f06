import type { FeatureSnapshot } from "../disable/steps.ts";
import type { Feature } from "../features.ts";
import { getUuid, type Interface } from "../interface.ts";
import type { Note, Problem } from "../problem.ts";
import type { DeviceReport } from "../report.ts";
import { type Coverage, getBootFeatures } from "./coverage.ts";
import { evaluateInterfaces } from "./evaluate-interfaces.ts";
import type { ExpectedFeatures } from "./expected-features.ts";
import { findPersistenceProblems } from "./persistence.ts";

/** What is true of the interfaces, and what differs from what is expected. */
export interface Evaluation {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** What an evaluation rests on besides the interfaces. */
export interface EvaluationScope {
  readonly snapshot: FeatureSnapshot;
  /** What the boot script keeps off; null where none does its work. */
  readonly bootCoverage: Coverage | null;
  readonly hasCarrier: (device: string) => boolean;
}

/**
 * Holds interfaces against what is expected of them: off now, and nothing known that will turn it on
 * again. Interfaces of which nothing is expected are left out.
 */
export function evaluate(
  interfaces: readonly Interface[],
  { features }: ExpectedFeatures,
  scope: EvaluationScope,
): Evaluation {
  const evaluated = interfaces.filter((iface) => (features.get(iface) ?? []).length > 0);
  const groups = Map.groupBy(evaluated, (iface) => features.get(iface) ?? []);
  const evaluations = [...groups].map(([groupFeatures, ifaces]) => evaluateGroup(ifaces, groupFeatures, scope));
  const order = new Map(evaluated.map((iface, index) => [getUuid(iface) ?? iface, index]));
  const getIndex = ({ uuid }: DeviceReport) => order.get(uuid ?? "") ?? 0;
  const devices = evaluations.flatMap((part) => part.devices);
  return {
    devices: groups.size > 1 ? devices.sort((a, b) => getIndex(a) - getIndex(b)) : devices,
    problems: evaluations.flatMap(({ problems }) => problems),
    notes: evaluations.flatMap(({ notes }) => notes),
  };
}

function evaluateGroup(
  interfaces: readonly Interface[],
  features: readonly Feature[],
  { snapshot, bootCoverage, hasCarrier }: EvaluationScope,
): Evaluation {
  const evaluation = evaluateInterfaces(interfaces, snapshot, { features, includesSettings: true });
  const { problems, notes: tapNotes } = separateIdleTaps(evaluation.problems, hasCarrier);
  const notPersistent = interfaces.flatMap((iface) => {
    const bootFeatures = bootCoverage === null ? [] : getBootFeatures(bootCoverage, iface);
    return findPersistenceProblems(iface, features, snapshot, bootFeatures);
  });
  return {
    devices: evaluation.devices,
    problems: [...problems, ...notPersistent],
    notes: [...evaluation.notes, ...tapNotes],
  };
}

/** No packet goes through the tap of a vif whose guest has its own driver. */
function separateIdleTaps(
  problems: readonly Problem[],
  hasCarrier: (device: string) => boolean,
): { readonly problems: readonly Problem[]; readonly notes: readonly Note[] } {
  const remaining: Problem[] = [];
  const notes: Note[] = [];
  for (const problem of problems) {
    const { device } = problem;
    const isIdle = device !== undefined && /^tap\d+\.\d+$/.test(device) && hasCarrier(device.replace(/^tap/, "vif"));
    if (isIdle) notes.push({ code: "idle-tap", message: problem.message, device });
    else remaining.push(problem);
  }
  return { problems: remaining, notes };
}
