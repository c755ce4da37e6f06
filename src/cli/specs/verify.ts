import { KIND_ARGS, OUTPUT_ARGS, SHARED_ARGS } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload verify`. */
export const VERIFY = {
  name: "verify",
  summary: "Check that offloads are off and will stay off",
  about: [
    "Without a target it holds this host against the policy: is everything off that offload disable was asked to turn off, and will it stay off? Where there is no policy, or with ALL, everything is expected off. It says what differs, and names the smallest command that fixes it.",
    "It also finds what ethtool -k does not show: features that will turn themselves on, settings that nothing reads (ethtoolrx, ethtool-sgo, OFF), settings that the NIC cannot apply, features that no setting and no boot script keeps off, and what networkd will turn on at its next start. A feature that the driver does not let anyone turn off is no fault, unless --strict is given.",
  ],
  args: {
    target: SHARED_ARGS.target,
    features: {
      ...SHARED_ARGS.features,
      details:
        "Features, separated by commas. Without it what the policy asks for, or where there is none those that offload disable turns off.",
    },
    ...KIND_ARGS,
    strict: {
      type: "boolean",
      description: "count features that are fixed on as wrong",
      details: "Counts features that the driver does not let anyone turn off as wrong.",
    },
    nagios: {
      type: "boolean",
      description: "one line, as a monitoring plugin",
      details:
        "Prints one line with performance data, and ends with the codes of a monitoring plugin: 0 OK, 1 WARNING (off now, but it will come back), 2 CRITICAL (on), 3 UNKNOWN, a wrong command line included.",
    },
    prometheus: {
      type: "boolean",
      description: "metrics for the node exporter",
      details:
        "Prints metrics in the text format of Prometheus, for the textfile collector of the node exporter. The exit code is 0 when there are metrics, whatever they say: offload_verify_state says what was found, or that nothing could be. A wrong command line gives no metrics and exit code 2.",
    },
    verbose: {
      ...SHARED_ARGS.verbose,
      description: "name every interface",
      details: "Names every interface that a line is about, and every command, instead of a few and how many more.",
    },
    pool: SHARED_ARGS.pool,
    timeout: SHARED_ARGS.timeout,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload verify", meaning: "this host, by its policy" },
    { command: 'offload verify "web 1"', meaning: "one VM" },
    { command: "offload verify eth0 --features tso,gro", meaning: "two features of one NIC" },
    { command: "offload verify ALL", meaning: "is everything off?" },
    { command: "offload verify -v", meaning: "every interface by name" },
    { command: "offload verify --json", meaning: "for programs" },
    { command: "offload verify --nagios", meaning: "for Nagios and the like" },
    { command: "offload verify --prometheus", meaning: "for the node exporter of Prometheus" },
  ],
  effects: [],
  exitCodes: {
    0: "off now, and nothing known will turn it on again",
    1: "something is on or will come back, or a setting or boot piece is wrong",
    2: "usage",
    3: "could not be determined: not root, no dom0, no answer from XAPI",
  },
  synonyms: ["check", "test", "audit"],
} as const satisfies CommandDefinition;
