import { byHand } from "../../offload/by-hand.ts";
import { forecast, planDisable } from "../../offload/disable.ts";
import type { Keyword } from "../../offload/features.ts";
import type { Interface } from "../../offload/interface.ts";
import { EXIT } from "../../offload/problem.ts";
import { type Report, reportOf } from "../../offload/report.ts";
import { type Result, success, usage } from "../../offload/result.ts";
import { judge } from "../../offload/verdict.ts";
import { canAsk } from "../../terminal/confirm.ts";
import { poolSummary } from "../../terminal/pool-summary.ts";
import { printable } from "../../terminal/text.ts";
import { viewOn } from "../../terminal/view.ts";
import { agree } from "../agreement.ts";
import type { Wanted } from "../arguments.ts";
import type { Interruption } from "../interruption.ts";
import type { Told } from "../invocation.ts";
import { lookAtPool } from "./look.ts";
import { checkTargets, type Pool, wholePool, withPool } from "./pool.ts";
import { goOneByOne, goRound, type Rounds, type Turn, turnsOf } from "./rounds.ts";
import { tryOutPool } from "./trial.ts";
import { type Evidence, poolReport, rowsOf } from "./verdict.ts";
import { PoolWork } from "./work.ts";

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
  /** Seconds that the change is on trial on each host; 0 where it is not. */
  readonly seconds: number;
}

/** `disable --pool`: each host's live half on that host, the records through the coordinator. */
export async function disablePool(
  request: PoolRequest,
  interruption: Interruption,
): Promise<Result<Told>> {
  const whole = wholePool(request.targets);
  if (!whole.ok) return whole;
  if (request.seconds > 0 && !canAsk()) {
    return usage(
      "nobody-to-ask",
      "--confirm-within with --pool asks at a terminal, and there is none; it can be said on one host",
    );
  }
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
    const now: Pool = { ...pool, inventory: renewed.value };
    return await interruption.protect(async (isStopped) =>
      success({
        report:
          request.seconds > 0
            ? await tryOutPool(request, now, isStopped)
            : await carryOut(request, now, isStopped),
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
  const course = { pool, work: work.on(() => null), isStopped };
  const rounds = request.rolling
    ? await goOneByOne(course, turnsOf(pool), isWell)
    : await goRound(course, turnsOf(pool));
  const rows = rowsOf("disable", rounds.turns, judged(rounds));
  return poolReport("disable", pool, rows, { changing: true });
}

async function ask(
  request: PoolRequest,
  pool: Pool,
  interruption: Interruption,
): Promise<Result<void>> {
  const { turns } = await lookAtPool(pool, () => false);
  const reached = turns.filter(({ why }) => why === null).length;
  // Nothing will be changed, and the rows say why.
  if (reached === 0) return success(undefined);
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
      question: `Turn these offloads off on ${reached} of ${turns.length} hosts?`,
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
