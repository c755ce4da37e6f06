import type { CommandResult } from "../cli/command.ts";
import { requireConfirmation } from "../cli/confirm.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { type CommandError, usageError } from "../core/command-error.ts";
import type { Report, ReportingCommand } from "../core/report.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { formatRestoreCommand } from "../core/undo-command.ts";
import { isInteractive } from "../terminal/confirm.ts";
import { createView } from "../terminal/view.ts";
import { formatPoolPreview } from "../terminal/views/pool.ts";
import { type Pool, withPool } from "./pool.ts";
import { createPoolReport, joinHostTexts } from "./report.ts";
import { runUntilConfirmed } from "./run-until-confirmed.ts";
import { callHosts, callHostsRolling, createRuns, followMigrations, type HostRun, type Schedule } from "./scheduler.ts";
import { buildTargetArgs, listMovableVms, type PoolTargets, resolvePoolTargets } from "./targets.ts";

/** What `--pool` is to run on each host. */
export interface PoolRun {
  readonly command: Exclude<ReportingCommand, "confirm" | "bisect">;
  readonly targets: readonly TargetRequest[];
  /** Options that each host gets as they are: `--features=tx`, `--force`. */
  readonly flags: readonly string[];
  /** How long a host may take to answer. */
  readonly timeoutSeconds: number;
  readonly isChange?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** One host after the other, as long as each completes cleanly. */
  readonly rolling?: boolean;
  /** Seconds in which the change has to be confirmed; 0 where it is not pending. */
  readonly confirmWithinSeconds?: number;
  /** Half of what is asked before anything is changed: `Turn these offloads off`. */
  readonly question?: string;
}

/** Runs a command on each host of the pool, and reports one row per host. */
export async function runOnPool(run: PoolRun, signals: SignalHandler): Promise<CommandResult> {
  const question = run.yes || run.dryRun ? undefined : run.question;
  if (!isInteractive() && (run.confirmWithinSeconds || question !== undefined)) throw createNonInteractiveError(run);
  return await withPool(signals, async (pool): Promise<CommandResult> => {
    const targets = await resolvePoolTargets(run.targets, pool);
    if (question !== undefined) {
      const dryRun = { ...run, dryRun: true };
      const confirmed = await confirmOnPool(question, dryRun, pool, targets, signals);
      if (confirmed !== null) return confirmed;
    }
    // VMs may have moved while someone was asked.
    const hosts = await pool.session.readPoolHosts();
    const refreshedPool = { ...pool, hosts };
    const runs = await signals.runUninterrupted(() => runHosts(run, refreshedPool, targets, signals.abortSignal));
    return createPoolResult(run, runs, pool);
  });
}

function createNonInteractiveError({ confirmWithinSeconds = 0 }: PoolRun): CommandError {
  return confirmWithinSeconds > 0
    ? usageError("not-interactive", "--confirm-within with --pool asks, and stdin is not a terminal")
    : usageError(
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
  const schedule = createSchedule(run, pool, targets, signal);
  const runs = createRuns(schedule);
  if (run.confirmWithinSeconds && !run.dryRun) {
    await runUntilConfirmed(schedule, runs, run.confirmWithinSeconds);
  } else if (run.rolling) {
    await callHostsRolling(schedule, runs);
  } else {
    await callHosts(schedule, runs);
    await followMigrations(schedule, runs);
  }
  return runs;
}

function createSchedule(
  { command, flags, dryRun, question, timeoutSeconds }: PoolRun,
  pool: Pool,
  targets: PoolTargets,
  signal: AbortSignal,
): Schedule {
  // Whoever is to agree has agreed here: a host that is called has nobody to ask.
  const confirmationFlags = question === undefined ? [] : ["--yes"];
  const commonArgs = [...flags, ...(dryRun ? ["--dry-run"] : confirmationFlags)];
  return {
    pool,
    command,
    buildArgs(host, hosts) {
      const args = buildTargetArgs(targets, host, { local: pool.local, hosts });
      return args === null ? null : [...commonArgs, ...args];
    },
    movableVms: listMovableVms(targets),
    timeoutSeconds,
    signal,
  };
}

/** Shows what would change on each host and asks. Gives the report where there is nothing to ask about. */
async function confirmOnPool(
  question: string,
  run: PoolRun,
  pool: Pool,
  targets: PoolTargets,
  signals: SignalHandler,
): Promise<CommandResult | null> {
  const runs = await signals.runUninterrupted(() => runHosts(run, pool, targets, signals.abortSignal));
  const result = createPoolResult(run, runs, pool);
  const rows = result.report.hosts ?? [];
  const readyCount = rows.filter(({ state }) => state === "ok" || state === "partial").length;
  // The second run of disable or enable has nothing to do, and nothing to ask.
  const isUnchanged = rows.every(({ state, report }) => state === "ok" && report?.changes.length === 0);
  if (isUnchanged && (run.command === "disable" || run.command === "enable")) return null;
  // The rows say why nothing can be done anywhere.
  if (readyCount === 0 || signals.signal !== undefined) return result;
  await requireConfirmation(
    {
      question: `${question} on ${readyCount} of ${rows.length} hosts?`,
      summary: `${formatPoolPreview(rows, createView("stderr", false))}${formatSshWarning(rows, run)}`,
      refusal: "",
    },
    signals,
  );
  return null;
}

/** The host whose management NIC carries this login is one of them, whichever it is. */
function formatSshWarning(rows: NonNullable<Report["hosts"]>, { confirmWithinSeconds = 0 }: PoolRun): string {
  if (!process.env["SSH_CONNECTION"] || confirmWithinSeconds > 0) return "";
  const isChanged = rows.some(({ report }) =>
    report?.devices.some(
      ({ device, management }) => management && report.changes.some((change) => change.device === device),
    ),
  );
  return isChanged
    ? "  You are logged in over SSH, and management NICs are changed:\n  --confirm-within 60 reverts the change unless you confirm it.\n"
    : "";
}

function createPoolResult(run: PoolRun, runs: readonly HostRun[], { local }: Pool): CommandResult {
  const { command, isChange = false, dryRun = false, flags, targets } = run;
  const redact = flags.includes("--redact");
  const report = createPoolReport(command, runs, { local, isChange, dryRun, redact });
  const text = joinHostTexts(runs, report.hosts ?? []);
  const isChanged =
    (command === "disable" || command === "enable") &&
    !dryRun &&
    (report.hosts ?? []).some((host) => host.report?.changes.length);
  if (isChanged) {
    const features = flags.flatMap((flag) => /^--features=(.*)/.exec(flag)?.[1]?.split(",") ?? []);
    const undo = formatRestoreCommand({ targets, features: features.length === 0 ? null : features, pool: true });
    return { report: { ...report, undo } };
  }
  return text === "" ? { report } : { report, text };
}
