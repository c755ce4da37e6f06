import { type Interface, uuidOf, type VifInterface } from "../../offload/interface.ts";
import type { Inventory } from "../../offload/inventory.ts";
import type { Journal } from "../../offload/journal.ts";
import { KernelFeatures } from "../../offload/kernel-features.ts";
import type { Change, LiveView } from "../../offload/plan.ts";
import { domainOf, type HostState, keeperOf } from "../../offload/pool.ts";
import { EXIT, type Note, type Problem } from "../../offload/problem.ts";
import { type HostReport, reportOf } from "../../offload/report.ts";
import { type Conflict, planRestore, type RestorePlan } from "../../offload/restore.ts";
import { everyInterface } from "../../offload/targets.ts";
import { counted } from "../../offload/wording.ts";
import type { PoolHost } from "../../xapi/pool.ts";
import { interfacesNoted } from "./notes.ts";
import { type Turn, unsettled } from "./rounds.ts";

/** What putting back has done on behalf of one host, besides what its kernel shows. */
export interface Deeds {
  readonly changes: Change[];
  /** Of records, and of what is elsewhere: the host's own to tell of, wherever its VIFs are. */
  readonly own: Problem[];
  /** Of devices. */
  live: readonly Problem[];
  readonly notes: Note[];
  /** Keys that its journal still held when it answered last. */
  left: readonly string[];
}

/** Nothing is known of any device: a plan made from it is about records alone. */
export const NO_DEVICES: LiveView = {
  kernel: new KernelFeatures([]),
  existing: new Set(),
  observations: new Map(),
};

/**
 * The VIFs of a journal that run where nobody has answered, by UUID: they stay noted, for another run
 * to put back; and the notes that say so.
 */
export function keptNoted(
  journal: Journal,
  interfaces: readonly Interface[],
  request: { readonly force: boolean },
): { readonly uuids: ReadonlySet<string | null>; readonly notes: readonly Note[] } {
  const outOfReach = new Map(
    planRestore(journal, interfaces, NO_DEVICES, request).notes.map((note) => [note.uuid, note]),
  );
  const kept = interfaces.flatMap((one) => {
    const note = outOfReach.get(uuidOf(one) ?? undefined);
    const isElsewhere = one.kind === "vif" && one.whereabouts.at === "elsewhere";
    return isElsewhere && note !== undefined ? [note] : [];
  });
  return { uuids: new Set(kept.map(({ uuid }) => uuid ?? null)), notes: kept };
}

/** Whether a VIF that is elsewhere has been put back on the host that has it now. */
export function putBackElsewhere(
  turns: readonly Turn[],
  deeds: ReadonlyMap<string, Deeds>,
): (subject: VifInterface) => boolean {
  const settled = new Map(turns.map((turn) => [turn.host.uuid, turn.settled]));
  return ({ vif, vm, whereabouts }) => {
    const runsOn = vm.residentOn?.uuid;
    if (whereabouts.at !== "elsewhere" || runsOn === undefined) return false;
    const there = { at: "here", domid: vm.domid } as const;
    const domain = domainOf({ kind: "vif", vif, vm, whereabouts: there });
    const isFailed = deeds.get(runsOn)?.live.some(({ uuid }) => uuid === vif.uuid) === true;
    return settled.get(runsOn)?.has(domain ?? "") === true && !isFailed;
  };
}

/**
 * What a host has still noted, and nobody has said why: it was changed while this ran, or could not be
 * seen to be as it was.
 */
export function stillNoted(
  turn: Turn,
  { own, live, left }: Deeds,
  inventory: Inventory,
  isPutBack: (subject: VifInterface) => boolean,
): readonly Problem[] {
  const problems = [...own, ...live];
  const moving = unsettled(turn).map(uuidOf);
  const told = new Set([...moving, ...problems.map(({ uuid }) => uuid)]);
  const devices = new Set(problems.map(({ device }) => `device:${device}`));
  const all = everyInterface({ ...inventory, host: turn.host });
  const untold = left.filter((key) => {
    const subject = all.get(key);
    // The host that it runs on tells why it is not put back.
    const isTheirs =
      subject?.kind === "vif" && subject.whereabouts.at === "elsewhere" && !isPutBack(subject);
    return !told.has(key) && !devices.has(key) && !isTheirs;
  });
  if (untold.length === 0) return [];
  const message = `its journal still notes ${counted(untold.length, "interface")}, changed while this ran or not known to be as before; run this again`;
  return [{ code: "state-failed", message }];
}

/** Records that were put back, and that XAPI shows otherwise at the end. */
export function recordedAnew(
  host: PoolHost,
  { own, left }: Deeds,
  journals: ReadonlyMap<string, Journal>,
  inventory: Inventory,
): Pick<RestorePlan, "records" | "conflicts"> {
  const told = new Set([...left, ...own.map(({ uuid }) => uuid)]);
  const journal: Journal = journals.get(host.uuid) ?? new Map();
  const all = everyInterface({ ...inventory, host });
  const interfaces = interfacesNoted(journal, all);
  const { records, conflicts } = planRestore(journal, interfaces, NO_DEVICES, { force: false });
  const isUntold = ({ subject, key }: Pick<Conflict, "subject" | "key">) =>
    !told.has(uuidOf(subject) ?? "") && keeperOf(journals, subject, key) === host.uuid;
  return { records: records.filter(isUntold), conflicts: conflicts.filter(isUntold) };
}

/** Hosts of which it is not known what they have done, or are still doing. */
const MAY_BE_AT_WORK: ReadonlySet<HostState> = new Set(["failed", "unreachable"]);

/** The row of a host that gave no answer: its records may have been put back all the same. */
export function rowWithRecords(row: HostReport, { changes, own, notes }: Deeds): HostReport {
  if (row.report !== null || changes.length + own.length === 0) return row;
  const { uuid, name, state } = row;
  const exitCode = EXIT.partly;
  const few = changes.length === 0 ? "not put back" : "put back in part";
  const records = `its records were ${own.length === 0 ? "put back" : few}`;
  const features = MAY_BE_AT_WORK.has(state)
    ? "of its features nothing is known"
    : "its features were not";
  return {
    ...row,
    exitCode,
    message: `${records}; ${features}: ${row.message}`,
    report: reportOf("restore", { host: { uuid, name }, exitCode, changes, problems: own, notes }),
  };
}
