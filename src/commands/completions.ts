import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { Invocation } from "../cli/command.ts";
import { bashCompletion } from "../cli/completions/bash.ts";
import { fishCompletion } from "../cli/completions/fish.ts";
import { zshCompletion } from "../cli/completions/zsh.ts";
import { cittyOf, parseArguments } from "../cli/parse-args.ts";
import { COMPLETIONS } from "../cli/specs/completions.ts";
import { SHELLS } from "../cli/specs/words.ts";
import { type Result, success, usage } from "../core/result.ts";
import { listed, quoted } from "../core/text.ts";

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], () => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `offload completions`: the script that a shell needs to complete command lines of this program. */
export function completionsCommand(invocation: Invocation): CommandDef {
  return defineCommand<ArgsDef>({
    ...cittyOf(COMPLETIONS),
    async run() {
      const script = scriptFor(invocation.rawArgs);
      invocation.print(script);
    },
  });
}

function scriptFor(rawArgs: readonly string[]): Result<string> {
  const given = parseArguments(COMPLETIONS.args, rawArgs);
  if (!given.ok) return given;
  const [word = "", ...more] = given.value.positionals;
  const shell = SHELLS.find((one) => one === word);
  if (shell === undefined || more.length > 0) {
    const what = word === "" || more.length > 0 ? "name one shell" : `${quoted(word)} is no shell`;
    return usage("unknown-shell", `${what}; say ${listed(SHELLS)}`.replace(" and ", " or "));
  }
  return success(SCRIPTS[shell]());
}
