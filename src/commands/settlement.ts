import type { Journal } from "../offload/journal.ts";
import type { Note } from "../offload/problem.ts";
import { type Restored, type RestorePlan, settle } from "../offload/restore.ts";
import { type Result, success } from "../offload/result.ts";
import { inspectBoot } from "../persistence/boot-layer.ts";
import { writeJournal } from "../state/journal.ts";
import { forget, forgetAll } from "../state/remembered.ts";

/**
 * Takes out of the journal, and of what `persist` goes by, what has been put back; `gone` are keys of
 * what no longer exists. Tells what will undo it. To be called with the lock held.
 */
export async function settleJournal(
  journal: Journal,
  plan: RestorePlan,
  restored: Restored,
  gone: readonly string[],
): Promise<Result<readonly Note[]>> {
  const left = new Map(settle(journal, plan, restored));
  for (const key of gone) left.delete(key);
  const written = await writeJournal(left);
  if (!written.ok) return written;
  const settled = [...journal.keys()].filter((key) => !left.has(key));
  const forgotten = left.size === 0 ? forgetAll() : await forget(new Set(settled));
  if (!forgotten.ok) return forgotten;
  const boot = inspectBoot();
  if (!boot.ok) return boot;
  return success(boot.value.state === "absent" ? [] : [STILL_PERSISTED]);
}

const STILL_PERSISTED: Note = {
  code: "still-persisted",
  message:
    "what persist installed turns offloads off again at boot; undo that with: offload persist --remove",
};

/** That something the journal tells of does not exist any more. */
export function goneNote(journal: Journal, key: string): Note {
  const name = journal.get(key)?.name ?? key;
  return {
    code: "gone",
    message: `${name} does not exist any more; nothing is left to put back`,
  };
}
