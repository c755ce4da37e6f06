import { DISK_EFFECT, KIND_ARGS, OUTPUT_ARGS, SHARED_ARGS } from "./shared.ts";
import type { CommandDefinition } from "./spec.ts";

/** All there is to say of `offload bisect`. */
export const BISECT = {
  name: "bisect",
  summary: "Find which offloads cause a problem, if any",
  about: [
    "Turns offloads of the targets off and on until it knows the fewest that have to be off for a problem to be gone, and on which devices. Everything is live only, nothing reaches XAPI, and everything is restored at the end, by the exact bits that were there. It is restored on Ctrl-C and hang-up, too, and by a revert timer should this process die.",
    "First the problem has to be there with the features as they are, and gone with all of them off. Where it is not there, there is nothing to look for (2). Where it stays, offloads are not the cause (1), and that is a result.",
    "A command given with --check says whether the problem is gone, as with git bisect run: it is run by /bin/sh -c, and 0 means good, 125 that it cannot tell (it is tried again, three times in all), 126, 127 and more that the check itself is wrong and the search ends, and anything else bad. Without it the person at the terminal is asked.",
    "Devices that are alike are tried as one first. The kernel turns some features off with others (tso with tx, gso and tso with sg): what reads back as off is what was tried, and what only went along is named apart from the cause.",
  ],
  args: {
    target: SHARED_ARGS.target,
    features: SHARED_ARGS.features,
    ...KIND_ARGS,
    check: {
      type: "string",
      valueHint: "command",
      valueKind: "word",
      description: "exits 0 when the problem is gone",
      details:
        "A command that exits 0 when the problem is gone, run by /bin/sh -c in a process group of its own. What it prints goes to standard error. Without it the person at the terminal is asked at each step.",
    },
    repeat: {
      type: "string",
      valueHint: "n",
      valueKind: "word",
      description: "gone only if good N times in a row (1)",
      details:
        "For problems that come and go: the problem counts as gone only when the check is good so many times in a row, 1 to 1000. Without it: 1.",
    },
    settle: {
      type: "string",
      valueHint: "seconds",
      valueKind: "seconds",
      description: "wait after each change, for links that reset",
      details:
        "How long to wait after each change before the check, for NICs whose link resets. Without it: not at all.",
    },
    timeout: {
      type: "string",
      valueHint: "seconds",
      valueKind: "seconds",
      description: "a check that takes longer is bad (60)",
      details:
        "A check that takes longer than so many seconds, 1 to 3600, is ended and counts as bad; without it: 60. Without --check it is how long an answer may take before everything is restored; without it: 600.",
    },
    wait: SHARED_ARGS.wait,
    ...OUTPUT_ARGS,
  },
  examples: [
    { command: "offload bisect pfSense", meaning: "asks at each step" },
    { command: "offload bisect eth1 --check ./probe", meaning: "a command of yours decides" },
    { command: "offload bisect ALL --check ./probe --repeat 5", meaning: "a problem that is not always there" },
    { command: "offload bisect eth0 eth1 --features tso,gso,gro", meaning: "some features" },
  ],
  effects: [
    { layer: "live", description: "features in the kernel, restored at the end" },
    { layer: "disk", description: DISK_EFFECT },
  ],
  exitCodes: {
    0: "cause found",
    1: "offloads are not the cause, or not all was restored",
    2: "usage, or the problem is not there",
    3: "not possible, or the check failed",
  },
  synonyms: ["find", "search", "cause", "culprit", "which", "narrow"],
} as const satisfies CommandDefinition;
