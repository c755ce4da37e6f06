import type { FeatureSnapshot } from "../disable/steps.ts";
import type { Interface } from "../interface.ts";
import type { Note, Problem } from "../problem.ts";
import { type Coverage, getBootFeatures } from "./coverage.ts";
import { type Evaluation, evaluateEach } from "./evaluate-interfaces.ts";
import type { ExpectedFeatures } from "./expected-features.ts";
import { findPersistenceProblems } from "./persistence.ts";

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
  { snapshot, bootCoverage, hasCarrier }: EvaluationScope,
): Evaluation {
  const getFeatures = (iface: Interface) => features.get(iface) ?? [];
  const evaluated = interfaces.filter((iface) => getFeatures(iface).length > 0);
  const evaluation = evaluateEach(evaluated, snapshot, { getFeatures, includesSettings: true });
  const { problems, notes: tapNotes } = separateIdleTaps(evaluation.problems, hasCarrier);
  const notPersistent = evaluated.flatMap((iface) => {
    const bootFeatures = bootCoverage === null ? [] : getBootFeatures(bootCoverage, iface);
    return findPersistenceProblems(iface, getFeatures(iface), snapshot, bootFeatures);
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
    if (isIdle) notes.push({ ...problem, code: "idle-tap" });
    else remaining.push(problem);
  }
  return { problems: remaining, notes };
}
