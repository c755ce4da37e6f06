import { EXIT, type ExitCode } from "../core/problem.ts";
import {
  type HostDocument,
  type HostReport,
  type Report,
  type ReportingCommand,
  reportOf,
} from "../core/report.ts";
import { counted } from "../core/text.ts";
import { printable } from "../terminal/text.ts";
import type { HostRun } from "./scheduler.ts";

/** How the rows of a pool are put together. */
export interface PoolReportOptions {
  readonly local: { readonly uuid: string; readonly name: string };
  /** Whether the command changes something, so that a part that is done counts as partial. */
  readonly changes: boolean;
  readonly dryRun: boolean;
  /** Names of hosts are not shown but as the hosts themselves show them. */
  readonly redact: boolean;
}

/** The report of a pool: one row per host, and the exit code of the worst. */
export function poolReport(
  command: ReportingCommand,
  runs: readonly HostRun[],
  { local, changes, dryRun, redact }: PoolReportOptions,
): Report {
  const rows = runs.map((run) => hostRow(run, command));
  const hosts = redact
    ? rows.map((row) => ({ ...row, name: row.report?.host?.name ?? row.uuid }))
    : rows;
  const codes = rows.map(({ exitCode }) => exitCode);
  const name = redact ? local.uuid : local.name;
  return reportOf(command, {
    host: { uuid: local.uuid, name },
    exitCode: exitCodeOfHosts(codes, changes && !dryRun),
    dryRun,
    advice: poolAdvice(hosts),
    hosts,
  });
}

/** Views that each host has laid out itself, one under the other; empty where there is none. */
export function hostTexts(runs: readonly HostRun[], rows: readonly HostReport[]): string {
  if (!runs.some(({ answer }) => typeof answer?.text === "string")) return "";
  return rows
    .map(({ name, state, message }, at) => {
      const { answer = null, reason = null } = runs[at] ?? {};
      if (answer === null || answer.text === null || reason !== null) {
        return `# ${printable(`${name}: ${state}: ${message}`)}\n`;
      }
      return `# ${printable(name)}\n${answer.text.split("\n").map(printable).join("\n")}`;
    })
    .join("\n");
}

function hostRow({ host: { uuid, name }, answer, reason }: HostRun, command: string): HostReport {
  const report = answer?.report ?? null;
  if (report === null || reason !== null) {
    const { state, message, advice } = reason ?? NOT_ASKED;
    const isBegun = report !== null && report.changes.length > 0 && !report.dryRun;
    const exitCode = isBegun ? EXIT.partly : report?.exitCode || EXIT.unavailable;
    return { uuid, name, state, exitCode, message, advice, report };
  }
  const { exitCode, problems } = report;
  const base = { uuid, name, advice: [], report };
  if (report.host === null || exitCode === EXIT.usage) {
    const message = problems.map((problem) => problem.message).join("; ");
    return { ...base, state: "failed", exitCode: EXIT.unavailable, message };
  }
  if (exitCode === EXIT.done) {
    return { ...base, state: "ok", exitCode, message: describeSuccess(command, report) };
  }
  const counting = problems.filter(({ code }) => code !== "live-fixed").length;
  return { ...base, state: "partial", exitCode, message: `${counted(counting, "problem")} found` };
}

const NOT_ASKED = { state: "skipped", message: "it was not asked", advice: [] } as const;

function describeSuccess(command: string, { changes, dryRun }: HostDocument): string {
  if (command === "verify") return "everything that can be off is off";
  if (command !== "disable" && command !== "restore") return "done";
  const count = counted(changes.length, "change");
  if (dryRun) return `${count} to be made`;
  return changes.length === 0 ? "nothing had to be changed" : `${count} made`;
}

/** What several hosts advise is advised for the pool; what one does stays with that one. */
function poolAdvice(rows: readonly HostReport[]): readonly string[] {
  const all = rows.flatMap(({ report }) => report?.advice ?? []);
  const shared = [...new Set(all)].filter(
    (command) => all.indexOf(command) < all.lastIndexOf(command),
  );
  return shared.map((command) => command.replace(/^offload (\w+)/, "offload $1 --pool"));
}

/**
 * The exit code of a pool is that of its worst host, by the same table: what is known to be wrong
 * outranks what is not known, and work of which something was done is done in part.
 */
export function exitCodeOfHosts(codes: readonly number[], changing: boolean): ExitCode {
  if (codes.includes(EXIT.partly)) return EXIT.partly;
  if (!codes.includes(EXIT.unavailable)) return EXIT.done;
  return changing && codes.includes(EXIT.done) ? EXIT.partly : EXIT.unavailable;
}
