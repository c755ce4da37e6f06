import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { CommandContext } from "../cli/command.ts";
import { generateBashCompletion } from "../cli/completions/bash.ts";
import { generateFishCompletion } from "../cli/completions/fish.ts";
import { generateZshCompletion } from "../cli/completions/zsh.ts";
import { parseArguments, toCittyMeta } from "../cli/parse-args.ts";
import { COMPLETIONS } from "../cli/specs/completions.ts";
import { SHELLS } from "../cli/specs/words.ts";
import { attempt, usageError } from "../core/command-error.ts";
import { joinAnd, quote } from "../core/text.ts";

const SCRIPT_GENERATORS: Readonly<Record<(typeof SHELLS)[number], () => string>> = {
  bash: generateBashCompletion,
  zsh: generateZshCompletion,
  fish: generateFishCompletion,
};

/** `offload completions`: the script that a shell needs to complete command lines of this program. */
export function createCompletionsCommand(context: CommandContext): CommandDef {
  return defineCommand<ArgsDef>({
    ...toCittyMeta(COMPLETIONS),
    async run() {
      const script = attempt(() => generateScript(context.rawArgs));
      context.print(script);
    },
  });
}

function generateScript(rawArgs: readonly string[]): string {
  const args = parseArguments(COMPLETIONS.args, rawArgs);
  const [word = "", ...extra] = args.positionals;
  const shell = SHELLS.find((name) => name === word);
  if (shell === undefined || extra.length > 0) {
    const problem = word === "" || extra.length > 0 ? "name one shell" : `${quote(word)} is no shell`;
    throw usageError("unknown-shell", `${problem}; say ${joinAnd(SHELLS)}`.replace(" and ", " or "));
  }
  return SCRIPT_GENERATORS[shell]();
}
