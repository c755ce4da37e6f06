import type { CommandDefinition } from "./definition.ts";
import { JOURNAL, SHARED } from "./shared.ts";

/** All there is to say of `offload persist`. */
export const PERSIST = {
  name: "persist",
  summary: "Keep offloads off across reboots and for new VMs",
  about: [
    "Installs a loop of ethtool that runs at boot, in a systemd unit or in one marked block of rc.local, and for ALL a udev rule for guests' interfaces and NICs that appear later. The loop is plain sh, needs neither offload nor XAPI, and can be read. It also runs once, now.",
    "Without a target it covers what disable has turned off on this host. An upgrade from ISO removes what it installed: install offload again and run offload persist, which finds what it has to cover in XAPI's records.",
  ],
  args: {
    target: {
      ...SHARED.target,
      description: "ALL or NICs; else what was turned off",
      details: "ALL or NICs; without any, what disable has turned off on this host.",
    },
    features: SHARED.features,
    vm: SHARED.vm,
    pif: SHARED.pif,
    host: SHARED.host,
    method: {
      type: "string",
      valueHint: "auto|systemd|rc.local",
      value: "method",
      description: "what carries the loop",
      details: "What carries the loop. Without it, or with auto: systemd where it runs.",
    },
    "dry-run": {
      type: "boolean",
      description: "print what would be written",
      details: "Prints every file that would be written, and touches nothing.",
    },
    remove: {
      type: "boolean",
      description: "take away what persist has installed",
      details: "Takes away everything that persist has installed.",
    },
    pool: SHARED.pool,
    rolling: SHARED.rolling,
    timeout: SHARED.timeout,
    wait: SHARED.wait,
    json: SHARED.json,
    color: SHARED.color,
    help: SHARED.help,
  },
  examples: [
    { command: "offload persist", meaning: "what was turned off here stays off" },
    { command: "offload persist ALL", meaning: "everything, later interfaces too" },
    { command: "offload persist --dry-run", meaning: "every file that would be written" },
    { command: "offload persist --remove", meaning: "take it away again" },
  ],
  touches: [
    { layer: "live", what: "features of devices, by running the loop once" },
    {
      layer: "boot",
      what: "/etc/offload/loop; /etc/systemd/system/offload.service or /etc/rc.d/rc.local; /etc/udev/rules.d/95-offload.rules",
    },
    { layer: "notes", what: JOURNAL },
  ],
  exits: {
    0: "installed, or taken away",
    1: "partly: a piece is missing or wrong, or the loop could not finish",
    2: "usage, or nothing to persist",
    3: "not possible: not root, no dom0 or no XAPI",
  },
  sought: ["install", "boot", "enable-at-boot", "keep", "save"],
} as const satisfies CommandDefinition;
