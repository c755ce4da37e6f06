import { EXIT_CODES, type ExitCode } from "../core/problem.ts";
import {
  createReport,
  type HostReport,
  type RemoteReport,
  type Report,
  type ReportingCommand,
} from "../core/report.ts";
import { addPoolOption, formatCount, stripUnprintable } from "../core/text.ts";
import type { HostRun } from "./scheduler.ts";

/** How the rows of a pool are put together. */
export interface PoolReportOptions {
  readonly local: { readonly uuid: string; readonly name: string };
  /** Whether the command changes something, so that a part that is done counts as partial. */
  readonly isChange: boolean;
  readonly dryRun: boolean;
  /** Names of hosts are not shown but as the hosts themselves show them. */
  readonly redact: boolean;
}

/** The report of a pool: one row per host, and the exit code of the worst. */
export function createPoolReport(
  command: ReportingCommand,
  runs: readonly HostRun[],
  { local, isChange, dryRun, redact }: PoolReportOptions,
): Report {
  const rows = runs.map((run) => createHostRow(run, command));
  const hosts = redact ? rows.map((row) => ({ ...row, name: row.report?.host?.name ?? row.uuid })) : rows;
  const codes = rows.map(({ exitCode }) => exitCode);
  const name = redact ? local.uuid : local.name;
  return createReport(command, {
    host: { uuid: local.uuid, name },
    exitCode: computePoolExitCode(codes, isChange && !dryRun),
    dryRun,
    advice: collectPoolAdvice(hosts),
    hosts,
  });
}

/** Views that each host has laid out itself, one under the other; empty where there is none. */
export function joinHostTexts(runs: readonly HostRun[], rows: readonly HostReport[]): string {
  if (!runs.some(({ answer }) => typeof answer?.text === "string")) return "";
  return rows
    .map(({ name, state, message }, index) => {
      const { answer = null, reason = null } = runs[index] ?? {};
      if (answer === null || answer.text === null || reason !== null) {
        return `# ${stripUnprintable(`${name}: ${state}: ${message}`)}\n`;
      }
      return `# ${stripUnprintable(name)}\n${answer.text.split("\n").map(stripUnprintable).join("\n")}`;
    })
    .join("\n");
}

function createHostRow({ host: { uuid, name }, answer, reason }: HostRun, command: string): HostReport {
  const report = answer?.report ?? null;
  if (report === null || reason !== null) {
    const { state, message, advice } = reason ?? NOT_CALLED;
    const hasChanges = report !== null && report.changes.length > 0 && !report.dryRun;
    const exitCode = hasChanges ? EXIT_CODES.problems : report?.exitCode || EXIT_CODES.unavailable;
    return { uuid, name, state, exitCode, message, advice, report };
  }
  const { exitCode, problems } = report;
  const base = { uuid, name, advice: [], report };
  if (report.host === null || exitCode === EXIT_CODES.usage) {
    const message = problems.map((problem) => problem.message).join("; ");
    return { ...base, state: "failed", exitCode: EXIT_CODES.unavailable, message };
  }
  if (exitCode === EXIT_CODES.success) {
    return { ...base, state: "ok", exitCode, message: describeSuccess(command, report) };
  }
  const problemCount = problems.filter(({ code }) => code !== "live-fixed").length;
  return {
    ...base,
    state: "partial",
    exitCode,
    message: `${formatCount(problemCount, "problem")} found`,
  };
}

const NOT_CALLED = { state: "skipped", message: "it was not asked", advice: [] } as const;

function describeSuccess(command: string, { changes, dryRun }: RemoteReport): string {
  if (command === "verify") return "everything that can be off is off";
  if (command !== "disable" && command !== "enable" && command !== "restore") return "done";
  const count = formatCount(changes.length, "change");
  if (dryRun) return `${count} to be made`;
  return changes.length === 0 ? "nothing had to be changed" : `${count} made`;
}

/** What several hosts advise is advised for the pool; what one does stays with that one. */
function collectPoolAdvice(rows: readonly HostReport[]): readonly string[] {
  const allAdvice = rows.flatMap(({ report }) => report?.advice ?? []);
  const shared = [...new Set(allAdvice)].filter(
    (command) => allAdvice.indexOf(command) < allAdvice.lastIndexOf(command),
  );
  return shared.map(addPoolOption);
}

/**
 * The exit code of a pool is that of its worst host, by the same table: what is known to be wrong
 * outranks what is not known, and work of which something was done is done in part.
 */
export function computePoolExitCode(codes: readonly number[], isChange: boolean): ExitCode {
  if (codes.includes(EXIT_CODES.problems)) return EXIT_CODES.problems;
  if (!codes.includes(EXIT_CODES.unavailable)) return EXIT_CODES.success;
  return isChange && codes.includes(EXIT_CODES.success) ? EXIT_CODES.problems : EXIT_CODES.unavailable;
}
