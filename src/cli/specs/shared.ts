import { DEFAULT_FEATURES, FEATURE_NAMES } from "../../core/features.ts";
import type { ArgumentDefinition } from "./spec.ts";

/** The arguments that several commands share. */
export const SHARED_ARGS = {
  target: {
    type: "positional",
    required: false,
    valueHint: "target...",
    valueKind: "target",
    description: "ALL, NICS, VIFS, a VM, PIF or VIF",
    details:
      "ALL, NICS or VIFS (in capital letters), a VM by name or UUID, a PIF by device or UUID, a VIF by UUID; several at once.",
  },
  features: {
    type: "string",
    valueHint: "list",
    valueKind: "features",
    description: "such as tso,gso; see offload help features",
    details: `Features, separated by commas: ${FEATURE_NAMES.join(", ")}; also by the names that ethtool -k shows, in any case. Without it ${DEFAULT_FEATURES.join(", ")}.`,
  },
  vm: {
    type: "string",
    valueHint: "name",
    valueKind: "vm",
    description: "a VM, where the name alone is ambiguous",
    details: "A VM, by name or UUID, where the name alone is ambiguous. May be given several times.",
  },
  pif: {
    type: "string",
    valueHint: "device",
    valueKind: "pif",
    description: "a PIF, where the name alone is ambiguous",
    details: "A PIF, by device or UUID, where the name alone is ambiguous. May be given several times.",
  },
  host: {
    type: "boolean",
    description: "this whole host, where a VM is called ALL",
    details: "The whole host that this runs on, as ALL is, where a VM is called ALL.",
  },
  yes: {
    type: "boolean",
    alias: "y",
    description: "do not ask for confirmation",
    details: "Does not ask before it changes ALL, NICS or VIFS.",
  },
  pool: {
    type: "boolean",
    description: "on every host of the pool",
    details:
      "Runs the command on every host of the pool, called by XAPI: offload has to be installed on each, as /etc/xapi.d/plugins/offload. ALL means each host's NICs and the VIFs of the VMs that run there; VMs that run nowhere are left to the host that this runs on. A VM, VIF or NIC that is named is worked on where it is; a device name means every host that has it. The report has one row per host.",
  },
  rolling: {
    type: "boolean",
    description: "one host after the other",
    details:
      "With --pool: one host after the other, the one that this runs on last. Stops at the first host that does not complete cleanly; the others are skipped.",
  },
  timeout: {
    type: "string",
    valueHint: "s",
    valueKind: "seconds",
    description: "how long a host may take (30)",
    details:
      "With --pool: how long a host may take to answer before it counts as unreachable, 1 to 240 seconds. Without it: 30.",
  },
  wait: {
    type: "string",
    valueHint: "seconds",
    valueKind: "seconds",
    description: "wait for another offload that is at work",
    details: "How long to wait while another offload is at work, such as 60, 60s or 1m. Without it: not at all.",
  },
  verbose: {
    type: "boolean",
    alias: "v",
    description: "a line on stderr for each object",
    details:
      "Writes a line to standard error for each device and each setting as it is changed. Without it a terminal shows how far the work is, once it lasts longer than a second.",
  },
  json: {
    type: "boolean",
    description: "print one JSON document",
    details: "Prints one JSON document, of the form that schema/report.schema.json describes.",
  },
  color: {
    type: "boolean",
    default: true,
    description: "use color",
    negativeDescription: "print no color",
    details: "Prints no color, as NO_COLOR in the environment does, whatever its value.",
  },
  help: {
    type: "boolean",
    alias: "h",
    description: "show this help",
    details: "Shows the help of the command.",
  },
} as const satisfies Readonly<Record<string, ArgumentDefinition>>;

/** What says of which kind a target is. */
export const KIND_ARGS = {
  vm: SHARED_ARGS.vm,
  pif: SHARED_ARGS.pif,
  host: SHARED_ARGS.host,
} as const;

/** How a report is printed: every command that makes one has these. */
export const OUTPUT_ARGS = {
  json: SHARED_ARGS.json,
  color: SHARED_ARGS.color,
  help: SHARED_ARGS.help,
} as const;

/** What the exit codes mean to a command that changes something. */
export const CHANGE_EXIT_CODES = {
  0: "done",
  1: "partly: still on, or not stored",
  2: "usage or not confirmed: nothing changed",
  3: "not possible: not root, no dom0 or no XAPI",
} as const;

/** What a change stores in XAPI. */
export const XAPI_EFFECT = "other-config (settings, policy, originals)";

/** What a change keeps on disk. */
export const DISK_EFFECT = "/var/lib/offload";
