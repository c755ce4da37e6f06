import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { attemptAsync, type CommandError } from "../core/command-error.ts";
import type { ReportingCommand } from "../core/report.ts";
import { setVerbose } from "../terminal/progress.ts";
import {
  type CommandContext,
  type CommandOutcome,
  type CommandResult,
  parseOutputOptions,
  toCommandOutcome,
} from "./command.ts";
import { toCittyMeta } from "./parse-args.ts";
import type { CommandDefinition } from "./specs/spec.ts";

/**
 * A command that tells of its work by a report. It reads its own arguments, strictly. `outcome` may
 * tell of it in another way.
 */
export function createReportingCommand(
  definition: CommandDefinition & { readonly name: ReportingCommand },
  context: CommandContext,
  work: (context: CommandContext) => Promise<CommandResult>,
  toOutcome: (result: CommandResult | CommandError, rawArgs: readonly string[]) => CommandOutcome = toCommandOutcome,
): CommandDef {
  return defineCommand<ArgsDef>({
    ...toCittyMeta(definition),
    async run() {
      const { rawArgs } = context;
      const outputOptions = parseOutputOptions(rawArgs);
      setVerbose(outputOptions.verbose);
      const result = await attemptAsync(() => work(context));
      context.reportOutcome(definition.name, outputOptions, toOutcome(result, rawArgs));
    },
  });
}
