import { byHand } from "../../offload/by-hand.ts";
import { disableReport, forecast, planDisable } from "../../offload/disable.ts";
import type { Keyword } from "../../offload/features.ts";
import { type Interface, uuidOf } from "../../offload/interface.ts";
import { type Change, planRecords, recordChanges } from "../../offload/plan.ts";
import { EXIT, type Problem } from "../../offload/problem.ts";
import { unreadRecords } from "../../offload/record-half.ts";
import { type Report, reportOf } from "../../offload/report.ts";
import { type Result, success } from "../../offload/result.ts";
import { judge } from "../../offload/verdict.ts";
import { toWire, viewFromWire } from "../../plugin/interfaces.ts";
import { poolSummary } from "../../terminal/pool-summary.ts";
import { printable } from "../../terminal/text.ts";
import { viewOn } from "../../terminal/view.ts";
import type { PoolHost } from "../../xapi/pool.ts";
import { agree } from "../agreement.ts";
import type { Wanted } from "../arguments.ts";
import type { Interruption } from "../interruption.ts";
import type { Told } from "../invocation.ts";
import { callHost, recordSteps } from "./call.ts";
import { lookAtPool } from "./look.ts";
import { checkTargets, type Pool, wholePool, withPool } from "./pool.ts";
import { goOneByOne, goRound, type Rounds, type Shown, type Turn, turnsOf } from "./rounds.ts";
import { type Evidence, poolReport, rowsOf } from "./verdict.ts";

/** What `disable --pool` is to do. */
export interface PoolRequest extends Wanted {
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly record: boolean;
  /** Seconds that each host waits for another run there. */
  readonly wait: number;
  /** Seconds that a host may take to answer. */
  readonly patience: number;
  /** One host after the other. */
  readonly rolling: boolean;
}

/** What was done on behalf of one host, besides what its kernel shows. */
interface Deeds {
  readonly changes: Change[];
  readonly problems: Problem[];
}

/** `disable --pool`: each host's live half on that host, the records through the coordinator. */
export async function disablePool(
  request: PoolRequest,
  interruption: Interruption,
): Promise<Result<Told>> {
  const whole = wholePool(request.targets);
  if (!whole.ok) return whole;
  return await withPool(interruption, request.patience, async (pool): Promise<Result<Told>> => {
    const checked = checkTargets(request.targets, pool.inventory);
    if (!checked.ok) return checked;
    if (request.dryRun) return success(await foretell(request, pool));
    if (!request.yes) {
      const agreed = await ask(request, pool, interruption);
      if (!agreed.ok) return agreed;
    }
    // Time has passed where somebody was asked.
    const renewed = request.yes ? success(pool.inventory) : await pool.session.inventory();
    if (!renewed.ok) return renewed;
    return await interruption.protect(async (isStopped) =>
      success({
        report: await carryOut(request, { ...pool, inventory: renewed.value }, isStopped),
      }),
    );
  });
}

async function carryOut(
  request: PoolRequest,
  pool: Pool,
  isStopped: () => boolean,
): Promise<Report> {
  const work = new PoolWork(request, pool, isStopped);
  const judged =
    ({ inventory }: Rounds) =>
    (turn: Turn, evidence: Evidence) =>
      work.reportOf(turn, evidence, inventory !== null);
  const isWell = (turn: Turn, rounds: Rounds) =>
    rowsOf("disable", [turn], judged(rounds)).every(({ exitCode }) => exitCode === EXIT.done);
  const rounds = request.rolling
    ? await goOneByOne(pool, turnsOf(pool), work.on, isWell, isStopped)
    : await goRound(pool, turnsOf(pool), work.on, isStopped);
  const rows = rowsOf("disable", rounds.turns, judged(rounds));
  return poolReport("disable", pool, rows, { changing: true });
}

/** The calls of one run, and what they did. */
class PoolWork {
  readonly #deeds = new Map<string, Deeds>();
  /** XAPI writes one record after the other anyway: so do the hosts' shares of them. */
  #writing: Promise<void> = Promise.resolve();

  constructor(
    readonly request: PoolRequest,
    readonly pool: Pool,
    readonly isStopped: () => boolean,
  ) {}

