import { CHANGING_EXITS, KEPT_ON_DISK, SHARED, STORED_IN_XAPI } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload confirm`. */
export const CONFIRM = {
  name: "confirm",
  summary: "Keep a pending change",
  about: [
    "Keeps what offload disable --confirm-within has changed, and stores it in XAPI. It is for another login than the one that asked: should that one be cut off, log in again and confirm, or let the time pass and have the change reverted. Until then offload status and offload verify show it first.",
  ],
  args: {
    verbose: SHARED.verbose,
    json: SHARED.json,
    color: SHARED.color,
    help: SHARED.help,
  },
  examples: [
    { command: "offload disable eth0 --confirm-within 60", meaning: "first, change it" },
    { command: "offload confirm", meaning: "then keep it, from any login" },
  ],
  touches: [
    { layer: "xapi", what: STORED_IN_XAPI },
    { layer: "disk", what: KEPT_ON_DISK },
  ],
  exits: { ...CHANGING_EXITS, 2: "usage, or no change is pending" },
  sought: ["accept", "commit", "yes"],
} as const satisfies CommandDefinition;
