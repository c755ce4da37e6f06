import type { Interface } from "../../offload/interface.ts";
import type { Host, Inventory } from "../../offload/inventory.ts";
import type { LiveView } from "../../offload/plan.ts";
import { domainOf, shareOut } from "../../offload/pool.ts";
import { quoted } from "../../offload/wording.ts";
import type { HostAnswer, NoAnswer, PoolHost } from "../../xapi/pool.ts";
import { sideBySide } from "../../xapi/side-by-side.ts";
import type { Pool } from "./pool.ts";

/** How many hosts are at work at a time: each takes a thread of the coordinator's and a connection. */
const SIDE_BY_SIDE = 16;

/** How often VMs are looked for that have moved meanwhile. */
const ROUNDS = 3;

/** How long a VM that is on its way is given to arrive, in milliseconds. */
const ARRIVAL = 1000;

/** What a host showed of the interfaces that it was asked about. */
export interface Shown {
  readonly view: LiveView;
  readonly strangers: readonly { readonly vm: string; readonly because: string }[];
}

/** One host, and what has come of it so far. */
export interface Turn {
  readonly host: PoolHost;
  /** Why nothing more is to be expected of it; null while it answers. */
  why: NoAnswer | null;
  /** What its kernel has shown, over all calls. */
  view: LiveView | null;
  /** VMs that the records give it and that it does not have, with the reason. */
  strangers: ReadonlyMap<string, string>;
  /** VIFs with their domains, and NICs, that it has seen to. */
  readonly settled: Set<string>;
  /** What it is answerable for, by the latest reading of XAPI. */
  interfaces: readonly Interface[];
}

/** What every host of a pool came to. */
export interface Rounds {
  readonly turns: readonly Turn[];
  /** What XAPI said after the last change; null where it could not be asked again. */
  readonly inventory: Inventory | null;
}

/** One call to one host, about these of its interfaces. */
export type Work = (
  host: PoolHost,
  interfaces: readonly Interface[],
  first: boolean,
) => Promise<HostAnswer<Shown>>;

/** What each host has to see to, by its UUID. `home`: the host that the command was given on. */
export type Share = (inventory: Inventory, home: Host) => ReadonlyMap<string, readonly Interface[]>;

/** How a pool is gone through. */
export interface Course {
  readonly pool: Pool;
  readonly work: Work;
  readonly isStopped: () => boolean;
  /** Every NIC and VIF unless given. */
  readonly share?: Share;
}

/** The hosts of a pool before anything has been asked of them. */
export function turnsOf(pool: Pool, share: Share = shareOut): readonly Turn[] {
  const shares = share(pool.inventory, pool.home);
  return pool.hosts.map((host) => ({
    host,
    why: host.enabled ? null : DISABLED,
    view: null,
    strangers: new Map(),
    settled: new Set(),
    interfaces: shares.get(host.uuid) ?? [],
  }));
}

/** Why nothing is asked of a host that is disabled. */
export const DISABLED: NoAnswer = {
  state: "disabled",
  message: "it is in maintenance mode, or not up yet; enable it and run this again",
  advice: [],
};

/**
 * Lets these hosts do their work side by side, the failure of one no matter to the others, and then
 * looks again: a VM that was on the move, or was started, is seen to on the host that has it now.
 */
export async function goRound(course: Course, turns: readonly Turn[]): Promise<Rounds> {
  await goOnce(course, turns);
  return await lookAgain(course, turns);
}

/** Lets these hosts do their work side by side, and does not look for what moves meanwhile. */
export async function goOnce(
  course: Pick<Course, "work" | "isStopped">,
  turns: readonly Turn[],
): Promise<void> {
  await hostsSideBySide(turns, (turn) => attend(turn, turn.interfaces, true, course));
}

/**
 * The same, one host after the other and the one that this runs on last, for it is the one to tell
 * how it went. After the first of which `isWell` is not true the others are left alone.
 */
export async function goOneByOne(
  course: Course,
  turns: readonly Turn[],
  isWell: (turn: Turn, rounds: Rounds) => boolean,
): Promise<Rounds> {
  const ordered = homeLast(course.pool, turns, ({ host }) => host);
  let failed: string | null = null;
  for (const turn of ordered) {
    // Of what is in maintenance mode it is known beforehand that nothing is done there.
    if (turn.why !== null) continue;
    if (course.isStopped()) turn.why = NOT_ATTEMPTED;
    else if (failed !== null) turn.why = leftAlone(failed);
    if (turn.why !== null) continue;
    const rounds = await goRound(course, [turn]);
    if (!isWell(turn, rounds)) failed = turn.host.name;
  }
  return await lookAgain(course, turns);
}

