import { DEFAULT_KEYWORDS, KEYWORDS } from "../../offload/features.ts";
import type { ArgumentDefinition } from "./definition.ts";

/** The arguments that several commands share. */
export const SHARED = {
  target: {
    type: "positional",
    required: false,
    valueHint: "target...",
    value: "target",
    description: "ALL, a VM, PIF, VIF; see offload help targets",
    details:
      "ALL (in capital letters), a VM by name or UUID, a PIF by device or UUID, a VIF by UUID; several at once.",
  },
  features: {
    type: "string",
    valueHint: "list",
    value: "features",
    description: "such as tso,gso; see offload help features",
    details: `Features, separated by commas: ${KEYWORDS.join(", ")}. Without it ${DEFAULT_KEYWORDS.join(", ")}.`,
  },
  vm: {
    type: "string",
    valueHint: "name",
    value: "vm",
    group: "kind",
    description: "a VM, where the name alone is ambiguous",
    details:
      "A VM, by name or UUID, where the name alone is ambiguous. May be given several times.",
  },
  pif: {
    type: "string",
    valueHint: "device",
    value: "pif",
    group: "kind",
    description: "a PIF, where the name alone is ambiguous",
    details:
      "A PIF, by device or UUID, where the name alone is ambiguous. May be given several times.",
  },
  host: {
    type: "boolean",
    group: "kind",
    description: "the whole host, where a VM is called ALL",
    details: "The whole host, as ALL is, where a VM is called ALL.",
  },
  pool: {
    type: "boolean",
    group: "pool",
    description: "every host of the pool, each called by XAPI",
    details:
      "Every host of the pool: all NICs, and the VIFs of all VMs. Each host does its part itself, called by XAPI, for which offload is installed there, too, as /etc/xapi.d/plugins/offload. The report has a row a host.",
  },
  rolling: {
    type: "boolean",
    group: "pool",
    description: "one host after the other, as long as all is well",
    details:
      "With --pool: one host after the other, the one that this runs on last, and no further once a host is not as it should be afterwards.",
  },
  timeout: {
    type: "string",
    valueHint: "s",
    value: "seconds",
    group: "pool",
    description: "how long a host may take (120)",
    details:
      "With --pool: how long a host may take to answer before it counts as unreachable, 1 to 240 seconds. Without it: 120.",
  },
  wait: {
    type: "string",
    valueHint: "seconds",
    value: "seconds",
    description: "wait for another offload that is at work",
    details: "How long to wait while another offload is at work. Without it: not at all.",
  },
  verbose: {
    type: "boolean",
    alias: "v",
    description: "a line on stderr for each object",
    details:
      "Writes a line to standard error for each device and each record as it is changed. Without it a terminal shows how far the work is, once it lasts longer than a second.",
  },
  json: {
    type: "boolean",
    group: "manner",
    description: "print one JSON document",
    details: "Prints one JSON document, of the form that schema/report.schema.json describes.",
  },
  color: {
    type: "boolean",
    default: true,
    group: "manner",
    description: "use colour",
    negativeDescription: "print no colour",
    details: "Prints no colour, as NO_COLOR in the environment does, whatever its value.",
  },
  help: {
    type: "boolean",
    alias: "h",
    group: "manner",
    description: "show this help",
    details: "Shows the help of the command.",
  },
} as const satisfies Readonly<Record<string, ArgumentDefinition>>;

/** What the exit codes mean to a command that changes something. */
export const CHANGING_EXITS = {
  0: "done",
  1: "partly: still on, or not recorded",
  2: "usage or not confirmed: nothing touched",
  3: "not possible: not root, no dom0 or no XAPI",
} as const;

/** Where a command keeps what was there before. */
export const JOURNAL = "/var/lib/offload (what was there before)";
