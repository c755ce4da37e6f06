import type { CommandDefinition } from "./definition.ts";
import { SHARED } from "./shared.ts";

/** All there is to say of `offload restore`. */
export const RESTORE = {
  name: "restore",
  summary: "Put back exactly what was there before",
  about: [
    "Puts back what the kernel and XAPI's records showed before the first disable: values as they were, keys that were not there removed. Without a target it puts back everything that was changed, after a confirmation.",
    "What somebody else has changed since is not trampled: it is named, and put back with --force only. What persist installed stays: offload persist --remove takes it away.",
  ],
  args: {
    target: {
      ...SHARED.target,
      description: "what to put back; else everything",
      details: "What to put back; without any, everything that was changed.",
    },
    vm: SHARED.vm,
    pif: SHARED.pif,
    host: SHARED.host,
    yes: {
      type: "boolean",
      alias: "y",
      description: "do not ask before putting all of it back",
      details: "Does not ask before it puts everything back.",
    },
    "dry-run": {
      type: "boolean",
      description: "print the commands that would do it",
      details: "Prints the ethtool and xe commands that would do the same, and touches nothing.",
    },
    force: {
      type: "boolean",
      description: "put back what others have changed, too",
      details: "Puts back what somebody else has changed since, too.",
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
    { command: "offload restore", meaning: "everything as it was before the first disable" },
    { command: "offload restore eth0", meaning: "one NIC" },
    { command: "offload restore --dry-run", meaning: "what would be done, as commands" },
    { command: "offload restore --yes", meaning: "without the question, for scripts" },
  ],
  touches: [
    { layer: "live", what: "features of devices in the kernel" },
    { layer: "recorded", what: "other-config:ethtool-* of PIFs and VIFs in XAPI" },
    { layer: "notes", what: "/var/lib/offload (forgets what is put back)" },
  ],
  exits: {
    0: "everything asked for is as it was",
    1: "partly: something could not be put back",
    2: "usage or not confirmed: nothing touched",
    3: "not possible: not root, no dom0 or no XAPI",
  },
  sought: ["undo", "revert", "rollback", "enable", "on", "reset", "back"],
} as const satisfies CommandDefinition;
