import type { Interface } from "../../offload/interface.ts";
import type { Host } from "../../offload/inventory.ts";
import { deviceOfKey, type Journal, journalKey, withForeign } from "../../offload/journal.ts";
import { problemAbout } from "../../offload/problem-about.ts";
import { carryBack, planRestore } from "../../offload/restore.ts";
import { type Result, success } from "../../offload/result.ts";
import { survey } from "../../offload/survey.ts";
import { fromWire, viewToWire } from "../../plugin/interfaces.ts";
import type { AnswerOf, RequestOf } from "../../plugin/messages.ts";
import { readJournal } from "../../state/journal.ts";
import { fromDocument, toDocument } from "../../state/journal-document.ts";
import { readTrial, revertTrial } from "../../state/trial.ts";
import { settleJournal } from "../settlement.ts";
import { changing } from "./changing.ts";
import { prove } from "./proof.ts";

/** The journal of this host; while a change is on trial, that of before the trial. */
export async function journal(): Promise<Result<AnswerOf<"journal">>> {
  const trial = readTrial();
  if (!trial.ok) return trial;
  const noted = trial.value === null ? readJournal() : success(trial.value.journal);
  return noted.ok ? success({ journal: toDocument(noted.value) }) : noted;
}

/**
 * The live half of `restore`. The caller has put the records back by then: the journal keeps what of
 * them is still not as it was.
 */
export function restore(
  request: RequestOf<"restore">,
  host: Host,
): Promise<Result<AnswerOf<"restore">>> {
  return changing(request.wait, async (kernel): Promise<Result<AnswerOf<"restore">>> => {
    const trial = readTrial();
    if (!trial.ok) return trial;
    if (trial.value !== null) {
      const reverted = await revertTrial(trial.value, kernel);
      if (!reverted.ok) return reverted;
    }
    const noted = readJournal();
    if (!noted.ok) return noted;
    const proven = await prove(fromWire(request, host));
    const existing = kernel.observe(() => []);
    if (!existing.ok) return existing;
    const bare = bareInterfaces(noted.value, existing.value.existing);
    const interfaces = [...proven.interfaces, ...bare.interfaces];
    const before = survey(interfaces, kernel);
    if (!before.ok) return before;
    const known = withForeign(noted.value, fromDocument(request.noted));
    const whole = planRestore(known, interfaces, before.value, { force: request.force });
    // The records of what another host has noted are that host's to tell of.
    const isOwn = ({ subject }: { readonly subject: Interface }) =>
      noted.value.has(journalKey(subject));
    const plan = { ...whole, conflicts: whole.conflicts.filter(isOwn) };
    const restored = await carryBack({ ...plan, records: [] }, kernel, null, () => false);
    const unwritten = plan.records
      .filter(isOwn)
      .map(({ subject, key }) => problemAbout("record-failed", subject, `${key} is not as it was`));
    const problems = [...restored.problems, ...unwritten];
    const gone = [...request.gone, ...bare.gone];
    const notes = await settleJournal(noted.value, plan, { ...restored, problems }, gone);
    if (!notes.ok) return notes;
    const left = readJournal();
    if (!left.ok) return left;
    return success({
      view: viewToWire(restored.after),
      strangers: [...proven.strangers],
      changes: [...restored.changes],
      problems: [...restored.problems],
      notes: [...plan.notes, ...notes.value],
      left: [...left.value.keys()],
    });
  });
}

/** What the journal tells of by device, because XAPI could not be asked for a record at the time. */
function bareInterfaces(noted: Journal, existing: ReadonlySet<string>) {
  const interfaces: Interface[] = [];
  const gone: string[] = [];
  for (const [key, { kind }] of noted) {
    const device = deviceOfKey(key);
    if (device === null) continue;
    if (existing.has(device)) interfaces.push({ kind: "bare", device, as: kind });
    else gone.push(key);
  }
  return { interfaces, gone };
}
