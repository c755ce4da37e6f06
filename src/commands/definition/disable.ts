import type { CommandDefinition } from "./definition.ts";
import { CHANGING_EXITS, JOURNAL, SHARED } from "./shared.ts";

/** All there is to say of `offload disable`. */
export const DISABLE = {
  name: "disable",
  summary: "Turn offloads off, now and in XAPI's records",
  about: [
    "Turns off everything that can be off: in the kernel, with one write a device, and in XAPI's records, which the toolstack applies when it plugs the interface. Both are read back, and what they show is the result. A second run changes nothing and says so.",
    "Every target is checked first: one that is unknown or ambiguous, and nothing is touched. A change of the whole host, and one that was picked from the list, is shown and confirmed before it is made; --yes answers beforehand.",
    "On a PIF only what its NIC can do is recorded: a record that cannot be met makes every later plug fail. On a VIF the toolstack reads no record of gro and lro, and rx is always on.",
  ],
  args: {
    target: SHARED.target,
    features: SHARED.features,
    vm: SHARED.vm,
    pif: SHARED.pif,
    host: SHARED.host,
    pick: {
      type: "boolean",
      description: "choose VMs, NICs and features from a list",
      details:
        "Shows the VMs and NICs in a list that can be searched, then the features, then what is about to change. Needs a terminal.",
    },
    yes: {
      type: "boolean",
      alias: "y",
      description: "do not ask before changing the whole host",
      details: "Does not ask before it changes the whole host, or what was picked.",
    },
    "dry-run": {
      type: "boolean",
      description: "print the commands that would do it",
      details: "Prints the ethtool and xe commands that would do the same, and touches nothing.",
    },
    record: {
      type: "boolean",
      default: true,
      description: "record it in XAPI",
      negativeDescription: "change the kernel only; works without XAPI",
      details:
        "Changes the kernel only. NICs and other devices named by device can be changed so even when XAPI is down.",
    },
    "confirm-within": {
      type: "string",
      valueHint: "seconds",
      value: "seconds",
      description: "put back unless confirmed in that time",
      details:
        "Puts everything back unless it is confirmed within 5 to 3600 seconds, at the prompt or from another login with offload confirm. For work over the very NIC that is being changed.",
    },
    pool: SHARED.pool,
    rolling: SHARED.rolling,
    timeout: SHARED.timeout,
    wait: SHARED.wait,
    verbose: SHARED.verbose,
    json: SHARED.json,
    color: SHARED.color,
    help: SHARED.help,
  },
  examples: [
    { command: "offload disable ALL", meaning: "all NICs of this host, all VMs' VIFs" },
    { command: 'offload disable "web 1" eth1', meaning: "one VM and one NIC" },
    { command: "offload disable ALL --dry-run", meaning: "what would be done, as commands" },
    { command: "offload disable eth0 --confirm-within 60", meaning: "safe over SSH" },
    { command: "offload disable --pick", meaning: "choose from a list" },
    { command: "offload disable eth1 --features tso,gso", meaning: "two features of one NIC" },
    { command: "offload disable ALL --yes", meaning: "without the question, for scripts" },
    { command: "offload disable eth0 --no-record", meaning: "the kernel only, even without XAPI" },
  ],
  touches: [
    { layer: "live", what: "features in the kernel" },
    { layer: "recorded", what: "other-config:ethtool-* of PIFs and VIFs in XAPI" },
    { layer: "notes", what: JOURNAL },
  ],
  exits: CHANGING_EXITS,
  sought: ["off", "turn-off", "apply", "fix", "all", "set"],
} as const satisfies CommandDefinition;
