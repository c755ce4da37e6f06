import type { ExitCode } from "../core/problem.ts";
import type { Report, ReportingCommand } from "../core/report.ts";
import type { Failure, Result } from "../core/result.ts";
import type { PoolCall } from "../plugin/pool-call.ts";
import type { Interruption } from "./signals.ts";

/** How the user wants to be answered. */
export interface Manner {
  readonly json: boolean;
  readonly colour: boolean;
  /** Whether each object is told of. */
  readonly verbose: boolean;
}

/** What a command came to: a report, why there is none, or one line that is all there is to say. */
export type Outcome =
  | ({ readonly type: "report" } & Told)
  | { readonly type: "line"; readonly line: string; readonly exitCode: ExitCode }
  | { readonly type: "failure"; readonly failures: readonly Failure[] };

/** What a command that could be carried out has to tell. */
export interface Told {
  readonly report: Report;
  /** Replaces the usual human view. */
  readonly text?: string;
}

/** What main hands to a command, and takes back from it. */
export interface Invocation {
  /** The words behind the command's name, none of them read yet. */
  readonly rawArgs: readonly string[];
  readonly interruption: Interruption;
  /** Whose `--pool` this is run for; null where a person or a script on this host asked. */
  readonly call: PoolCall | null;
  /** To be called once, with what is to be told. */
  conclude(command: ReportingCommand, manner: Manner, outcome: Outcome): void;
  /** To be called instead, where there is a text to print and no report. */
  print(text: Result<string>): void;
}

/** The outcome that a result stands for. */
export function outcomeOf(result: Result<Told>): Outcome {
  return result.ok
    ? { type: "report", ...result.value }
    : { type: "failure", failures: result.failures };
}

/** How to answer, as far as it can be told before the command line is known to be right. */
export function mannerOf(rawArgs: readonly string[]): Manner {
  const words = flagsAmong(rawArgs);
  return {
    json: words.includes("--json"),
    colour: !words.includes("--no-color"),
    // Short flags may share a hyphen, and none takes a value.
    verbose: words.some((word) => word === "--verbose" || /^-[a-z]*v/.test(word)),
  };
}

/** The words among which flags are: those before a `--`. */
export function flagsAmong(rawArgs: readonly string[]): readonly string[] {
  return rawArgs.includes("--") ? rawArgs.slice(0, rawArgs.indexOf("--")) : rawArgs;
}
