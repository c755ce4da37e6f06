import { DISABLE } from "./disable.ts";
import { RESTORE } from "./restore.ts";
import { CHANGE_EXIT_CODES, DISK_EFFECT, KIND_ARGS, OUTPUT_ARGS, SHARED_ARGS, XAPI_EFFECT } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload enable`. */
export const ENABLE = {
  name: "enable",
  summary: "Turn offloads on, whoever turned them off",
  about: [
    "The inverse of offload disable: turns on everything that can be on, and removes the settings in XAPI that say off, whoever wrote them, those that nothing reads included. What the driver or the guest keeps off is named. A second run changes nothing and says so.",
    "offload restore brings back what was there before offload; enable is for a host where something else turned offloads off, such as an old script. What it changes is kept as disable keeps it: offload restore undoes an enable, too.",
    "The features leave the policy. Where a wider rule keeps them off, such as that of ALL or of a VM, what is enabled is an exception from it; ALL, NICS and VIFS take the rule itself away. What offload persist installed follows.",
    "Without --features the settings and the policy of lro go too, but lro is not turned on: it must not be on where packets are forwarded, and the toolstack turns it off by itself.",
    "A NIC of which networkd remembers from the last plug that offloads are off is replugged by XAPI, for networkd would turn them off when it starts; --no-replug leaves that out. With --confirm-within NICs are plugged after the confirmation, and the plug itself cannot be reverted.",
  ],
  args: {
    target: SHARED_ARGS.target,
    features: {
      ...SHARED_ARGS.features,
      details: "Features, separated by commas. Without it rx, tx, sg, tso, ufo, gso and gro.",
    },
    ...KIND_ARGS,
    yes: SHARED_ARGS.yes,
    "dry-run": DISABLE.args["dry-run"],
    "live-only": DISABLE.args["live-only"],
    "confirm-within": DISABLE.args["confirm-within"],
    replug: {
      ...RESTORE.args.replug,
      description: "have XAPI replug NICs where networkd remembers off",
      negativeDescription: "do not replug NICs",
      details:
        "Does not have XAPI replug NICs: networkd then remembers their offloads as the last plug said, and applies that when it starts.",
    },
    pool: SHARED_ARGS.pool,
    rolling: SHARED_ARGS.rolling,
    timeout: SHARED_ARGS.timeout,
    wait: SHARED_ARGS.wait,
    verbose: SHARED_ARGS.verbose,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload enable ALL", meaning: "everything on, whoever turned it off" },
    { command: "offload enable eth1", meaning: "one NIC, as an exception from a rule" },
    { command: "offload enable ALL --dry-run", meaning: "what would be done, as commands" },
    { command: "offload enable eth0 --confirm-within 60", meaning: "safe over SSH" },
    { command: "offload enable pfSense --features tx", meaning: "one feature of one VM" },
  ],
  effects: [
    { layer: "live", description: "features in the kernel" },
    { layer: "xapi", description: XAPI_EFFECT },
    { layer: "boot", description: "the script of persist" },
    { layer: "disk", description: DISK_EFFECT },
  ],
  exitCodes: { ...CHANGE_EXIT_CODES, 1: "partly: still off, or not stored" },
  synonyms: ["on", "turn-on", "allow", "inherit"],
} as const satisfies CommandDefinition;
