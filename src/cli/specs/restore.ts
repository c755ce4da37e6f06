import { DISABLE } from "./disable.ts";
import { DISK_EFFECT, KIND_ARGS, OUTPUT_ARGS, SHARED_ARGS, XAPI_EFFECT } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload restore`. */
export const RESTORE = {
  name: "restore",
  summary: "Restore exactly what was there before",
  about: [
    "Restores the originals that are stored in XAPI: settings as they were before the first disable, those that were not there removed, and features as they were, exactly within the same boot. They are out of the policy then. It works on every host of the pool, after a reboot, a reinstall, a migration, and on a clone.",
    "Without a target it restores everything, and removes what persist installed. Whatever goes beyond what was named one by one is shown and confirmed first.",
    "What someone else has changed since is left alone and reported; --force restores it, too. Restored NICs are replugged by XAPI, because networkd remembers their offloads from the last plug and would apply them when it starts; --no-replug leaves that out. With --confirm-within they are plugged after the confirmation, and the plug itself cannot be reverted. A change of the same that is still pending is reverted first; one of other devices is left alone, and one of some of these devices has to be confirmed or reverted before.",
  ],
  args: {
    target: {
      ...SHARED_ARGS.target,
      valueKind: "restorable",
      description: "what to restore; else everything",
      details: "What to restore; without any, everything that was changed. Templates and snapshots are named by UUID.",
    },
    features: {
      ...SHARED_ARGS.features,
      details: "Features, separated by commas. Without it everything that was changed.",
    },
    ...KIND_ARGS,
    pick: {
      type: "boolean",
      description: "choose VMs and NICs from a list",
      details:
        "Shows the VMs and NICs that have something to be restored in a list that can be searched. Needs a terminal.",
    },
    yes: {
      ...SHARED_ARGS.yes,
      details: "Does not ask before it restores everything, ALL, NICS, VIFS or what was picked.",
    },
    "confirm-within": DISABLE.args["confirm-within"],
    "dry-run": DISABLE.args["dry-run"],
    replug: {
      type: "boolean",
      default: true,
      description: "have XAPI replug restored NICs",
      negativeDescription: "do not replug restored NICs",
      details:
        "Does not have XAPI replug restored NICs: networkd then remembers their offloads as the last plug said, and applies that when it starts.",
    },
    force: {
      type: "boolean",
      description: "restore what others have changed, too",
      details: "Restores what someone else has changed since, too.",
    },
    pool: SHARED_ARGS.pool,
    rolling: SHARED_ARGS.rolling,
    timeout: SHARED_ARGS.timeout,
    wait: SHARED_ARGS.wait,
    verbose: SHARED_ARGS.verbose,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload restore", meaning: "everything as it was before the first disable" },
    { command: "offload restore eth0", meaning: "one NIC" },
    { command: "offload restore --dry-run", meaning: "what would be done, as commands" },
    { command: "offload restore --yes", meaning: "without the question, for scripts" },
  ],
  effects: [
    { layer: "live", description: "features in the kernel" },
    { layer: "xapi", description: XAPI_EFFECT },
    { layer: "boot", description: "what persist installed" },
    { layer: "disk", description: DISK_EFFECT },
  ],
  exitCodes: {
    0: "restored",
    1: "partly: not all was restored",
    2: "usage or not confirmed: nothing changed",
    3: "not possible: not root, no dom0 or no XAPI",
  },
  synonyms: ["undo", "revert", "rollback", "reset", "back"],
} as const satisfies CommandDefinition;
