import { KEYWORDS, recordKey } from "./features.ts";
import { devicesOf, type Interface } from "./interface.ts";
import { type FormerFeatures, type Journal, type JournalEntry, journalKey } from "./journal.ts";
import type { FeatureWish, KernelFeatures } from "./kernel-features.ts";
import { type Change, type LiveView, liveChanges, type RecordStep } from "./plan.ts";
import type { Kernel, Toolstack } from "./ports.ts";
import type { Note, Problem } from "./problem.ts";
import { problemAbout } from "./problem-about.ts";
import { writeRecords } from "./record-half.ts";
import { meaningOf, otherConfigOf } from "./records.ts";

/** One write that asks a device for its former features again. */
export interface WishStep {
  readonly subject: Interface;
  readonly device: string;
  /** What was requested before, by the kernel's names. */
  readonly former: ReadonlyMap<string, boolean>;
  readonly wish: FeatureWish;
}

/** A record that somebody else has changed since: neither what was there before nor what we wrote. */
export interface Conflict {
  readonly subject: Interface;
  readonly key: string;
  readonly former: string | null;
  readonly now: string | null;
}

/** What putting back comes to. */
export interface RestorePlan {
  readonly interfaces: readonly Interface[];
  readonly before: LiveView;
  readonly live: readonly WishStep[];
  readonly records: readonly RecordStep[];
  readonly conflicts: readonly Conflict[];
  readonly notes: readonly Note[];
  /** Devices whose features are noted and cannot be read now. */
  readonly unread: readonly Problem[];
}

/** What putting back did. */
export interface Restored {
  readonly after: LiveView;
  readonly interfaces: readonly Interface[];
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  readonly recordsKnown: boolean;
}

/**
 * Plans how to put back what was there. A record is put back only where it still says what this
 * program wrote; with `force` in any case. A feature of a device is asked for again if it was asked
 * for before, on whatever device the interface has now: after a restart of its VM too, for there
 * our records have turned it off.
 */
export function planRestore(
  journal: Journal,
  interfaces: readonly Interface[],
  before: LiveView,
  options: { readonly force: boolean },
): RestorePlan {
  const live: WishStep[] = [];
  const records: RecordStep[] = [];
  const conflicts: Conflict[] = [];
  const notes: Note[] = [];
  const unread: Problem[] = [];
  for (const subject of interfaces) {
    const entry = journal.get(journalKey(subject));
    if (entry === undefined) continue;
    live.push(...wishesFor(subject, entry, before));
    unread.push(...unreadable(subject, entry, before));
    notes.push(...outOfReach(subject, entry));
    for (const [key, former] of entry.records) {
      const now = otherConfigOf(subject)?.get(key) ?? null;
      const keyword = KEYWORDS.find((word) => recordKey("pif", word) === key);
      if (now === former || keyword === undefined || subject.kind === "bare") continue;
      if (now === "off" || now === null || options.force) {
        records.push({ subject, keyword, key, from: now, to: former });
      } else {
        conflicts.push({ subject, key, former, now });
      }
    }
  }
  return { interfaces, before, live, records, conflicts, notes, unread };
}

const NOTHING_LIVE: Pick<JournalEntry, "main" | "tap" | "unplugged"> = {
  main: new Map(),
  tap: new Map(),
  unplugged: new Set(),
};

/** The journal without what is as it was: conflicts and failures stay, for another try. */
export function settle(
  journal: Journal,
  { interfaces, conflicts }: RestorePlan,
  { after, problems, interfaces: readBack, recordsKnown }: Restored,
): Journal {
  const left = new Map(journal);
  const failed = new Set(problems.flatMap(({ uuid }) => (uuid === undefined ? [] : [uuid])));
  const contested = new Set(conflicts.map(({ subject }) => journalKey(subject)));
  const now = new Map(readBack.map((subject) => [journalKey(subject), subject]));
  for (const subject of interfaces) {
    const key = journalKey(subject);
    const entry = left.get(key);
    if (entry === undefined || !recordsKnown || failed.has(key)) continue;
    const records = [...entry.records].filter(([name, former]) => {
      const value = otherConfigOf(now.get(key) ?? subject)?.get(name) ?? null;
      return contested.has(key) && value !== former;
    });
    const unsettled = wishesFor(subject, entry, after).length > 0;
    if (records.length === 0 && !unsettled) left.delete(key);
    else {
      const features = unsettled ? {} : NOTHING_LIVE;
      left.set(key, { ...entry, ...features, records: new Map(records) });
    }
  }
  return left;
}

