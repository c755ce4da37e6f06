import { generateBashCompletion } from "../../src/cli/completions/bash.ts";
import { generateFishCompletion } from "../../src/cli/completions/fish.ts";
import { generateZshCompletion } from "../../src/cli/completions/zsh.ts";
import { commandReference } from "./command-reference.ts";
import { manPage } from "./man-page.ts";

/** Every file that is made from the definitions of the commands, by its path in the project. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  "packaging/offload.8": manPage,
  "packaging/completions/offload.bash": generateBashCompletion,
  "packaging/completions/_offload": generateZshCompletion,
  "packaging/completions/offload.fish": generateFishCompletion,
  "docs/commands.md": commandReference,
};
