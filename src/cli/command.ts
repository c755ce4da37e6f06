import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { attemptAsync, CommandError } from "../core/command-error.ts";
import type { PoolCall } from "../core/pool-call.ts";
import type { Report, ReportingCommand } from "../core/report.ts";
import { setVerbose } from "../terminal/progress.ts";
import type { OutputOptions } from "./output-options.ts";
import { type ParsedArguments, parseCommandLine } from "./parse-args.ts";
import type { SignalHandler } from "./signals.ts";

/** What a command is run with, besides its arguments. */
export interface CommandContext {
  readonly signals: SignalHandler;
  /** Whose `--pool` this is run for; null where a person or a script on this host asked. */
  readonly call: PoolCall | null;
  readonly output: OutputOptions;
}

/** What a command that could be carried out gives. */
export interface CommandResult {
  readonly report: Report;
  /** Replaces the usual human view. */
  readonly text?: string;
}

/** What a command gives that prints a text and makes no report. */
export interface TextResult {
  readonly text: string;
}

/** How a command ended, with all that is needed to answer. */
export class CompletedCommand {
  constructor(
    /** The command that the report names; null where there is none. */
    readonly reportAs: ReportingCommand | null,
    readonly output: OutputOptions,
    /** `help`: it was not run, for its help was asked for. */
    readonly result: CommandResult | TextResult | CommandError | "help",
  ) {}
}

/** What main gives to citty for a command. */
interface CommandInput extends Pick<CommandContext, "signals" | "call"> {
  /** The words behind the command's name. */
  readonly words: readonly string[];
}

interface CommandSpec<D extends ArgsDef> {
  readonly name: string;
  readonly summary: string;
  readonly args: D;
}

/**
 * A command for citty, which loads it when it is wanted. Its words are read here, strictly and once, and not by citty.
 * `reportAs`: null for a command that makes no report.
 */
export function defineOffloadCommand<D extends ArgsDef>(
  reportAs: ReportingCommand | null,
  { name, summary, args: definition }: CommandSpec<D>,
  run: (args: ParsedArguments<D>, context: CommandContext) => Promise<CommandResult | TextResult>,
): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name, description: summary },
    async run({ data }: { readonly data?: CommandInput }) {
      if (data === undefined) return undefined;
      const { words, signals, call } = data;
      const { args, output, wantsHelp } = parseCommandLine(definition, words);
      if (wantsHelp) return new CompletedCommand(reportAs, output, "help");
      setVerbose(output.verbose);
      const result =
        args instanceof CommandError ? args : await attemptAsync(() => run(args, { signals, call, output }));
      return new CompletedCommand(reportAs, output, result);
    },
  });
}
