import type { Told } from "../cli/command.ts";
import { agree } from "../cli/confirm.ts";
import type { Interruption } from "../cli/signals.ts";
import type { ReportingCommand } from "../core/report.ts";
import { type Result, success, usage } from "../core/result.ts";
import type { TargetRequest } from "../core/targets/targets.ts";
import { canAsk } from "../terminal/confirm.ts";
import { viewOn } from "../terminal/view.ts";
import { poolPreview } from "../terminal/views/pool.ts";
import { type Pool, withPool } from "./hosts.ts";
import { runWithinTime } from "./pending-change.ts";
import { hostTexts, poolReport } from "./report.ts";
import {
  callHosts,
  callHostsRolling,
  followMoves,
  type HostRun,
  type Schedule,
  startRuns,
} from "./scheduler.ts";
import { movableVms, type PoolTargets, resolvePoolTargets, targetArgs } from "./targets.ts";

/** What `--pool` is to run on each host. */
export interface PoolRun {
  readonly command: Exclude<ReportingCommand, "confirm">;
  readonly targets: readonly TargetRequest[];
  /** Options that each host gets as they are: `--features=tx`, `--force`. */
  readonly flags: readonly string[];
  /** How long a host may take to answer. */
  readonly timeoutSeconds: number;
  readonly changes?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** One host after the other, as long as each completes cleanly. */
  readonly rolling?: boolean;
  /** Seconds in which the change has to be confirmed; 0 where it is not pending. */
  readonly confirmWithin?: number;
  /** Half of what is asked before anything is changed: `Turn these offloads off`. */
  readonly question?: string;
}

/** Runs a command on each host of the pool, and reports one row per host. */
export async function runOnPool(run: PoolRun, interruption: Interruption): Promise<Result<Told>> {
  const question = run.yes || run.dryRun ? undefined : run.question;
  if (!canAsk() && (run.confirmWithin || question !== undefined)) return refuse(run);
  return await withPool(interruption, async (pool): Promise<Result<Told>> => {
    const targets = await resolvePoolTargets(run.targets, pool);
    if (!targets.ok) return targets;
    if (question !== undefined) {
      const preview = { ...run, dryRun: true };
      const agreed = await ask(question, preview, pool, targets.value, interruption);
      if (!agreed.ok) return agreed;
      if (agreed.value !== null) return success(agreed.value);
    }
    // VMs may have moved while somebody was asked.
    const hosts = await pool.session.residentVms();
    if (!hosts.ok) return hosts;
    const now = { ...pool, hosts: hosts.value };
    const runs = await interruption.protect(() =>
      runHosts(run, now, targets.value, interruption.abortSignal),
    );
    return success(toldOf(run, runs, pool));
  });
}

function refuse({ confirmWithin = 0 }: PoolRun): Result<never> {
  return confirmWithin > 0
    ? usage("not-interactive", "--confirm-within with --pool asks, and stdin is not a terminal")
    : usage(
        "not-confirmed",
        "refusing to change hosts of the pool without confirmation: stdin is not a terminal; pass --yes",
      );
}

async function runHosts(
  run: PoolRun,
  pool: Pool,
  targets: PoolTargets,
  signal: AbortSignal,
): Promise<readonly HostRun[]> {
  const schedule = scheduleOf(run, pool, targets, signal);
  const runs = startRuns(schedule);
  if (run.confirmWithin && !run.dryRun) {
    await runWithinTime(schedule, runs, run.confirmWithin);
  } else if (run.rolling) {
    await callHostsRolling(schedule, runs);
  } else {
    await callHosts(schedule, runs);
    await followMoves(schedule, runs);
  }
  return runs;
}

function scheduleOf(
  { command, flags, dryRun, question, timeoutSeconds }: PoolRun,
  pool: Pool,
  targets: PoolTargets,
  signal: AbortSignal,
): Schedule {
  // Whoever is to agree has agreed here: a host that is called has nobody to ask.
  const agreed = question === undefined ? [] : ["--yes"];
  const given = [...flags, ...(dryRun ? ["--dry-run"] : agreed)];
  return {
    pool,
    command,
    argsOn(host, hosts) {
      const args = targetArgs(targets, host, { local: pool.local, hosts });
      return args === null ? null : [...given, ...args];
    },
    movable: movableVms(targets),
    timeoutSeconds,
    signal,
  };
}

/** Shows what would change on each host and asks. Gives the report where there is nothing to ask about. */
async function ask(
  question: string,
  run: PoolRun,
  pool: Pool,
  targets: PoolTargets,
  interruption: Interruption,
): Promise<Result<Told | null>> {
  const runs = await interruption.protect(() =>
    runHosts(run, pool, targets, interruption.abortSignal),
  );
  const told = toldOf(run, runs, pool);
  const rows = told.report.hosts ?? [];
  const ready = rows.filter(({ state }) => state === "ok" || state === "partial").length;
  // The second run of disable has nothing to do, and nothing to ask.
  const isDone = rows.every(({ state, report }) => state === "ok" && report?.changes.length === 0);
  if (isDone && run.command === "disable") return success(null);
  // The rows say why nothing can be done anywhere.
  if (ready === 0 || interruption.signal !== undefined) return success(told);
  const agreed = await agree(
    {
      question: `${question} on ${ready} of ${rows.length} hosts?`,
      summary: poolPreview(rows, viewOn("stderr", false)),
      unasked: "",
    },
    interruption,
  );
  return agreed.ok ? success(null) : agreed;
}

function toldOf(run: PoolRun, runs: readonly HostRun[], { local }: Pool): Told {
  const { command, changes = false, dryRun = false, flags } = run;
  const redact = flags.includes("--redact");
  const report = poolReport(command, runs, { local, changes, dryRun, redact });
  const text = hostTexts(runs, report.hosts ?? []);
  return text === "" ? { report } : { report, text };
}
