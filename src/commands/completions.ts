import manPage from "../../packaging/offload.8" with { type: "text" };
import { defineOffloadCommand } from "../cli/command.ts";
import { generateBashCompletion } from "../cli/completions/bash.ts";
import { generateFishCompletion } from "../cli/completions/fish.ts";
import { generateZshCompletion } from "../cli/completions/zsh.ts";
import { COMPLETIONS } from "../cli/specs/completions.ts";
import { SHELLS } from "../cli/specs/words.ts";
import { usageError } from "../core/command-error.ts";
import { joinAnd, quote } from "../core/text.ts";

const SCRIPT_GENERATORS: Readonly<Record<(typeof SHELLS)[number], () => string>> = {
  bash: generateBashCompletion,
  zsh: generateZshCompletion,
  fish: generateFishCompletion,
};

/**
 * `offload completions`: the script that a shell needs to complete command lines of this program. `offload completions
 * man` is for install.sh: the manual page.
 */
export const completionsCommand = defineOffloadCommand(null, COMPLETIONS, async ({ positionals }) => {
  const [word = "", ...extra] = positionals;
  if (word === "man" && extra.length === 0) return { text: manPage };
  const shell = SHELLS.find((name) => name === word);
  if (shell === undefined || extra.length > 0) {
    const problem = word === "" || extra.length > 0 ? "name one shell" : `${quote(word)} is not a supported shell`;
    throw usageError("unknown-shell", `${problem}; say ${joinAnd(SHELLS)}`.replace(" and ", " or "));
  }
  return { text: SCRIPT_GENERATORS[shell]() };
});
