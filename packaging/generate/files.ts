import { bashCompletion } from "../../src/cli/completions/bash.ts";
import { fishCompletion } from "../../src/cli/completions/fish.ts";
import { zshCompletion } from "../../src/cli/completions/zsh.ts";
import { commandReference } from "./command-reference.ts";
import { manPage } from "./man-page.ts";

/** Every file that is made from the definitions of the commands, by its path in the project. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  "packaging/offload.8": manPage,
  "packaging/completions/offload.bash": bashCompletion,
  "packaging/completions/_offload": zshCompletion,
  "packaging/completions/offload.fish": fishCompletion,
  "docs/commands.md": commandReference,
};
