import { renameSync } from "node:fs";
import * as v from "valibot";
import {
  type FormerFeature,
  type FormerFeatures,
  type Journal,
  type JournalEntry,
  noteLive,
  noteRecords,
  strikeRecords,
} from "../offload/journal.ts";
import type { LiveStep, LiveView, RecordStep } from "../offload/plan.ts";
import type { JournalKeeper } from "../offload/ports.ts";
import { type Result, success, unavailable } from "../offload/result.ts";
import { readStateFile, removeStateFile, statePath, writeStateFile } from "./file.ts";

/** Where it is written what was there before. */
const JOURNAL = "journal.json";

const VERSION = 1;

const Former = v.record(v.string(), v.object({ requested: v.boolean(), active: v.boolean() }));
/** The journal as it stands in files. */
export const JournalDocument = v.object({
  version: v.literal(VERSION),
  interfaces: v.record(
    v.string(),
    v.object({
      name: v.string(),
      kind: v.picklist(["pif", "vif"]),
      main: Former,
      tap: Former,
      records: v.record(v.string(), v.nullable(v.string())),
      unplugged: v.array(v.string()),
    }),
  ),
});

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

/** The journal of a document. */
export function fromDocument({ interfaces }: v.InferOutput<typeof JournalDocument>): Journal {
  return new Map(Object.entries(interfaces).map(([key, entry]) => [key, entryOf(entry)]));
}

/** The document of a journal. */
export function toDocument(journal: Journal): v.InferOutput<typeof JournalDocument> {
  // Devices that are alike share one description in memory: each is turned into an object once.
  const known = new Map<FormerFeatures, Readonly<Record<string, FormerFeature>>>();
  const plain = (features: FormerFeatures) => {
    const object = known.get(features) ?? Object.fromEntries(features);
    known.set(features, object);
    return object;
  };
  const interfaces = Object.fromEntries(
    [...journal].map(([key, { name, kind, main, tap, records, unplugged }]) => [
      key,
      {
        name,
        kind,
        main: plain(main),
        tap: plain(tap),
        records: Object.fromEntries(records),
        unplugged: [...unplugged],
      },
    ]),
  );
  return { version: VERSION, interfaces };
}

/** Puts the journal on disk, before anything that it tells of is changed. An empty one is removed. */
export async function writeJournal(journal: Journal): Promise<Result<void>> {
  return journal.size === 0
    ? removeStateFile(JOURNAL)
    : await writeStateFile(JOURNAL, toDocument(journal));
}

function entryOf(entry: v.InferOutput<typeof JournalDocument>["interfaces"][string]): JournalEntry {
  return {
    name: entry.name,
    kind: entry.kind,
    main: new Map(Object.entries(entry.main)),
    tap: new Map(Object.entries(entry.tap)),
    records: new Map(Object.entries(entry.records)),
    unplugged: new Set(entry.unplugged),
  };
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
