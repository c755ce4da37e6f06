import { carryOut, planDisable, stateProblem } from "../../offload/disable.ts";
import type { Host } from "../../offload/inventory.ts";
import { journalKey } from "../../offload/journal.ts";
import { planRecords, type RecordStep } from "../../offload/plan.ts";
import type { Problem } from "../../offload/problem.ts";
import { type Result, success } from "../../offload/result.ts";
import { survey } from "../../offload/survey.ts";
import { fromWire, viewToWire } from "../../plugin/interfaces.ts";
import type { AnswerOf, RequestOf } from "../../plugin/messages.ts";
import { FileJournal } from "../../state/journal.ts";
import { remember } from "../../state/remembered.ts";
import { endTrial, readTrial, revertTrial, settleTrial } from "../../state/trial.ts";
import { beginTrial, trialToKeep } from "../trial.ts";
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
  const { keywords, record, wholeHost, trial, wait } = request;
  return changing(wait, async (kernel): Promise<Result<AnswerOf<"disable">>> => {
    const settled = trial === "keep" ? keepTrial() : await settleTrial(kernel);
    if (!settled.ok) return settled;
    const { interfaces, strangers } = await prove(fromWire(request, host));
    const before = survey(interfaces, kernel);
    if (!before.ok) return before;
    const journal = new FileJournal();
    const plan = planDisable(interfaces, keywords, before.value);
    const isTrial = trial !== null && trial !== "keep";
    if (isTrial) {
      const former = journal.read();
      if (!former.ok) return former;
      const begun = await beginTrial(plan, { ...WHOLE_HOST, keywords, ...trial }, former.value);
      if (!begun.ok) return begun;
    }
    const done = await carryOut(plan, kernel, null, journal, () => false);
    if (!done.ok) return done;
    const { after, changes } = done.value;
    const problems = [...done.value.problems];
    // The caller plans the very same records, for it is told what the devices show.
    const steps = record && !isTrial ? planRecords(interfaces, keywords, after) : [];
    const noted = await journal.beforeRecords(steps);
    if (!noted.ok) problems.push(...noted.failures.map(stateProblem));
    const remembered = isTrial
      ? success(undefined)
      : await remember(interfaces, wholeHost, keywords);
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

/** What `offload confirm` on this host would keep. */
const WHOLE_HOST = { targets: [{ text: "ALL", kind: "host" }] } as const;

/** Ends the trial: what follows is for good. */
function keepTrial(): Result<void> {
  const trial = trialToKeep();
  return trial.ok ? endTrial() : trial;
}

/** Puts the trial back, if nobody has answered it yet, and tells what the devices show then. */
export function revert(
  request: RequestOf<"revert">,
  host: Host,
): Promise<Result<AnswerOf<"revert">>> {
  return changing(request.wait, async (kernel): Promise<Result<AnswerOf<"revert">>> => {
    const trial = readTrial();
    if (!trial.ok) return trial;
    const reverted =
      trial.value === null
        ? success<readonly Problem[]>([])
        : await revertTrial(trial.value, kernel);
    if (!reverted.ok) return reverted;
    const { interfaces, strangers } = await prove(fromWire(request, host));
    const view = survey(interfaces, kernel);
    if (!view.ok) return view;
    return success({
      view: viewToWire(view.value),
      strangers: [...strangers],
      problems: [...reverted.value],
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
