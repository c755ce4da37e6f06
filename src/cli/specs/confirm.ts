import { CHANGE_EXIT_CODES, DISK_EFFECT, OUTPUT_ARGS, SHARED_ARGS, XAPI_EFFECT } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload confirm`. */
export const CONFIRM = {
  name: "confirm",
  summary: "Keep a pending change",
  about: [
    "Keeps what offload disable --confirm-within has changed, and stores it in XAPI. It is for another login than the one that asked: should that one be cut off, log in again and confirm, or let the time pass and have the change reverted. Until then offload status and offload verify show it first.",
  ],
  args: {
    verbose: SHARED_ARGS.verbose,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload disable eth0 --confirm-within 60", meaning: "first, change it" },
    { command: "offload confirm", meaning: "then keep it, from any login" },
  ],
  effects: [
    { layer: "xapi", description: XAPI_EFFECT },
    { layer: "disk", description: DISK_EFFECT },
  ],
  exitCodes: { ...CHANGE_EXIT_CODES, 2: "usage, or no change is pending" },
  synonyms: ["accept", "commit", "yes"],
} as const satisfies CommandDefinition;