  /** Has a host turn off what is live, then records what that host shows to be off. */
  readonly on = async (host: PoolHost, interfaces: readonly Interface[], first: boolean) => {
    const { keywords, record, wait } = this.request;
    const { session, patience, signal } = this.pool;
    const answer = await callHost(
      session,
      host,
      "disable",
      { ...toWire(interfaces, host), keywords: [...keywords], record, wholeHost: first, wait },
      { seconds: patience, signal },
    );
    if (!answer.ok) return answer;
    const { changes, problems, strangers, noted } = answer.value;
    const view = viewFromWire(answer.value.view);
    const deeds = this.#of(host);
    deeds.changes.push(...changes);
    deeds.problems.push(...problems);
    const strange = new Set(strangers.map(({ vm }) => vm));
    const own = interfaces.filter((one) => one.kind !== "vif" || !strange.has(one.vm.uuid));
    const shown: Shown = { view, strangers };
    if (record && noted) await this.#inTurn(() => this.#record(host, own, shown, deeds));
    return { ok: true as const, value: shown };
  };

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
  ): Promise<void> {
    const { session, patience, signal } = this.pool;
    const steps = planRecords(interfaces, this.request.keywords, view);
    const { written, refused, problems } = await recordSteps(steps, session, this.isStopped);
    deeds.changes.push(...recordChanges(written, view.existing));
    deeds.problems.push(...problems);
    const theirs = refused.filter(({ from }) => from === null);
    if (theirs.length === 0) return;
    const subjects = [...new Set(theirs.map(({ subject }) => subject))];
    const keys = theirs.map(({ subject, keyword, key }) => ({
      uuid: uuidOf(subject) ?? "",
      keyword,
      key,
    }));
    const struck = await callHost(
      session,
      host,
      "strike",
      { ...toWire(subjects, host), keys, wait: this.request.wait },
      { seconds: patience, signal },
    );
    if (struck.ok) return;
    const message = `its journal still notes records that were not written: ${struck.why.message}`;
    deeds.problems.push({ code: "state-failed", message });
  }

  #of({ uuid }: PoolHost): Deeds {
    const known = this.#deeds.get(uuid) ?? { changes: [], problems: [] };
    this.#deeds.set(uuid, known);
    return known;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => undefined);
    return turn;
  }
}

async function ask(
  request: PoolRequest,
  pool: Pool,
  interruption: Interruption,
): Promise<Result<void>> {
  const { turns } = await lookAtPool(pool, () => false);
  const summary = poolSummary(
    turns.map(({ host, interfaces, why, view }) => ({
      host,
      interfaces,
      why,
      changes:
        view === null
          ? []
          : foreseen(interfaces, request, { interfaces, view, problems: [] }).changes,
    })),
    request.keywords,
    viewOn("stderr", false),
  );
  return await agree(
    {
      question: `Turn these offloads off on ${turns.length} hosts?`,
      summary,
      unasked: "--pool changes every NIC and VM of every host",
    },
    interruption,
  );
}

function foreseen(
  interfaces: readonly Interface[],
  { keywords, record }: { readonly keywords: readonly Keyword[]; readonly record: boolean },
  { view }: Evidence,
) {
  const plan = planDisable(interfaces, keywords, view);
  return { plan, ...forecast(plan, { records: record }) };
}

/** The dry run: a host after the other, as `disable --dry-run` would tell it there. */
async function foretell(request: PoolRequest, pool: Pool): Promise<Told> {
  const { turns } = await lookAtPool(pool, () => false);
  const texts: string[] = [];
  const rows = rowsOf("disable", turns, ({ host }, evidence) => {
    const { plan, records, changes } = foreseen(evidence.interfaces, request, evidence);
    const { devices, notes } = judge(plan.interfaces, plan.before, {
      keywords: plan.keywords,
      records: request.record,
    });
    texts.push(`# ${printable(host.name)}`, ...byHand(plan.live, records));
    return reportOf("disable", {
      host: { uuid: host.uuid, name: host.name },
      exitCode: EXIT.done,
      dryRun: true,
      devices,
      changes,
      notes,
    });
  });
  const missing = rows.filter(({ report }) => report === null);
  texts.push(...missing.map(({ name, message }) => `# ${printable(`${name}: ${message}`)}`));
  const report = poolReport("disable", pool, rows, { changing: false, dryRun: true });
  return { report, text: texts.map((line) => `${line}\n`).join("") };
}
