import { DISABLE } from "./disable.ts";
import { DISK_EFFECT, KIND_ARGS, OUTPUT_ARGS, SHARED_ARGS, XAPI_EFFECT } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload persist`. */
export const PERSIST = {
  name: "persist",
  summary: "Keep offloads off across reboots and for new VMs",
  about: [
    "Installs a boot script that turns off what the policy asks for. It runs at boot, from a systemd unit or one marked block of rc.local, and from a udev rule whenever a NIC or a VIF appears later: so the gro of a VIF, which XAPI has no setting for, stays off when its VM starts. The script is plain sh, needs neither offload nor XAPI, and can be read.",
    "Without a target it follows the policy in XAPI; with targets it is offload disable first. Either way it turns off now what is still on, after a confirmation. Later changes of the policy on this host are written to the script, too. An upgrade from ISO removes what it installed: install offload again and run offload persist, which finds the policy in XAPI.",
  ],
  args: {
    target: {
      ...SHARED_ARGS.target,
      description: "as for disable; else the policy",
      details: "As for offload disable; without any, what the policy asks for.",
    },
    features: SHARED_ARGS.features,
    ...KIND_ARGS,
    method: {
      type: "string",
      valueHint: "auto|systemd|rc.local",
      valueKind: "method",
      description: "what runs the boot script",
      details: "What runs the boot script. Without it, or with auto: systemd where it runs.",
    },
    yes: {
      ...SHARED_ARGS.yes,
      description: "do not ask before turning anything off",
      details: "Does not ask before it turns off what the policy asks for, or ALL, NICS or VIFS.",
    },
    "confirm-within": DISABLE.args["confirm-within"],
    "dry-run": {
      type: "boolean",
      description: "print what would be written",
      details: "Prints every file that would be written, and changes nothing.",
    },
    remove: {
      type: "boolean",
      description: "remove what persist has installed",
      details:
        "Removes everything that persist has installed. The policy stays. What is in the place of its files and was not written by offload is left alone, and named.",
    },
    pool: SHARED_ARGS.pool,
    rolling: SHARED_ARGS.rolling,
    timeout: SHARED_ARGS.timeout,
    wait: SHARED_ARGS.wait,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload persist", meaning: "what the policy asks for stays off" },
    { command: "offload persist ALL", meaning: "everything, later interfaces too" },
    { command: "offload persist --dry-run", meaning: "every file that would be written" },
    { command: "offload persist --remove", meaning: "remove it again" },
  ],
  effects: [
    { layer: "live", description: "features that are still on" },
    { layer: "xapi", description: XAPI_EFFECT },
    {
      layer: "boot",
      description: "boot script, unit or rc.local, udev rule",
    },
    { layer: "disk", description: DISK_EFFECT },
  ],
  exitCodes: {
    0: "installed, or removed",
    1: "partly, or something else is in the way",
    2: "usage or not confirmed: nothing changed",
    3: "not possible: not root, no dom0 or no XAPI",
  },
  synonyms: ["install", "boot", "enable-at-boot", "keep", "save"],
} as const satisfies CommandDefinition;
