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
    noted = new Map(noted).set(journalKey(subject), { ...entry, records });
  }
  return noted;
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
  };
}
