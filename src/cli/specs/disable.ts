import { CHANGE_EXIT_CODES, DISK_EFFECT, KIND_ARGS, OUTPUT_ARGS, SHARED_ARGS, XAPI_EFFECT } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload disable`. */
export const DISABLE = {
  name: "disable",
  summary: "Turn offloads off, now and in XAPI",
  about: [
    "Turns off everything that can be off: in the kernel, with one write per device, and in XAPI, whose settings the toolstack applies when it plugs the interface. Both are read back, and what they show is the result. A second run changes nothing and says so.",
    "With each PIF and VIF it stores the policy, which offload verify and offload persist follow, and the originals, which offload restore brings back. ALL, NICS and VIFS also set the standing rule of this host: what is expected of interfaces to come.",
    "Every target is checked first: if any is unknown or ambiguous, nothing is changed. ALL, NICS, VIFS and what was picked from the list are shown and confirmed before anything is changed; --yes answers beforehand. Over SSH, with a management NIC among the devices, it says so and offers --confirm-within.",
    "On a PIF only settings that its NIC can meet are stored: one that cannot be met makes every later plug fail. On a VIF tx, sg, tso and gso are stored, and rx and ufo only when they are named: netback lets nobody change those. The toolstack reads no setting for gro and lro of a VIF; offload persist keeps them off.",
  ],
  args: {
    target: SHARED_ARGS.target,
    features: SHARED_ARGS.features,
    ...KIND_ARGS,
    pick: {
      type: "boolean",
      description: "choose VMs, NICs and features from a list",
      details:
        "Shows the VMs and NICs in a list that can be searched, then the features, then what is about to change. Needs a terminal.",
    },
    yes: {
      ...SHARED_ARGS.yes,
      details: "Does not ask before it changes ALL, NICS, VIFS or what was picked.",
    },
    "dry-run": {
      type: "boolean",
      description: "print the commands that would do it",
      details: "Prints the ethtool and xe commands that would do the same, and changes nothing.",
    },
    "live-only": {
      type: "boolean",
      description: "change the kernel only; works without XAPI",
      details:
        "Changes the kernel only: nothing is stored in XAPI, and a plug or a reboot brings it back. Works even when XAPI does not answer: on devices by name, and on ALL, NICS and VIFS, which then mean the NICs, vifs and taps that the kernel has.",
    },
    "confirm-within": {
      type: "string",
      valueHint: "seconds",
      valueKind: "seconds",
      description: "revert unless confirmed in that time",
      details:
        "Reverts the change unless it is confirmed within 5 to 3600 seconds, at the prompt or from another login with offload confirm. Until then it is live only, and nothing is stored. For work over the very NIC that is being changed.",
    },
    pool: SHARED_ARGS.pool,
    rolling: SHARED_ARGS.rolling,
    timeout: SHARED_ARGS.timeout,
    wait: SHARED_ARGS.wait,
    verbose: SHARED_ARGS.verbose,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload disable ALL", meaning: "all NICs of this host, all VMs' VIFs" },
    { command: 'offload disable "web 1" eth1', meaning: "one VM and one NIC" },
    { command: "offload disable ALL --dry-run", meaning: "what would be done, as commands" },
    { command: "offload disable eth0 --confirm-within 60", meaning: "safe over SSH" },
    { command: "offload disable --pick", meaning: "choose from a list" },
    { command: "offload disable VIFS", meaning: "all VMs' VIFs, and no NIC" },
    { command: "offload disable eth1 --features tso,gso", meaning: "two features of one NIC" },
    { command: "offload disable ALL --yes", meaning: "without the question, for scripts" },
    { command: "offload disable eth0 --live-only", meaning: "the kernel only, even without XAPI" },
  ],
  effects: [
    { layer: "live", description: "features in the kernel" },
    { layer: "xapi", description: XAPI_EFFECT },
    { layer: "boot", description: "the script of persist" },
    { layer: "disk", description: DISK_EFFECT },
  ],
  exitCodes: CHANGE_EXIT_CODES,
  synonyms: ["off", "turn-off", "apply", "fix", "all", "set"],
} as const satisfies CommandDefinition;
