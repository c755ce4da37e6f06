import { OUTPUT_ARGS, SHARED_ARGS } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload doctor`. */
export const DOCTOR = {
  name: "doctor",
  summary: "Describe the host on one page, for a support ticket",
  about: [
    "Shows on one page what support asks for: product and versions, drivers and firmware of the NICs, what is on, off, fixed, stored in XAPI and installed for boot, settings that nothing reads, scripts and rules of others that touch offloads, and what to do, each step with its command. Like offload verify it follows the policy.",
    "It shows what it can: where XAPI does not answer or a file cannot be read, it says so and goes on.",
  ],
  args: {
    redact: {
      type: "boolean",
      description: "placeholders for names and addresses",
      details:
        "Puts placeholders in the place of the names of VMs, hosts and networks, and of addresses. The same thing has the same one in every line. UUIDs stay. Look the page over all the same.",
    },
    pool: SHARED_ARGS.pool,
    timeout: SHARED_ARGS.timeout,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload doctor", meaning: "the page" },
    { command: "offload doctor --redact", meaning: "without names, to share publicly" },
    { command: "offload doctor --redact --json", meaning: "for programs" },
  ],
  effects: [],
  exitCodes: {
    0: "off now, and nothing known will turn it on again",
    1: "something is on or will come back, or a setting or boot piece is wrong",
    2: "usage",
    3: "not all could be looked at: not root, no dom0, no answer from XAPI",
  },
  synonyms: ["diagnose", "support", "bug", "ticket", "debug"],
} as const satisfies CommandDefinition;
