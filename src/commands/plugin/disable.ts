import { carryOut, type DisablePlan, planDisable, stateProblem } from "../../offload/disable.ts";
import type { Host } from "../../offload/inventory.ts";
import { journalKey } from "../../offload/journal.ts";
import { planRecords, type RecordStep } from "../../offload/plan.ts";
import type { Problem } from "../../offload/problem.ts";
import { type Result, success } from "../../offload/result.ts";
import { survey } from "../../offload/survey.ts";
import type { Trial } from "../../offload/trial.ts";
import { fromWire, viewToWire } from "../../plugin/interfaces.ts";
import type { AnswerOf, RequestOf } from "../../plugin/messages.ts";
import { FileJournal } from "../../state/journal.ts";
import { remember } from "../../state/remembered.ts";
import { endTrial, readTrial, revertTrial, settleTrial } from "../../state/trial.ts";
import { beginTrial, isSame, trialToKeep } from "../trial.ts";
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
  const keep = request.trial !== null && "keep" in request.trial ? request.trial : null;
  const trial = request.trial !== null && "seconds" in request.trial ? request.trial : null;
  return changing(wait, async (kernel): Promise<Result<AnswerOf<"disable">>> => {
    const settled = keep === null ? await settleTrial(kernel) : endOwn(keep.keep);
    if (!settled.ok) return settled;
    const { interfaces, strangers } = await prove(fromWire(request, host));
    const before = survey(interfaces, kernel);
    if (!before.ok) return before;
    const journal = new FileJournal();
    const plan = planDisable(interfaces, keywords, before.value);
    const begun = trial === null ? success(null) : await begin(plan, trial, journal);
    if (!begun.ok) return begun;
    const done = await carryOut(plan, kernel, null, journal, () => false);
    if (!done.ok) return done;
    const { after, changes } = done.value;
    const problems = [...done.value.problems];
    // The caller plans the very same records, for it is told what the devices show.
    const steps = record && trial === null ? planRecords(interfaces, keywords, after) : [];
    const noted = await journal.beforeRecords(steps);
    if (!noted.ok) problems.push(...noted.failures.map(stateProblem));
    const remembered =
      trial === null ? await remember(interfaces, wholeHost, keywords) : success(undefined);
    if (!remembered.ok) problems.push(...remembered.failures.map(stateProblem));
    return success({
      view: viewToWire(after),
      strangers: [...strangers],
      changes: [...changes],
      problems,
      noted: noted.ok,
      trial: begun.value?.deadline ?? null,
    });
  });
}

/** What `offload confirm` on this host would keep. */
const WHOLE_HOST = { targets: [{ text: "ALL", kind: "host" }] } as const;

async function begin(
  plan: DisablePlan,
  { seconds }: { readonly seconds: number },
  journal: FileJournal,
): Promise<Result<Trial>> {
  const former = journal.read();
  if (!former.ok) return former;
  return await beginTrial(plan, { ...WHOLE_HOST, keywords: plan.keywords, seconds }, former.value);
}

/** Ends the caller's trial: what follows is for good. */
function endOwn(deadline: number): Result<void> {
  const trial = trialToKeep({ deadline });
  return trial.ok ? endTrial() : trial;
}

/** Puts the caller's trial back, if nobody has answered it yet, and tells what the devices show then. */
export function revert(
  request: RequestOf<"revert">,
  host: Host,
): Promise<Result<AnswerOf<"revert">>> {
  return changing(request.wait, async (kernel): Promise<Result<AnswerOf<"revert">>> => {
    const trial = readTrial();
    if (!trial.ok) return trial;
    const reverted =
      trial.value !== null && isSame(trial.value, { deadline: request.trial })
        ? await revertTrial(trial.value, kernel)
        : success<readonly Problem[]>([]);
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
