import type { LiveView } from "../disable/steps.ts";
import type { Keyword } from "../features.ts";
import { type Interface, uuidOf } from "../interface.ts";
import type { Note, Problem } from "../problem.ts";
import type { DeviceReport } from "../report.ts";
import { type Coverage, featuresAtBoot } from "./coverage.ts";
import type { Expected } from "./expected.ts";
import { persistenceProblems } from "./persistence.ts";
import { judge } from "./verdict.ts";

/** What is true of the interfaces, and what differs from what is expected. */
export interface Evaluation {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
}

/** What an evaluation rests on besides the interfaces. */
export interface EvaluationScope {
  readonly view: LiveView;
  /** What the boot script keeps off; null where none does its work. */
  readonly boot: Coverage | null;
  readonly hasCarrier: (device: string) => boolean;
}

/**
 * Holds interfaces against what is expected of them: off now, and nothing known that will turn it on
 * again. Interfaces of which nothing is expected are left out.
 */
export function evaluate(
  interfaces: readonly Interface[],
  { features }: Expected,
  scope: EvaluationScope,
): Evaluation {
  const wanted = interfaces.filter((iface) => (features.get(iface) ?? []).length > 0);
  const groups = Map.groupBy(wanted, (iface) => features.get(iface) ?? []);
  const parts = [...groups].map(([keywords, ifaces]) => evaluateAlike(ifaces, keywords, scope));
  const order = new Map(wanted.map((iface, place) => [uuidOf(iface) ?? iface, place]));
  const place = ({ uuid }: DeviceReport) => order.get(uuid ?? "") ?? 0;
  const devices = parts.flatMap((part) => part.devices);
  return {
    devices: groups.size > 1 ? devices.sort((a, b) => place(a) - place(b)) : devices,
    problems: parts.flatMap(({ problems }) => problems),
    notes: parts.flatMap(({ notes }) => notes),
  };
}

function evaluateAlike(
  interfaces: readonly Interface[],
  keywords: readonly Keyword[],
  { view, boot, hasCarrier }: EvaluationScope,
): Evaluation {
  const judged = judge(interfaces, view, { keywords, records: true });
  const { problems, notes } = withoutIdleTaps(judged.problems, hasCarrier);
  const lasting = interfaces.flatMap((iface) => {
    const atBoot = boot === null ? [] : featuresAtBoot(boot, iface);
    return persistenceProblems(iface, keywords, view, atBoot);
  });
  return {
    devices: judged.devices,
    problems: [...problems, ...lasting],
    notes: [...judged.notes, ...notes],
  };
}

/** No packet goes through the tap of a vif whose guest has its own driver. */
function withoutIdleTaps(
  problems: readonly Problem[],
  hasCarrier: (device: string) => boolean,
): { readonly problems: readonly Problem[]; readonly notes: readonly Note[] } {
  const left: Problem[] = [];
  const notes: Note[] = [];
  for (const problem of problems) {
    const { device } = problem;
    const isIdle =
      device !== undefined &&
      /^tap\d+\.\d+$/.test(device) &&
      hasCarrier(device.replace(/^tap/, "vif"));
    if (isIdle) notes.push({ code: "idle-tap", message: problem.message, device });
    else left.push(problem);
  }
  return { problems: left, notes };
}
