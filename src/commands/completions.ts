import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { type Result, success, usage } from "../offload/result.ts";
import { listed, quoted } from "../offload/wording.ts";
import { cittyOf, parseArguments } from "./arguments.ts";
import { bashCompletion } from "./completion/bash.ts";
import { fishCompletion } from "./completion/fish.ts";
import { zshCompletion } from "./completion/zsh.ts";
import { COMPLETIONS } from "./definition/completions.ts";
import { SHELLS } from "./definition/words.ts";
import type { Invocation } from "./invocation.ts";

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
