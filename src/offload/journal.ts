import { devicesOf, type Interface, nameOf, uuidOf } from "./interface.ts";
import { isSet } from "./kernel-features.ts";
import type { LiveStep, LiveView, RecordStep } from "./plan.ts";

/** What was asked for and in force of one kernel feature before this program cleared it. */
export interface FormerFeature {
  readonly requested: boolean;
  readonly active: boolean;
}

/** Former features by the kernel's names: `tx-tcp-segmentation`. */
export type FormerFeatures = ReadonlyMap<string, FormerFeature>;

/** What was there before this program first touched an interface. */
export interface JournalEntry {
  /** What messages call it; its device or VM may have another name by now. */
  readonly name: string;
  readonly kind: "pif" | "vif";
  /** Of the interface's own device, and of the tap beside a vif. */
  readonly main: FormerFeatures;
  readonly tap: FormerFeatures;
  /** Values of `other-config`; null where there was no such key. */
  readonly records: ReadonlyMap<string, string | null>;
  /**
   * Keys that were recorded while the VIF had no device here. At the next plug they turn off what
   * nobody has read before: putting back then means on, as without them.
   */
  readonly unplugged: ReadonlySet<string>;
}

/**
 * What was there before, by the UUID of the PIF or VIF, or `device:NAME` where XAPI could not be
 * asked for one. First touch wins: what is noted is never noted again.
 */
export type Journal = ReadonlyMap<string, JournalEntry>;

/** The key of an interface in the journal. */
export function journalKey(subject: Interface): string {
  return uuidOf(subject) ?? `device:${nameOf(subject)}`;
}

/** The journal with what these steps are about to clear; the very same where all is noted. */
export function noteLive(journal: Journal, steps: readonly LiveStep[], view: LiveView): Journal {
  let noted = journal;
  for (const { subject, device, clear } of steps) {
    const observation = view.observations.get(device);
    if (observation?.state !== "read") continue;
    const [main] = devicesOf(subject, view.existing);
    const side = main?.name === device ? "main" : "tap";
    const entry = entryOf(noted, subject);
    const former = new Map(entry[side]);
    const { active, requested } = observation.features;
    for (const [name, index] of view.kernel.named(clear.bits)) {
      if (former.has(name)) continue;
      former.set(name, { requested: isSet(requested, index), active: isSet(active, index) });
    }
    if (former.size === entry[side].size) continue;
    noted = new Map(noted).set(journalKey(subject), { ...entry, [side]: former });
  }
  return noted;
}

/** The journal with the values that these steps are about to replace. */
export function noteRecords(journal: Journal, steps: readonly RecordStep[]): Journal {
  let noted = journal;
  for (const { subject, key, from } of steps) {
    const entry = entryOf(noted, subject);
    if (entry.records.has(key)) continue;
    const records = new Map(entry.records).set(key, from);
    const unplugged = isPlugged(subject) ? entry.unplugged : new Set(entry.unplugged).add(key);
    noted = new Map(noted).set(journalKey(subject), { ...entry, records, unplugged });
  }
  return noted;
}

/** The journal without those records, and without what then tells of nothing any more. */
export function strikeRecords(journal: Journal, steps: readonly RecordStep[]): Journal {
  let left = journal;
  for (const { subject, key } of steps) {
    const entry = left.get(journalKey(subject));
    if (entry?.records.has(key) !== true) continue;
    const records = new Map([...entry.records].filter(([name]) => name !== key));
    const unplugged = new Set([...entry.unplugged].filter((name) => name !== key));
    const next = new Map(left);
    const isEmpty = records.size + entry.main.size + entry.tap.size === 0;
    if (isEmpty) next.delete(journalKey(subject));
    else next.set(journalKey(subject), { ...entry, records, unplugged });
    left = next;
  }
  return left;
}

function isPlugged(subject: Interface): boolean {
  return subject.kind !== "vif" || subject.whereabouts.at === "here";
}

function entryOf(journal: Journal, subject: Interface): JournalEntry {
  const known = journal.get(journalKey(subject));
  if (known !== undefined) return known;
  return {
    name:
      subject.kind === "vif" ? `VIF ${subject.vif.device} of ${subject.vm.name}` : nameOf(subject),
    kind: subject.kind === "bare" ? subject.as : subject.kind,
    main: new Map(),
    tap: new Map(),
    records: new Map(),
    unplugged: new Set(),
  };
}