/** Carries out a plan to put back: records first, so that a plug meanwhile finds the former ones. */
export async function carryBack(
  plan: RestorePlan,
  kernel: Kernel,
  toolstack: Toolstack | null,
  isStopped: () => boolean,
): Promise<Restored> {
  const problems: Problem[] = [...plan.conflicts.map(conflictProblem), ...plan.unread];
  const unwritten = { interfaces: plan.interfaces, changes: [], recordsKnown: true };
  const written =
    toolstack === null || plan.records.length === 0
      ? unwritten
      : await writeRecords(
          plan.interfaces,
          plan.records,
          plan.before,
          toolstack,
          problems,
          isStopped,
        );
  for (const { subject, device, wish } of plan.live) {
    if (isStopped()) {
      const says = "interrupted before it was put back";
      problems.push(problemAbout("interrupted", subject, says, device));
      continue;
    }
    const outcome = kernel.request(device, wish);
    if (outcome.done) continue;
    const code = outcome.gone ? "device-vanished" : "write-failed";
    problems.push(problemAbout(code, subject, `not put back: ${outcome.because}`, device));
  }
  const after = kernel.observeAgain(
    plan.before,
    plan.live.map(({ device }) => device),
  );
  for (const { subject, device, former } of plan.live) {
    if (problems.some((one) => one.device === device)) continue;
    const seen = after.observations.get(device);
    if (seen?.state === "missing") continue;
    if (seen?.state === "read" && after.kernel.wish(seen.features, former).isEmpty) continue;
    const because = seen?.state === "read" ? "the driver did not follow" : "it could not be read";
    problems.push(problemAbout("write-failed", subject, `not put back: ${because}`, device));
  }
  const live = liveChanges(plan.interfaces, KEYWORDS, plan.before, after);
  return {
    after,
    interfaces: written.interfaces,
    changes: [...live, ...written.changes],
    problems,
    recordsKnown: written.recordsKnown,
  };
}

function wishesFor(subject: Interface, entry: JournalEntry, view: LiveView): readonly WishStep[] {
  return devicesOf(subject, view.existing).flatMap(({ name, main }): WishStep[] => {
    const observation = view.observations.get(name);
    if (observation?.state !== "read") return [];
    const former = main ? formerOf(entry, view.kernel) : requestsOf(entry.tap);
    const wish = view.kernel.wish(observation.features, former);
    return wish.isEmpty ? [] : [{ subject, device: name, former, wish }];
  });
}

/**
 * Former requests of the interface's own device: those that were noted, and all of a feature that
 * our record has turned off when the device was plugged.
 */
function formerOf(entry: JournalEntry, kernel: KernelFeatures): ReadonlyMap<string, boolean> {
  const former = new Map(requestsOf(entry.main));
  for (const keyword of KEYWORDS) {
    const key = recordKey("vif", keyword);
    if (key === null || !entry.unplugged.has(key)) continue;
    if (meaningOf(entry.records.get(key) ?? undefined) === "off") continue;
    for (const [name] of kernel.named(kernel.bitsOf([keyword]))) {
      if (!former.has(name)) former.set(name, true);
    }
  }
  return former;
}

/** Former requests by the kernel's names. */
function requestsOf(former: FormerFeatures): ReadonlyMap<string, boolean> {
  return new Map([...former].map(([name, { requested }]) => [name, requested]));
}

function unreadable(subject: Interface, entry: JournalEntry, view: LiveView): readonly Problem[] {
  return devicesOf(subject, view.existing).flatMap(({ name, main }): Problem[] => {
    const observation = view.observations.get(name);
    const noted = main ? entry.main.size + entry.unplugged.size : entry.tap.size;
    if (noted === 0 || !view.existing.has(name)) return [];
    if (observation?.state === "read") return [];
    const because = observation?.state === "unreadable" ? `: ${observation.because}` : "";
    const says = `not put back, for it could not be read${because}`;
    return [problemAbout("device-unreadable", subject, says, name)];
  });
}

function outOfReach(subject: Interface, entry: JournalEntry): readonly Note[] {
  if (subject.kind !== "vif" || subject.whereabouts.at === "here") return [];
  // What was recorded while it had no device has turned off the one that it has elsewhere now.
  const turnedOff = subject.whereabouts.at === "elsewhere" ? entry.unplugged.size : 0;
  if (entry.main.size + turnedOff === 0) return [];
  const where =
    subject.whereabouts.at === "elsewhere"
      ? `its VM runs on ${subject.whereabouts.host} now`
      : subject.whereabouts.because;
  const message = `${entry.name}: only its records are put back, for ${where}; its features follow at the next start`;
  return [{ code: "takes-effect-later", message, uuid: subject.vif.uuid }];
}

function conflictProblem({ subject, key, former, now }: Conflict): Problem {
  const value = (one: string | null) => (one === null ? "absent" : JSON.stringify(one));
  const says = `${key} was ${value(former)} before, and somebody has made it ${value(now)} since; --force puts it back`;
  return problemAbout("conflict", subject, says);
}
