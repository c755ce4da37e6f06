import { carryOut, planDisable, stateProblem } from "../../offload/disable.ts";
import type { Host } from "../../offload/inventory.ts";
import { journalKey } from "../../offload/journal.ts";
import { planRecords, type RecordStep } from "../../offload/plan.ts";
import { type Result, success } from "../../offload/result.ts";
import { survey } from "../../offload/survey.ts";
import { fromWire, viewToWire } from "../../plugin/interfaces.ts";
import type { AnswerOf, RequestOf } from "../../plugin/messages.ts";
import { FileJournal } from "../../state/journal.ts";
import { remember } from "../../state/remembered.ts";
import { settleTrial } from "../../state/trial.ts";
import { changing } from "./changing.ts";
import { prove } from "./proof.ts";

/**
 * The live half of `disable`, and what is to be recorded after it: each with a note in this host's
 * journal of what was there. The caller writes the records, through the coordinator.
 */
export function disable(
  request: RequestOf<"disable">,
  host: Host,
): Promise<Result<AnswerOf<"disable">>> {
  const { keywords, record, wholeHost, wait } = request;
  return changing(wait, async (kernel): Promise<Result<AnswerOf<"disable">>> => {
    const settled = await settleTrial(kernel);
    if (!settled.ok) return settled;
    const { interfaces, strangers } = await prove(fromWire(request, host));
    const before = survey(interfaces, kernel);
    if (!before.ok) return before;
    const journal = new FileJournal();
    const plan = planDisable(interfaces, keywords, before.value);
    const done = await carryOut(plan, kernel, null, journal, () => false);
    if (!done.ok) return done;
    const { after, changes } = done.value;
    const problems = [...done.value.problems];
    // The caller plans the very same records, for it is told what the devices show.
    const steps = record ? planRecords(interfaces, keywords, after) : [];
    const noted = await journal.beforeRecords(steps);
    if (!noted.ok) problems.push(...noted.failures.map(stateProblem));
    const remembered = await remember(interfaces, wholeHost, keywords);
    if (!remembered.ok) problems.push(...remembered.failures.map(stateProblem));
    return success({
      view: viewToWire(after),
      strangers: [...strangers],
      changes: [...changes],
      problems,
      noted: noted.ok,
    });
  });
}

/**
 * Strikes out what was noted of records that somebody else has added since: they are not ours to
 * remove again.
 */
export function strike(
  request: RequestOf<"strike">,
  host: Host,
): Promise<Result<AnswerOf<"strike">>> {
  return changing(request.wait, async (): Promise<Result<AnswerOf<"strike">>> => {
    const journal = new FileJournal();
    const all = planSteps(request, host);
    const struck = await journal.withoutRecords(all);
    return struck.ok ? success({}) : struck;
  });
}

function planSteps(request: RequestOf<"strike">, host: Host): readonly RecordStep[] {
  return fromWire(request, host).flatMap((subject): RecordStep[] => {
    if (subject.kind === "bare") return [];
    const uuid = journalKey(subject);
    return request.keys
      .filter((one) => one.uuid === uuid)
      .map(({ keyword, key }) => ({ subject, keyword, key, from: null, to: "off" }));
  });
}
