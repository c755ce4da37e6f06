import { renameSync } from "node:fs";
import * as v from "valibot";
import { type Journal, noteLive, noteRecords, strikeRecords } from "../offload/journal.ts";
import type { LiveStep, LiveView, RecordStep } from "../offload/plan.ts";
import type { JournalKeeper } from "../offload/ports.ts";
import { type Result, success, unavailable } from "../offload/result.ts";
import { readStateFile, removeStateFile, statePath, writeStateFile } from "./file.ts";
import { fromDocument, JournalDocument, toDocument, VERSION } from "./journal-document.ts";

/** Where it is written what was there before. */
const JOURNAL = "journal.json";

/**
 * Reads the journal; an empty one where nothing was changed yet. One of a newer version is refused,
 * never guessed at; a damaged one is set aside under another name, and the command fails, so that
 * somebody sees it before anything is changed on top.
 */
export function readJournal(): Result<Journal> {
  const text = readStateFile(JOURNAL);
  if (!text.ok) return text;
  if (text.value === null) return success(new Map());
  const document = parsed(text.value);
  const version = v.safeParse(v.object({ version: v.number() }), document);
  if (version.success && version.output.version > VERSION) {
    return unavailable(
      "journal-newer",
      `${statePath(JOURNAL)} is of a newer version of offload; use that one`,
    );
  }
  const journal = v.safeParse(JournalDocument, document);
  if (!journal.success) return setAside();
  return success(fromDocument(journal.output));
}

/** Puts the journal on disk, before anything that it tells of is changed. An empty one is removed. */
export async function writeJournal(journal: Journal): Promise<Result<void>> {
  return journal.size === 0
    ? removeStateFile(JOURNAL)
    : await writeStateFile(JOURNAL, toDocument(journal));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function setAside(): Result<never> {
  const aside = `${statePath(JOURNAL)}.damaged-${Date.now()}`;
  try {
    renameSync(statePath(JOURNAL), aside);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return unavailable(
      "journal-damaged",
      `${statePath(JOURNAL)} is damaged, and stays there: ${words}`,
    );
  }
  return unavailable(
    "journal-damaged",
    `the journal was damaged and is now ${aside}; nothing else was touched, and the next run begins a new one`,
  );
}

/** The journal of this host, kept on disk one step ahead of every change. */
export class FileJournal implements JournalKeeper {
  #current: Journal | null = null;

  /**
   * What is noted now; to be called with the lock held. It is read when it is wanted first: a run
   * that has nothing to change wants it never.
   */
  read(): Result<Journal> {
    if (this.#current !== null) return success(this.#current);
    const journal = readJournal();
    if (journal.ok) this.#current = journal.value;
    return journal;
  }

  beforeLive(steps: readonly LiveStep[], view: LiveView): Promise<Result<void>> {
    return this.#keep(steps, (journal) => noteLive(journal, steps, view));
  }

  beforeRecords(steps: readonly RecordStep[]): Promise<Result<void>> {
    return this.#keep(steps, (journal) => noteRecords(journal, steps));
  }

  withoutRecords(steps: readonly RecordStep[]): Promise<Result<void>> {
    return this.#keep(steps, (journal) => strikeRecords(journal, steps));
  }

  async #keep(
    steps: readonly unknown[],
    changed: (journal: Journal) => Journal,
  ): Promise<Result<void>> {
    if (steps.length === 0) return success(undefined);
    const before = this.read();
    if (!before.ok) return before;
    const after = changed(before.value);
    if (after === before.value) return success(undefined);
    const written = await writeJournal(after);
    if (written.ok) this.#current = after;
    return written;
  }
}
