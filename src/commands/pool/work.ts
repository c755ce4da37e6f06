import { disableReport } from "../../offload/disable.ts";
import type { Keyword } from "../../offload/features.ts";
import { type Interface, uuidOf } from "../../offload/interface.ts";
import { isNoted } from "../../offload/journal.ts";
import { type Change, planRecords, type RecordStep, recordChanges } from "../../offload/plan.ts";
import type { Problem } from "../../offload/problem.ts";
import { unreadRecords } from "../../offload/record-half.ts";
import type { Report } from "../../offload/report.ts";
import { counted } from "../../offload/wording.ts";
import { toWire, viewFromWire } from "../../plugin/interfaces.ts";
import type { Asked, HostAnswer, PoolHost } from "../../xapi/pool.ts";
import { callHost, recordSteps } from "./call.ts";
import { askJournal } from "./notes.ts";
import type { Pool } from "./pool.ts";
import { type Shown, type Turn, type Work, withoutLeaving } from "./rounds.ts";
import type { Evidence } from "./verdict.ts";

/** What is to be turned off, and how. */
export interface WorkRequest {
  readonly keywords: readonly Keyword[];
  readonly record: boolean;
  /** Seconds that each host waits for another run there. */
  readonly wait: number;
}

/** What was done on behalf of one host, besides what its kernel shows. */
interface Deeds {
  readonly changes: Change[];
  problems: readonly Problem[];
}

/** The calls of one run, and what they did. */
export class PoolWork {
  readonly #deeds = new Map<string, Deeds>();
  /** XAPI writes one record after the other anyway: so do the hosts' shares of them. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(
    readonly request: WorkRequest,
    readonly pool: Pool,
    readonly isStopped: () => boolean,
  ) {}

  /** The deadline of the trial that was begun on each host, by its UUID. */
  readonly trials = new Map<string, number>();

  /**
   * Has a host turn off what is live, then records what that host shows to be off. `trial`: what the
   * first call of each host does about one; during one nothing is recorded.
   */
  on(trial: (host: PoolHost) => Asked<"disable">["trial"]): Work {
    return (host, interfaces, first) =>
      this.#disable(host, interfaces, first, first ? trial(host) : null);
  }

  async #disable(
    host: PoolHost,
    all: readonly Interface[],
    first: boolean,
    trial: Asked<"disable">["trial"],
  ): Promise<HostAnswer<Shown>> {
    const { staying: interfaces, leaving } = withoutLeaving(all);
    const { keywords, record, wait } = this.request;
    const answer = await callHost(this.pool, host, "disable", {
      ...toWire(interfaces, host),
      keywords: [...keywords],
      record,
      wholeHost: first,
      trial,
      wait,
    });
    if (!answer.ok) return answer;
    const { changes, problems, strangers, noted } = answer.value;
    const view = viewFromWire(answer.value.view);
    const deeds = this.#of(host);
    deeds.changes.push(...changes);
    // Of what is asked about again, because its VM has moved or restarted, the later answer holds.
    const again = new Set(interfaces.map(uuidOf));
    const others = deeds.problems.filter(({ uuid }) => uuid === undefined || !again.has(uuid));
    deeds.problems = [...others, ...problems];
    const strange = new Set(strangers.map(({ vm }) => vm));
    const own = interfaces.filter((one) => one.kind !== "vif" || !strange.has(one.vm.uuid));
    const shown: Shown = { view, strangers };
    const begun = answer.value.trial;
    if (begun !== null) this.trials.set(host.uuid, begun);
    if (record && noted && begun === null) {
      const written = await this.#inTurn(() => this.#record(host, own, shown, deeds));
      if (written.length > 0) await this.#proveNoted(host, written, deeds);
    }
    return { ok: true, value: { view, strangers: [...strangers, ...leaving] } };
  }

  /** The report of one host, as `disable` would give it there. */
  reportOf({ host }: Turn, { interfaces, view, problems }: Evidence, reread: boolean): Report {
    const { keywords, record } = this.request;
    const deeds = this.#of(host);
    const mine = new Set(interfaces.map(uuidOf));
    // What became of a VIF is told by the host that has it now.
    const told = deeds.problems.filter(({ uuid }) => uuid === undefined || mine.has(uuid));
    const unread = record && !reread ? [unreadRecords("XAPI could not be asked again")] : [];
    return disableReport(
      "disable",
      {
        interfaces,
        after: view,
        changes: deeds.changes,
        problems: [...told, ...problems, ...unread],
        recordsKnown: reread,
      },
      { host: { uuid: host.uuid, name: host.name }, keywords, record, notes: [] },
    );
  }

  async #record(
    host: PoolHost,
    interfaces: readonly Interface[],
    { view }: Shown,
    deeds: Deeds,
  ): Promise<readonly RecordStep[]> {
    const { session } = this.pool;
    const steps = planRecords(interfaces, this.request.keywords, view);
    const { written, refused, problems } = await recordSteps(steps, session, this.isStopped);
    deeds.changes.push(...recordChanges(written, view.existing));
    deeds.problems = [...deeds.problems, ...problems];
    const theirs = refused.filter(({ from }) => from === null);
    if (theirs.length === 0) return written;
    const subjects = [...new Set(theirs.map(({ subject }) => subject))];
    const keys = theirs.map(({ subject, keyword, key }) => ({
      uuid: uuidOf(subject) ?? "",
      keyword,
      key,
    }));
    const asked = { ...toWire(subjects, host), keys, wait: this.request.wait };
    const struck = await callHost(this.pool, host, "strike", asked);
    if (struck.ok) return written;
    const message = `its journal still notes records that were not written: ${struck.why.message}`;
    deeds.problems = [...deeds.problems, { code: "state-failed", message }];
    return written;
  }

  /**
   * The host is free for others between its part and the writing of its records: where somebody has put
   * it back meanwhile, nothing would tell what to make of records that were written after that.
   */
  async #proveNoted(host: PoolHost, written: readonly RecordStep[], deeds: Deeds): Promise<void> {
    if (this.isStopped()) return;
    const { session } = this.pool;
    const journal = await askJournal(this.pool, host);
    const tell = (message: string) => {
      deeds.problems = [...deeds.problems, { code: "state-failed", message }];
    };
    if (!journal.ok) {
      tell(`whether its journal notes what was recorded is not known: ${journal.why.message}`);
      return;
    }
    const unnoted = written.filter((one) => !isNoted(journal.value, one));
    if (unnoted.length === 0) return;
    const back = unnoted.map((step): RecordStep => ({ ...step, from: step.to, to: step.from }));
    const undone = await this.#inTurn(() => recordSteps(back, session, this.isStopped));
    deeds.changes.push(...recordChanges(undone.written, new Set()));
    deeds.problems = [...deeds.problems, ...undone.problems];
    const count = counted(undone.written.length, "record");
    tell(`somebody has put it back while this ran, and so ${count} were put back; run this again`);
  }

  #of({ uuid }: PoolHost): Deeds {
    const known = this.#deeds.get(uuid) ?? { changes: [], problems: [] };
    this.#deeds.set(uuid, known);
    return known;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => undefined);
    return turn;
  }
}
