import type { CommandDefinition } from "./definition.ts";
import { SHARED } from "./shared.ts";

/** All there is to say of `offload verify`. */
export const VERIFY = {
  name: "verify",
  summary: "Check that offloads are off and will stay off",
  about: [
    'Holds the kernel, XAPI\'s records and what persist installed against "off", and says what differs and which command mends it. Without a target it looks at the whole host.',
    "It also finds what ethtool -k does not show: features that will come on by themselves, records that nothing reads (ethtoolrx, ethtool-sgo, OFF), and records that the NIC can never satisfy. A feature that the driver holds on is no fault, unless --strict is given.",
  ],
  args: {
    target: SHARED.target,
    features: SHARED.features,
    vm: SHARED.vm,
    pif: SHARED.pif,
    host: SHARED.host,
    strict: {
      type: "boolean",
      description: "count what the driver holds on as wrong",
      details: "Lets features that the driver holds on count as wrong.",
    },
    nagios: {
      type: "boolean",
      description: "one line, as a monitoring plugin",
      details:
        "Prints one line with performance data, and ends with the codes of a monitoring plugin: 0 OK, 1 WARNING (off now, and coming back), 2 CRITICAL (on), 3 UNKNOWN, a wrong command line included.",
    },
    pool: SHARED.pool,
    timeout: SHARED.timeout,
    json: SHARED.json,
    color: SHARED.color,
    help: SHARED.help,
  },
  examples: [
    { command: "offload verify", meaning: "the whole host" },
    { command: 'offload verify "web 1"', meaning: "one VM" },
    { command: "offload verify eth0 --features tso,gro", meaning: "two features of one NIC" },
    { command: "offload verify --json", meaning: "for programs" },
    { command: "offload verify --nagios", meaning: "for a monitoring system" },
  ],
  touches: [],
  exits: {
    0: "everything that can be off is off, and will stay so",
    1: "something that could be off is on, or a record or boot piece is missing or wrong",
    2: "usage",
    3: "could not be determined: not root, no dom0, no answer from XAPI",
  },
  sought: ["check", "test", "audit"],
} as const satisfies CommandDefinition;
