import { SHARED_ARGS } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload completions`. */
export const COMPLETIONS = {
  name: "completions",
  summary: "Print the completions of a shell",
  about: [
    "Prints a script that lets a shell complete commands, options, features, and the VMs and devices of this host. The installer and the RPM install it where the shell looks for it.",
  ],
  args: {
    shell: {
      type: "positional",
      required: false,
      valueHint: "shell",
      valueKind: "shell",
      description: "bash, zsh or fish",
      details: "bash, zsh or fish.",
    },
    help: SHARED_ARGS.help,
  },
  examples: [
    { command: "source <(offload completions bash)", meaning: "in this bash, now" },
    { command: "offload completions fish | source", meaning: "in this fish, now" },
    { command: "offload completions zsh > _offload", meaning: "for a directory of zsh's fpath" },
  ],
  effects: [],
  exitCodes: { 0: "printed", 2: "usage" },
  synonyms: ["completion", "complete"],
} as const satisfies CommandDefinition;
