import { devicesOf, type Interface, nameOf, uuidOf } from "./interface.ts";
import {
  type ChangeableBits,
  type FeatureSet,
  isSet,
  type KernelFeatures,
} from "./kernel-features.ts";
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
  return uuidOf(subject) ?? `${DEVICE}${nameOf(subject)}`;
}

const DEVICE = "device:";

/** The device that a key of the journal names; null where the key is a UUID. */
export function deviceOfKey(key: string): string | null {
  return key.startsWith(DEVICE) ? key.slice(DEVICE.length) : null;
}

/** Whether the journal tells what a record was before. */
export function isNoted(
  journal: Journal | undefined,
  { subject, key }: Pick<RecordStep, "key"> & { readonly subject: Interface },
): boolean {
  return journal?.get(journalKey(subject))?.records.has(key) === true;
}

/** The journal with what these steps are about to clear; the very same where all is noted. */
export function noteLive(journal: Journal, steps: readonly LiveStep[], view: LiveView): Journal {
  const noted = new Map(journal);
  let isNews = false;
  // Devices that are alike, as those of guests mostly are, share one description: their steps clear
  // the very same bits of the very same set.
  const known = new Map<
    ChangeableBits,
    { readonly of: FeatureSet; readonly former: FormerFeatures }
  >();
  for (const { subject, device, clear } of steps) {
    const observation = view.observations.get(device);
    if (observation?.state !== "read") continue;
    const { features } = observation;
    let alike = known.get(clear);
    if (alike?.of !== features) {
      alike = { of: features, former: formerOf(features, clear, view.kernel) };
      known.set(clear, alike);
    }
    const key = journalKey(subject);
    const isMain = devicesOf(subject, view.existing)[0]?.name === device;
    const entry = noted.get(key) ?? emptyEntry(subject);
    const { main, tap } = entry;
    const before = isMain ? main : tap;
    const former = before.size === 0 ? alike.former : new Map([...alike.former, ...before]);
    if (former.size === before.size) continue;
    noted.set(key, isMain ? { ...entry, main: former } : { ...entry, tap: former });
    isNews = true;
  }
  return isNews ? noted : journal;
}

/** How those bits of a device are now. */
function formerOf(
  { active, requested }: FeatureSet,
  { bits }: ChangeableBits,
  kernel: KernelFeatures,
): FormerFeatures {
  return new Map(
    kernel
      .named(bits)
      .map(([name, index]) => [
        name,
        { requested: isSet(requested, index), active: isSet(active, index) },
      ]),
  );
}

/** The journal with the values that these steps are about to replace; the very same likewise. */
export function noteRecords(journal: Journal, steps: readonly RecordStep[]): Journal {
  const noted = new Map(journal);
  let isNews = false;
  for (const [name, those] of byInterface(steps)) {
    const fresh = those.filter((one) => !isNoted(journal, one));
    const [first] = fresh;
    if (first === undefined) continue;
    const entry = noted.get(name) ?? emptyEntry(first.subject);
    const unplugged = isPlugged(first.subject) ? [] : fresh.map(({ key }) => key);
    noted.set(name, {
      ...entry,
      records: new Map([...entry.records, ...fresh.map(({ key, from }) => [key, from] as const)]),
      unplugged: new Set([...entry.unplugged, ...unplugged]),
    });
    isNews = true;
  }
  return isNews ? noted : journal;
}

/** The journal without those records, and without what then tells of nothing any more. */
export function strikeRecords(journal: Journal, steps: readonly RecordStep[]): Journal {
  const left = new Map(journal);
  let isNews = false;
  for (const [name, those] of byInterface(steps)) {
    const entry = left.get(name);
    const struck = new Set(those.map(({ key }) => key));
    if (entry === undefined || !those.some(({ key }) => entry.records.has(key))) continue;
    const records = new Map([...entry.records].filter(([key]) => !struck.has(key)));
    const unplugged = new Set([...entry.unplugged].filter((key) => !struck.has(key)));
    const isEmpty = records.size + entry.main.size + entry.tap.size === 0;
    if (isEmpty) left.delete(name);
    else left.set(name, { ...entry, records, unplugged });
    isNews = true;
  }
  return isNews ? left : journal;
}

/** An interface is copied once, however many of its records are noted. */
function byInterface(steps: readonly RecordStep[]): ReadonlyMap<string, readonly RecordStep[]> {
  return Map.groupBy(steps, ({ subject }) => journalKey(subject));
}

function isPlugged(subject: Interface): boolean {
  return subject.kind !== "vif" || subject.whereabouts.at === "here";
}

const NOTHING: FormerFeatures = new Map();
const NO_RECORDS: JournalEntry["records"] = new Map();
const NO_KEYS: JournalEntry["unplugged"] = new Set();

/** What is noted of an interface before anything is. */
function emptyEntry(subject: Interface): JournalEntry {
  return {
    name:
      subject.kind === "vif" ? `VIF ${subject.vif.device} of ${subject.vm.name}` : nameOf(subject),
    kind: subject.kind === "bare" ? subject.as : subject.kind,
    main: NOTHING,
    tap: NOTHING,
    records: NO_RECORDS,
    unplugged: NO_KEYS,
  };
}

/**
 * One journal with what others tell of the same interfaces: of a VIF whose VM was on another host
 * when it was changed there. What the journal itself notes of a feature comes first.
 */
export function withForeign(own: Journal, foreign: Journal): Journal {
  const joined = new Map(own);
  for (const [key, theirs] of foreign) {
    const ours = joined.get(key);
    joined.set(
      key,
      ours === undefined
        ? theirs
        : {
            ...ours,
            main: new Map([...theirs.main, ...ours.main]),
            tap: new Map([...theirs.tap, ...ours.tap]),
            records: new Map([...theirs.records, ...ours.records]),
            unplugged: new Set([...theirs.unplugged, ...ours.unplugged]),
          },
    );
  }
  return joined;
}
