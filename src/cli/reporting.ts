import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { ReportingCommand } from "../core/report.ts";
import type { Result } from "../core/result.ts";
import { beVerbose } from "../terminal/progress.ts";
import { type Invocation, mannerOf, type Outcome, outcomeOf, type Told } from "./command.ts";
import { cittyOf } from "./parse-args.ts";
import type { CommandDefinition } from "./specs/spec.ts";

/**
 * A command that tells of its work by a report. It reads its own arguments, strictly. `outcome` may
 * tell of it in another way.
 */
export function reportingCommand(
  definition: CommandDefinition & { readonly name: ReportingCommand },
  invocation: Invocation,
  work: (invocation: Invocation) => Promise<Result<Told>>,
  outcome: (told: Result<Told>, rawArgs: readonly string[]) => Outcome = outcomeOf,
): CommandDef {
  return defineCommand<ArgsDef>({
    ...cittyOf(definition),
    async run() {
      const { rawArgs } = invocation;
      const manner = mannerOf(rawArgs);
      beVerbose(manner.verbose);
      const told = await work(invocation);
      invocation.conclude(definition.name, manner, outcome(told, rawArgs));
    },
  });
}
