import type { CommandDefinition } from "./definition.ts";
import { SHARED } from "./shared.ts";

/** All there is to say of `offload doctor`. */
export const DOCTOR = {
  name: "doctor",
  summary: "Describe the host on one page, for a support ticket",
  about: [
    "Tells in one page what somebody else would ask for: product and versions, drivers and firmware of the NICs, what is on, off, fixed, recorded and installed for boot, records that nothing reads, scripts and rules of others that touch offloads, and what to do, each step with its command.",
    "It tells what it can: where XAPI does not answer or a file cannot be read, it says so and goes on.",
  ],
  args: {
    redact: {
      type: "boolean",
      description: "placeholders for names and addresses",
      details:
        "Puts placeholders in the place of the names of VMs, hosts and networks, and of addresses. The same thing has the same one in every line. UUIDs stay. Look the page over all the same.",
    },
    json: SHARED.json,
    color: SHARED.color,
    help: SHARED.help,
  },
  examples: [
    { command: "offload doctor", meaning: "the page" },
    { command: "offload doctor --redact", meaning: "without names, for strangers" },
    { command: "offload doctor --redact --json", meaning: "for programs" },
  ],
  touches: [],
  exits: {
    0: "everything that can be off is off, and will stay so",
    1: "something that could be off is on, or a record or boot piece is missing or wrong",
    2: "usage",
    3: "not all could be looked at: not root, no dom0, no answer from XAPI",
  },
  sought: ["diagnose", "support", "bug", "ticket", "debug"],
} as const satisfies CommandDefinition;
