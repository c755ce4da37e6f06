import type { CommandDefinition } from "./definition.ts";
import { CHANGING_EXITS, JOURNAL, SHARED } from "./shared.ts";

/** All there is to say of `offload confirm`. */
export const CONFIRM = {
  name: "confirm",
  summary: "Keep a change that is on trial",
  about: [
    "Keeps what offload disable --confirm-within has put on trial, and records it in XAPI. It is for another login than the one that asked: should that one be cut off, log in again and confirm, or let the time pass and have everything put back.",
  ],
  args: {
    verbose: SHARED.verbose,
    json: SHARED.json,
    color: SHARED.color,
    help: SHARED.help,
  },
  examples: [
    { command: "offload disable eth0 --confirm-within 60", meaning: "first, put it on trial" },
    { command: "offload confirm", meaning: "then keep it, from any login" },
  ],
  touches: [
    { layer: "recorded", what: "other-config:ethtool-* of PIFs and VIFs in XAPI" },
    { layer: "notes", what: JOURNAL },
  ],
  exits: { ...CHANGING_EXITS, 2: "usage, or nothing is on trial" },
  sought: ["accept", "commit", "yes"],
} as const satisfies CommandDefinition;
