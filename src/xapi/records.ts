import type { RecordStep } from "../offload/plan.ts";
import type { RecordOutcome } from "../offload/ports.ts";
import { sentenceOf } from "./errors.ts";
import type { CallError } from "./reply.ts";
import type { XapiSession } from "./session.ts";
import { sideBySide } from "./side-by-side.ts";

/**
 * After how many calls what they left in memory is collected. By itself the engine would wait until
 * there is much of it, on a host that has little memory to spare.
 */
const TIDY_UP = 1000;

/**
 * Writes the records. The keys of one object come one after the other, objects side by side. As
 * soon as XAPI is gone, or `isStopped` says so, the rest is left and reported as not attempted.
 */
export async function writeRecords(
  session: XapiSession,
  steps: readonly RecordStep[],
  isStopped: () => boolean,
  told: (outcome: RecordOutcome) => void = () => {},
): Promise<readonly RecordOutcome[]> {
  const outcomes = new Map<RecordStep, RecordOutcome>();
  let gone: string | null = null;
  await sideBySide(byObject(steps).values(), async (object) => {
    for (const step of object) {
      if (gone !== null || isStopped()) break;
      const outcome = await writeOne(session, step);
      outcomes.set(step, outcome.outcome);
      if (outcomes.size % TIDY_UP === 0) Bun.gc(true);
      told(outcome.outcome);
      if (outcome.gone) gone = outcome.outcome.because;
    }
  });

  return steps.map(
    (step): RecordOutcome =>
      outcomes.get(step) ?? { step, state: "unattempted", because: gone ?? "interrupted" },
  );
}

function byObject(steps: readonly RecordStep[]): ReadonlyMap<string, readonly RecordStep[]> {
  return Map.groupBy(steps, ({ subject }) =>
    subject.kind === "pif" ? subject.pif.ref : subject.vif.ref,
  );
}

/**
 * Remove then add, as xe does: adding a present key fails even with the value it has
 * (recorded: MAP_DUPLICATE_KEY), removing an absent one succeeds.
 */
async function writeOne(
  session: XapiSession,
  step: RecordStep,
): Promise<{ readonly outcome: RecordOutcome; readonly gone: boolean }> {
  const { subject, key, from, to } = step;
  const [name, ref] = subject.kind === "pif" ? ["PIF", subject.pif.ref] : ["VIF", subject.vif.ref];
  const fail = (error: CallError, removed: boolean) => ({
    outcome: {
      step,
      state: error.kind === "refused" && !removed ? ("refused" as const) : ("failed" as const),
      because: `${removed ? `its former value ${JSON.stringify(from)} is gone; ` : ""}${sentenceOf(error)}`,
    },
    gone: error.kind !== "refused",
  });
  if (from !== null) {
    const removed = await session.call(`${name}.remove_from_other_config`, ref, key);
    if (!removed.ok) return fail(removed.error, false);
  }
  if (to === null) return { outcome: { step, state: "written", because: "" }, gone: false };
  const added = await session.call(`${name}.add_to_other_config`, ref, key, to);
  if (added.ok) return { outcome: { step, state: "written", because: "" }, gone: false };
  return fail(added.error, from !== null);
}