/** One after the other, the host that this runs on last: it is the one to tell how it went. */
export function homeLast<T>(
  { home }: Pool,
  items: readonly T[],
  hostOf: (item: T) => PoolHost,
): readonly T[] {
  const isHome = (item: T) => Number(hostOf(item).uuid === home.uuid);
  return items.toSorted((a, b) => isHome(a) - isHome(b));
}

/** Why nothing was asked of a host whose turn came after that of one that is not well. */
export function leftAlone(failed: string): NoAnswer {
  const message = `left alone, for ${quoted(failed)} before it is not as it should be`;
  return { state: "not-attempted", message, advice: [] };
}

/** Sees to what has moved, until nothing has; then to what XAPI says of it all. */
async function lookAgain(course: Course, turns: readonly Turn[]): Promise<Rounds> {
  for (let round = 0; ; round += 1) {
    const inventory = course.isStopped() ? null : await reread(course, turns);
    const late = turns.filter((turn) => turn.why === null && unsettled(turn).length > 0);
    if (inventory === null || late.length === 0 || round === ROUNDS) return { turns, inventory };
    if (round > 0) await Bun.sleep(ARRIVAL);
    await hostsSideBySide(late, (turn) => attend(turn, unsettled(turn), false, course));
  }
}

/** What of a host's interfaces nobody has seen to yet: they were on no host, or on another. */
export function unsettled({ interfaces, settled }: Turn): readonly Interface[] {
  return interfaces.filter((one) => {
    const domain = domainOf(one);
    return domain !== null && !settled.has(domain);
  });
}

async function attend(
  turn: Turn,
  interfaces: readonly Interface[],
  first: boolean,
  { work, isStopped }: Pick<Course, "work" | "isStopped">,
): Promise<void> {
  if (turn.why !== null) return;
  if (isStopped()) {
    if (first) turn.why = NOT_ATTEMPTED;
    return;
  }
  const answer = await work(turn.host, interfaces, first);
  if (!answer.ok) {
    turn.why = answer.why;
    return;
  }
  const { view, strangers } = answer.value;
  turn.view =
    turn.view === null
      ? view
      : { ...view, observations: new Map([...turn.view.observations, ...view.observations]) };
  turn.strangers = new Map(strangers.map(({ vm, because }) => [vm, because]));
  for (const one of interfaces) {
    const domain = domainOf(one);
    if (domain === null || (one.kind === "vif" && turn.strangers.has(one.vm.uuid))) continue;
    turn.settled.add(domain);
  }
}

/** Why nothing was asked of a host once a signal had come. */
export const NOT_ATTEMPTED: NoAnswer = {
  state: "not-attempted",
  message: "interrupted before its turn; nothing was touched there",
  advice: [],
};

/**
 * Leaves out VIFs of VMs that are on their way: what is done to a device that is about to go is lost, and
 * the new one comes up by the records as xenopsd had them at the start (xenops_server.ml VM_migrate).
 */
export function withoutLeaving(interfaces: readonly Interface[]): {
  readonly staying: readonly Interface[];
  readonly leaving: Shown["strangers"];
} {
  const leaving = interfaces.filter(
    (one) => one.kind === "vif" && one.vm.isMigrating && one.whereabouts.at === "here",
  );
  const gone = new Set(leaving);
  const vms = new Set(leaving.flatMap((one) => (one.kind === "vif" ? [one.vm.uuid] : [])));
  return {
    staying: interfaces.filter((one) => !gone.has(one)),
    leaving: [...vms].map((vm) => ({ vm, because: "it is migrating" })),
  };
}

/** Reads XAPI again, and gives each host what is its own by now. */
async function reread(
  { pool, share = shareOut }: Course,
  turns: readonly Turn[],
): Promise<Inventory | null> {
  const read = await pool.session.inventory();
  if (!read.ok) return null;
  const shares = share(read.value, pool.home);
  for (const turn of turns) turn.interfaces = shares.get(turn.host.uuid) ?? turn.interfaces;
  return read.value;
}

/** Does work for several hosts at a time, and never for more than the coordinator bears. */
export function hostsSideBySide<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  return sideBySide(items, work, SIDE_BY_SIDE);
}
