import { KIND_ARGS, OUTPUT_ARGS, SHARED_ARGS } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload status`. */
export const STATUS = {
  name: "status",
  summary: "Show what is on and off, live and in XAPI",
  about: [
    "Says what is on and off, without a verdict on it: in a sentence each for NICs and guest interfaces, then in a table of devices that are alike, or with --all of every device. A cell is what is live and what the setting in XAPI says: on/off is on now, and off from the next plug on. A change that is still pending comes first; what is installed for boot, and what networkd will do at its next start, comes last.",
    "Where XAPI does not answer, it shows what the kernel alone knows, and ends with 3.",
  ],
  args: {
    target: SHARED_ARGS.target,
    features: SHARED_ARGS.features,
    ...KIND_ARGS,
    all: {
      type: "boolean",
      description: "a line for each device, with its VM",
      details: "Shows a line for each device, with the name of its VM, instead of one for all that are alike.",
    },
    pool: SHARED_ARGS.pool,
    timeout: SHARED_ARGS.timeout,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload status", meaning: "the whole host" },
    { command: 'offload status "web 1"', meaning: "one VM" },
    { command: "offload status eth0 --features tso,gro,rxvlan", meaning: "some features" },
    { command: "offload status --all | grep web", meaning: "each device of some VMs" },
    { command: "offload status --json", meaning: "for programs" },
  ],
  effects: [],
  exitCodes: {
    0: "shown",
    2: "usage",
    3: "not all could be seen: not root, no dom0, no answer from XAPI",
  },
  synonyms: ["show", "list", "ls", "info", "get", "devices"],
} as const satisfies CommandDefinition;
