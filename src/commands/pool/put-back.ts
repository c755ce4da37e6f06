import { DEFAULT_KEYWORDS } from "../../offload/features.ts";
import { type Interface, uuidOf } from "../../offload/interface.ts";
import type { Inventory } from "../../offload/inventory.ts";
import type { Journal } from "../../offload/journal.ts";
import { KernelFeatures } from "../../offload/kernel-features.ts";
import { type Change, type LiveView, recordChanges } from "../../offload/plan.ts";
import { domainOf, notedElsewhere, shareOutNoted } from "../../offload/pool.ts";
import { EXIT, exitCodeOf, type Note, type Problem } from "../../offload/problem.ts";
import { type HostReport, type Report, reportOf } from "../../offload/report.ts";
import { planRestore } from "../../offload/restore.ts";
import { everyInterface } from "../../offload/targets.ts";
import { judge } from "../../offload/verdict.ts";
import { toWire, viewFromWire } from "../../plugin/interfaces.ts";
import { toDocument } from "../../state/journal-document.ts";
import type { PoolHost } from "../../xapi/pool.ts";
import { goneNote } from "../settlement.ts";
import { callHost, recordSteps } from "./call.ts";
import { goneFrom, type Noted } from "./notes.ts";
import type { Pool } from "./pool.ts";
import {
  goOneByOne,
  goRound,
  hostsSideBySide,
  type Share,
  type Turn,
  turnsOf,
  type Work,
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
  const now = request.rolling ? pool : await work.withRecordsOf(pool.hosts);
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
  await work.settle(turns, inventory ?? now.inventory);
  const rows = rowsOf("restore", turns, judged).map((row) => work.withRecordsTold(row));
  return poolReport("restore", pool, rows, { changing: true });
}

/** Nothing is known of any device: a plan made from it is about records alone. */
const NO_DEVICES: LiveView = {
  kernel: new KernelFeatures([]),
  existing: new Set(),
  observations: new Map(),
};

const NOTHING: Journal = new Map();

/** What was done on behalf of one host, besides what its kernel shows. */
interface Deeds {
  readonly changes: Change[];
  /** Of records, and of what is elsewhere: the host's own to tell of, wherever its VIFs are. */
  readonly own: Problem[];
  /** Of devices. */
  readonly live: Problem[];
  readonly notes: Note[];
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
  async withRecordsOf(hosts: readonly PoolHost[]): Promise<Pool> {
    const { session, inventory } = this.pool;
    for (const host of hosts) {
      const journal = this.#journalOf(host);
      const all = everyInterface({ ...inventory, host });
      const interfaces = [...journal.keys()].flatMap((key) => all.get(key) ?? []);
      const { records } = planRestore(journal, interfaces, NO_DEVICES, this.request);
      const { written, problems } = await recordSteps(records, session, this.isStopped);
      const deeds = this.#of(host);
      deeds.changes.push(...recordChanges(written, new Set()));
      deeds.own.push(...problems);
      const gone = goneFrom(journal, { ...inventory, host });
      deeds.notes.push(...gone.map((key) => goneNote(journal, key)));
    }
    const read = await session.inventory();
    return read.ok ? { ...this.pool, inventory: read.value } : this.pool;
  }

  /**
   * Has a host put back what is live, also of VIFs that other hosts have noted. Where one host comes
   * after the other, so do their records.
   */
  readonly live: Work = async (host, interfaces, first) => {
    const now = first && this.request.rolling ? await this.withRecordsOf([host]) : null;
    const asked =
      now === null
        ? interfaces
        : (this.share(now.inventory, now.home).get(host.uuid) ?? interfaces);
    const foreign = notedElsewhere(this.noted.journals, host, asked);
    const answer = await this.#restore(host, asked, foreign);
    if (!answer.ok) return answer;
    const { changes, problems, notes, strangers, view } = answer.value;
    const deeds = this.#of(host);
    deeds.changes.push(...changes);
    deeds.live.push(...problems);
    deeds.notes.push(...notes);
    return { ok: true, value: { view: viewFromWire(view), strangers } };
  };

  /** Has hosts strike out of their journals what was put back on another. */
  async settle(turns: readonly Turn[], inventory: Inventory): Promise<void> {
    const settled = new Map(turns.map((turn) => [turn.host.uuid, turn.settled]));
    const failed = new Set(
      [...this.#deeds.values()].flatMap(({ live }) => live.flatMap(({ uuid }) => uuid ?? [])),
    );
    await hostsSideBySide(turns, async ({ host, why }) => {
      if (why !== null) return;
      const all = everyInterface({ ...inventory, host });
      const interfaces = [...this.#journalOf(host).keys()].flatMap((key): Interface[] => {
        const subject = all.get(key);
        if (subject?.kind !== "vif" || subject.whereabouts.at !== "elsewhere") return [];
        const { vm } = subject;
        const domain = domainOf({ ...subject, whereabouts: { at: "here", domid: vm.domid } });
        const isDone = settled.get(vm.residentOn?.uuid ?? "")?.has(domain ?? "") === true;
        return isDone && !failed.has(key) ? [subject] : [];
      });
      if (interfaces.length === 0) return;
      const answer = await this.#restore(host, interfaces, NOTHING);
      if (answer.ok) {
        this.#of(host).own.push(...answer.value.problems);
        return;
      }
      const message = `its journal still notes VIFs that were put back elsewhere: ${answer.why.message}`;
      this.#of(host).own.push({ code: "state-failed", message });
    });
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

  /** A host that gave no answer to the rest has its records put back all the same. */
  withRecordsTold(row: HostReport): HostReport {
    const deeds = this.#deeds.get(row.uuid);
    if (row.report !== null || deeds === undefined || deeds.changes.length === 0) return row;
    const { uuid, name } = row;
    const exitCode = EXIT.partly;
    const { changes, own: problems, notes } = deeds;
    return {
      ...row,
      exitCode,
      message: `its records were put back, its features were not: ${row.message}`,
      report: reportOf("restore", { host: { uuid, name }, exitCode, changes, problems, notes }),
    };
  }

  #restore(host: PoolHost, interfaces: readonly Interface[], foreign: Journal) {
    const { session, patience: seconds, signal, inventory } = this.pool;
    const { force, wait } = this.request;
    const gone = [...goneFrom(this.#journalOf(host), { ...inventory, host })];
    const noted = toDocument(foreign);
    const asked = { ...toWire(interfaces, host), noted, gone, force, wait };
    return callHost(session, host, "restore", asked, { seconds, signal });
  }

  #journalOf({ uuid }: PoolHost): Journal {
    return this.noted.journals.get(uuid) ?? NOTHING;
  }

  #of({ uuid }: PoolHost): Deeds {
    const known = this.#deeds.get(uuid) ?? { changes: [], own: [], live: [], notes: [] };
    this.#deeds.set(uuid, known);
    return known;
  }
}
