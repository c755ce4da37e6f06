import { DEFAULT_KEYWORDS } from "../../offload/features.ts";
import { type Interface, uuidOf } from "../../offload/interface.ts";
import type { Inventory } from "../../offload/inventory.ts";
import { isNoted, type Journal } from "../../offload/journal.ts";
import { recordChanges } from "../../offload/plan.ts";
import { keeperOf, notedAnywhere, notedElsewhere, shareOutNoted } from "../../offload/pool.ts";
import { EXIT, exitCodeOf } from "../../offload/problem.ts";
import { problemAbout } from "../../offload/problem-about.ts";
import { type HostReport, type Report, reportOf } from "../../offload/report.ts";
import { planRestore } from "../../offload/restore.ts";
import type { Failure } from "../../offload/result.ts";
import { everyInterface } from "../../offload/targets.ts";
import { judge } from "../../offload/verdict.ts";
import { toWire, viewFromWire } from "../../plugin/interfaces.ts";
import { toDocument } from "../../state/journal-document.ts";
import type { NoAnswer, PoolHost } from "../../xapi/pool.ts";
import { goneNote } from "../settlement.ts";
import { callHost, recordSteps } from "./call.ts";
import { askJournal, goneFrom, interfacesNoted, type Noted } from "./notes.ts";
import {
  type Deeds,
  keptNoted,
  NO_DEVICES,
  putBackElsewhere,
  recordedAnew,
  rowWithRecords,
  stillNoted,
} from "./outcome.ts";
import type { Pool } from "./pool.ts";
import {
  goOneByOne,
  goRound,
  hostsSideBySide,
  type Share,
  type Turn,
  turnsOf,
  type Work,
  withoutLeaving,
} from "./rounds.ts";
import { type Evidence, poolReport, rowsOf } from "./verdict.ts";

/** How a pool is to be put back. */
export interface PutBackRequest {
  readonly force: boolean;
  /** Seconds that each host waits for another run there. */
  readonly wait: number;
  /** One host after the other. */
  readonly rolling: boolean;
}

/**
 * Puts back what the hosts of a pool have noted: the records first, so that a plug meanwhile finds the
 * former ones; then what is live, each VIF on the host on which its VM runs by now.
 */
export async function putBack(
  request: PutBackRequest,
  pool: Pool,
  noted: Noted,
  isStopped: () => boolean,
): Promise<Report> {
  const work = new PutBack(request, pool, noted, isStopped);
  const now = request.rolling ? pool : await work.withRecordsOf(pool.hosts, pool.inventory);
  const { share } = work;
  const turns = turnsOf(now, share);
  for (const turn of turns) turn.why = noted.why.get(turn.host.uuid) ?? turn.why;
  const course = { pool: now, work: work.live, isStopped, share };
  const judged = (turn: Turn, evidence: Evidence) => work.reportOf(turn, evidence);
  const isWell = (turn: Turn) =>
    rowsOf("restore", [turn], judged).every(({ exitCode }) => exitCode === EXIT.done);
  const { inventory } = request.rolling
    ? await goOneByOne(course, turns, isWell)
    : await goRound(course, turns);
  if (inventory !== null) {
    await work.settle(turns, inventory);
    await work.putBackAgain(turns, inventory);
  }
  work.tellWhatIsLeft(turns, inventory ?? now.inventory);
  const rows = rowsOf("restore", turns, judged).map((row) => work.withRecordsTold(row));
  return poolReport("restore", pool, rows, { changing: true });
}

const NOTHING: Journal = new Map();

/** Why a host was not asked: XAPI does not say how its records are. */
function unread(failures: readonly Failure[]): NoAnswer {
  const because = failures.map(({ message }) => message).join("; ");
  return { state: "failed", message: `nothing was touched there: ${because}`, advice: [] };
}

/** The calls of one run, and what they did. */
class PutBack {
  readonly #deeds = new Map<string, Deeds>();

  constructor(
    readonly request: PutBackRequest,
    readonly pool: Pool,
    readonly noted: Noted,
    readonly isStopped: () => boolean,
  ) {}

