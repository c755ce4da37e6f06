import { KIND_ARGS, OUTPUT_ARGS, SHARED_ARGS } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload status`. */
export const STATUS = {
  name: "status",
  summary: "Show every device by feature, live and in XAPI",
  about: [
    "Shows a table of devices by features and what is installed for boot, without a verdict. A cell is what is live and what the setting in XAPI says: on/off is on now, and off from the next plug on. A change that is still pending comes first. It also says what networkd will do at its next start.",
    "Where XAPI does not answer, it shows what the kernel alone can tell, and ends with 3.",
  ],
  args: {
    target: SHARED_ARGS.target,
    features: SHARED_ARGS.features,
    ...KIND_ARGS,
    pool: SHARED_ARGS.pool,
    timeout: SHARED_ARGS.timeout,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload status", meaning: "the whole host" },
    { command: 'offload status "web 1"', meaning: "one VM" },
    { command: "offload status eth0 --features tso,gro,rxvlan", meaning: "some features" },
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
