import { CommandError, type Failure } from "../core/command-error.ts";
import type { PoolCall } from "../core/pool-call.ts";
import type { ExitCode } from "../core/problem.ts";
import type { Report, ReportingCommand } from "../core/report.ts";
import type { SignalHandler } from "./signals.ts";

/** How the user wants to be answered. */
export interface OutputOptions {
  readonly json: boolean;
  readonly color: boolean;
  /** Whether each object is told of. */
  readonly verbose: boolean;
}

/** What a command came to: a report, why there is none, or one line that is all there is to say. */
export type CommandOutcome =
  | ({ readonly type: "report" } & CommandResult)
  | { readonly type: "line"; readonly line: string; readonly exitCode: ExitCode }
  | { readonly type: "failure"; readonly failures: readonly Failure[] };

/** What a command that could be carried out has to tell. */
export interface CommandResult {
  readonly report: Report;
  /** Replaces the usual human view. */
  readonly text?: string;
}

/** What main hands to a command, and takes back from it. */
export interface CommandContext {
  /** The words behind the command's name, none of them read yet. */
  readonly rawArgs: readonly string[];
  readonly signals: SignalHandler;
  /** Whose `--pool` this is run for; null where a person or a script on this host asked. */
  readonly call: PoolCall | null;
  /** To be called once, with what is to be told. */
  reportOutcome(command: ReportingCommand, outputOptions: OutputOptions, outcome: CommandOutcome): void;
  /** To be called instead, where there is a text to print and no report. */
  print(text: string | CommandError): void;
}

/** The outcome that a result stands for. */
export function toCommandOutcome(result: CommandResult | CommandError): CommandOutcome {
  return result instanceof CommandError
    ? { type: "failure", failures: result.failures }
    : { type: "report", ...result };
}

/** How to answer, as far as it can be told before the command line is known to be right. */
export function parseOutputOptions(rawArgs: readonly string[]): OutputOptions {
  const flags = cutAtDoubleDash(rawArgs);
  return {
    json: flags.includes("--json"),
    color: !flags.includes("--no-color"),
    // Short flags may share a hyphen, and none takes a value.
    verbose: flags.some((flag) => flag === "--verbose" || /^-[a-z]*v/.test(flag)),
  };
}

/** The words among which flags are: those before a `--`. */
export function cutAtDoubleDash(rawArgs: readonly string[]): readonly string[] {
  return rawArgs.includes("--") ? rawArgs.slice(0, rawArgs.indexOf("--")) : rawArgs;
}