  readonly share: Share = (inventory) => shareOutNoted(this.noted.journals, inventory);

  /**
   * Puts back the records that the journals of these hosts tell of, wherever the VMs of their VIFs run.
   * Gives the pool as XAPI shows it afterwards.
   */
  async withRecordsOf(hosts: readonly PoolHost[], inventory: Inventory): Promise<Pool> {
    const { session } = this.pool;
    for (const host of hosts) {
      const journal = this.#journalOf(host);
      const all = everyInterface({ ...inventory, host });
      const interfaces = interfacesNoted(journal, all);
      const { records } = planRestore(journal, interfaces, NO_DEVICES, this.request);
      const own = records.filter(
        ({ subject, key }) => keeperOf(this.noted.journals, subject, key) === host.uuid,
      );
      const { written, problems } = await recordSteps(own, session, this.isStopped);
      const deeds = this.#of(host);
      deeds.changes.push(...recordChanges(written, new Set()));
      deeds.own.push(...problems);
      const gone = goneFrom(journal.keys(), all);
      deeds.notes.push(...gone.map((key) => goneNote(journal, key)));
    }
    const read = await session.inventory();
    return { ...this.pool, inventory: read.ok ? read.value : inventory };
  }

  /**
   * Has a host put back what is live, also of VIFs that other hosts have noted. Where one host comes
   * after the other, so do their records.
   */
  readonly live: Work = async (host, interfaces, first) => {
    let asked = interfaces;
    if (first && this.request.rolling) {
      // It may have been long since the hosts before it had their turn.
      const read = await this.pool.session.inventory();
      if (!read.ok) return { ok: false, why: unread(read.failures) };
      const now = await this.withRecordsOf([host], read.value);
      asked = this.share(now.inventory, now.home).get(host.uuid) ?? interfaces;
    }
    const deeds = this.#of(host);
    const { staying: all, leaving } = withoutLeaving(asked);
    const kept = keptNoted(this.#journalOf(host), all, this.request);
    deeds.notes.push(...kept.notes);
    const staying = all.filter((one) => !kept.uuids.has(uuidOf(one)));
    // What has moved since may have been struck out before, for it had no device.
    const foreign = (first ? notedElsewhere : notedAnywhere)(this.noted.journals, host, staying);
    const former = everyInterface({ ...this.pool.inventory, host });
    const gone = goneFrom(this.#journalOf(host).keys(), former);
    const answer = await this.#restore(host, staying, foreign, gone);
    if (!answer.ok) return answer;
    const { changes, problems, notes, strangers, view } = answer.value;
    const again = new Set(staying.map(uuidOf));
    deeds.changes.push(...changes);
    // Of what was asked about again the later answer holds.
    const others = deeds.live.filter(({ uuid }) => uuid === undefined || !again.has(uuid));
    deeds.live = [...others, ...problems];
    deeds.notes.push(...notes);
    return {
      ok: true,
      value: { view: viewFromWire(view), strangers: [...strangers, ...leaving] },
    };
  };

  /**
   * Has hosts strike out of their journals what is no longer theirs to put back: VIFs that were put
   * back on another host, have no device any more or do not exist any more.
   */
  async settle(turns: readonly Turn[], inventory: Inventory): Promise<void> {
    const isElsewhere = putBackElsewhere(turns, this.#deeds);
    await hostsSideBySide(turns, async ({ host, why }) => {
      if (why !== null) return;
      const deeds = this.#of(host);
      const told = new Set([...deeds.own, ...deeds.live].map(({ uuid }) => uuid));
      const left = deeds.left.filter((key) => !told.has(key));
      const all = everyInterface({ ...inventory, host });
      const interfaces = left.flatMap((key): Interface[] => {
        const subject = all.get(key);
        if (subject?.kind !== "vif") return [];
        const isOver = subject.whereabouts.at === "nowhere" || isElsewhere(subject);
        return isOver ? [subject] : [];
      });
      const gone = goneFrom(left, all);
      if (interfaces.length + gone.length === 0) return;
      const answer = await this.#restore(host, interfaces, NOTHING, gone);
      if (answer.ok) {
        deeds.own.push(...answer.value.problems);
        return;
      }
      const message = `its journal still notes VIFs that were put back elsewhere: ${answer.why.message}`;
      deeds.own.push({ code: "state-failed", message });
      deeds.left = [];
    });
  }

  /**
   * Puts back what somebody has recorded while this ran, unless the host has noted it anew: it would be
   * nobody's to put back any more.
   */
  async putBackAgain(turns: readonly Turn[], inventory: Inventory): Promise<void> {
    const { session } = this.pool;
    await hostsSideBySide(turns, async ({ host, why }) => {
      if (why !== null) return;
      const deeds = this.#of(host);
      const { records, conflicts } = recordedAnew(host, deeds, this.noted.journals, inventory);
      if (records.length + conflicts.length === 0) return;
      const journal = await askJournal(this.pool, host);
      const unnoted = records.filter((one) => journal.ok && !isNoted(journal.value, one));
      const { written, problems } = await recordSteps(unnoted, session, this.isStopped);
      deeds.changes.push(...recordChanges(written, new Set()));
      deeds.own.push(...problems);
      for (const { subject, key } of [...records, ...conflicts]) {
        const again = written.some((one) => one.subject === subject && one.key === key);
        const then = again ? "; it was put back again" : "";
        const says = `${key} was put back, and somebody has recorded it anew while this ran${then}`;
        deeds.own.push(problemAbout("conflict", subject, says));
      }
    });
  }

  /** Tells of what hosts have still noted, although nobody has said why. */
  tellWhatIsLeft(turns: readonly Turn[], inventory: Inventory): void {
    const isElsewhere = putBackElsewhere(turns, this.#deeds);
    for (const turn of turns) {
      if (turn.why !== null) continue;
      const deeds = this.#of(turn.host);
      deeds.own.push(...stillNoted(turn, deeds, inventory, isElsewhere));
    }
  }

  /** A host that gave no answer to the rest has had its records put back all the same. */
  withRecordsTold(row: HostReport): HostReport {
    const deeds = this.#deeds.get(row.uuid);
    return deeds === undefined ? row : rowWithRecords(row, deeds);
  }

  /** The report of one host, as `restore` would give it there. */
  reportOf({ host }: Turn, { interfaces, view, problems }: Evidence): Report {
    const deeds = this.#of(host);
    const mine = new Set(interfaces.map(uuidOf));
    // What became of a VIF is told by the host that has it now.
    const told = deeds.live.filter(({ uuid }) => uuid === undefined || mine.has(uuid));
    const all = [...deeds.own, ...told, ...problems];
    const { devices } = judge(interfaces, view, { keywords: DEFAULT_KEYWORDS, records: true });
    return reportOf("restore", {
      host: { uuid: host.uuid, name: host.name },
      exitCode: exitCodeOf(all, { strict: false, changing: true }),
      devices,
      changes: deeds.changes,
      problems: all,
      // A host that was called twice has said the same twice.
      notes: [...new Map(deeds.notes.map((note) => [note.message, note])).values()],
    });
  }

  async #restore(
    host: PoolHost,
    interfaces: readonly Interface[],
    foreign: Journal,
    gone: readonly string[],
  ) {
    const { force, wait } = this.request;
    const noted = toDocument(foreign);
    const asked = { ...toWire(interfaces, host), noted, gone: [...gone], force, wait };
    const answer = await callHost(this.pool, host, "restore", asked);
    if (answer.ok) this.#of(host).left = answer.value.left;
    return answer;
  }

  #journalOf({ uuid }: PoolHost): Journal {
    return this.noted.journals.get(uuid) ?? NOTHING;
  }

  #of({ uuid }: PoolHost): Deeds {
    const known = this.#deeds.get(uuid) ?? {
      changes: [],
      own: [],
      live: [],
      notes: [],
      left: [],
    };
    this.#deeds.set(uuid, known);
    return known;
  }
}
