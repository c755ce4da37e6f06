import { readlinkSync } from "node:fs";
import { CommandError } from "../core/command-error.ts";
import type { PoolCall } from "../core/pool-call.ts";
import type { Report } from "../core/report.ts";
import { formatCount, stripUnprintable } from "../core/text.ts";
import { runProgram } from "../fs/process.ts";
import type { CompletedCommand } from "./command.ts";

/** A run as the log has it: its command line, and whose `--pool` it was for. */
export interface LoggedRun {
  readonly name: string;
  readonly words: readonly string[];
  readonly call: PoolCall | null;
}

/** syslog cuts a message at 1,024 bytes (RFC 3164), and its prefix counts. */
const MAX_MESSAGE_LENGTH = 900;

/** A syslog that does not take the message must not keep the result from anyone. */
const TIMEOUT_MS = 2000;

/** Commands whose report lists no change, though they have made some: files for boot, and features for a while. */
const ALWAYS_LOGGED: readonly string[] = ["persist", "bisect"];

/**
 * Writes one line into syslog for a run that has changed something: who, what and the result. Without a syslog, or
 * one that does not answer, there is none: the change is done, and its report is the result.
 */
export async function logChange(run: LoggedRun, { result }: CompletedCommand): Promise<void> {
  if (result === "help" || result instanceof CommandError || !("report" in result)) return;
  const { report } = result;
  const hasChanged = report.changes.length > 0 || ALWAYS_LOGGED.includes(report.command);
  if (report.dryRun || !hasChanged) return;
  const message = stripUnprintable(formatLogLine(run, report, describeCaller(run.call))).slice(0, MAX_MESSAGE_LENGTH);
  try {
    await runProgram("logger", ["-i", "-t", "offload", "-p", "daemon.notice", "--", message], {
      timeoutMs: TIMEOUT_MS,
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
}

/** `disable ALL by alice (sudo), /dev/pts/0: 12 live changes, 8 settings, 1 problem; exit code 1`. */
function formatLogLine({ name, words }: Pick<LoggedRun, "name" | "words">, report: Report, caller: string): string {
  const settings = report.changes.filter(({ layer }) => layer === "xapi").length;
  const live = report.changes.length - settings;
  const outcome = [
    formatCount(live, "live change"),
    formatCount(settings, "setting"),
    formatCount(report.problems.length, "problem"),
  ].join(", ");
  return `${[name, ...words].join(" ")} by ${caller}: ${outcome}; exit code ${report.exitCode}`;
}

/** Who asked, as far as the environment says: root may have come by sudo, and from another host by SSH. */
function describeCaller(call: PoolCall | null): string {
  if (call !== null) return `another host of the pool, run ${call.runId}`;
  const { SUDO_USER, USER, SSH_CONNECTION } = process.env;
  const user = SUDO_USER === undefined ? (USER ?? "root") : `${SUDO_USER} (sudo)`;
  const [client] = SSH_CONNECTION?.split(" ") ?? [];
  return [user, readTerminal() ?? "no terminal", ...(client === undefined ? [] : [`from ${client}`])].join(", ");
}

/** The terminal that this program reads from; null where that is none. */
function readTerminal(): string | null {
  try {
    const path = readlinkSync("/proc/self/fd/0");
    return /^\/dev\/(?:pts\/|tty|console|hvc)/.test(path) ? path : null;
  } catch {
    // Standard input may be closed.
    return null;
  }
}
