import type { Feature } from "./features.ts";

/**
 * What each problem means for the exit code. `drift`: something that could be off is on, or a
 * setting is missing or wrong. `undone`: something that was asked for could not be carried out.
 * `unknown`: the state could not be determined. `fixed`: counts only under --strict.
 */
export const PROBLEM_SEVERITIES = {
  "live-on": "drift",
  "requested-on": "drift",
  "live-fixed": "fixed",
  "setting-missing": "drift",
  "setting-on": "drift",
  "setting-invalid": "drift",
  "setting-unsupported": "drift",
  "networkd-turns-on": "drift",
  "boot-not-installed": "drift",
  "boot-drift": "drift",
  "boot-third-party": "drift",
  "boot-masked": "drift",
  "boot-failed": "undone",
  "state-write-failed": "undone",
  "write-failed": "undone",
  "live-off": "undone",
  "setting-off": "undone",
  "plug-failed": "undone",
  "plug-unsafe": "undone",
  "setting-write-failed": "undone",
  "setting-not-attempted": "undone",
  conflict: "undone",
  "policy-invalid": "undone",
  "policy-write-failed": "undone",
  "restore-on-other-host": "undone",
  "not-persistent": "drift",
  "gro-not-persistent": "drift",
  incomplete: "undone",
  interrupted: "undone",
  reverted: "undone",
  "device-removed": "undone",
  "domain-mismatch": "unknown",
  "xenstore-unavailable": "unknown",
  "vm-migrating": "unknown",
  "live-on-other-host": "unknown",
  "device-missing": "unknown",
  "device-unreadable": "unknown",
  "settings-unreadable": "unknown",
  "xapi-unavailable": "unknown",
  "not-readable": "unknown",
} as const;

/** The code of a problem, stable for programs. */
export type ProblemCode = keyof typeof PROBLEM_SEVERITIES;

/** Something that keeps the answer from being a plain yes. */
export interface Problem {
  readonly code: ProblemCode;
  /** A sentence that says what is wrong and, where there is one, what to run. */
  readonly message: string;
  /** What the message calls the interface; it then begins with this and a colon. */
  readonly interface?: string;
  readonly device?: string;
  readonly uuid?: string;
  /** The features that it is about. */
  readonly features?: readonly Feature[];
  /** What fixes it on this interface alone; the message then ends with it. */
  readonly command?: string;
}

const NOTE_CODES = [
  "vms-on-other-hosts",
  "deferred",
  "no-vifs",
  "setting-ineffective",
  "no-setting",
  "not-persisted",
  "still-persisted",
  "networkd-until-replug",
  "networkd-turns-off",
  "networkd-not-saved",
  "gone",
  "original-unknown",
  "idle-tap",
  "confirmed-in-other-session",
  "boot-removed",
  "templates-kept",
  "boot-not-updated",
  "boot-third-party",
  "boot-masked",
  "replug-not-revertible",
  "other-hosts-outdated",
  "networkd-unreadable",
  "not-tried",
  "sriov",
  "kept-off",
  "settings-of-others",
] as const;

/** The code of a note, stable for programs. */
export type NoteCode = (typeof NOTE_CODES)[number];

/** Something worth knowing that is no problem. */
export interface Note {
  readonly code: NoteCode;
  readonly message: string;
  /** What the message calls the interface; it then begins with this and a colon. */
  readonly interface?: string;
  readonly device?: string;
  readonly uuid?: string;
  /** The features that it is about. */
  readonly features?: readonly Feature[];
  /** What fixes it on this interface alone; the message then ends with it. */
  readonly command?: string;
}

/** Exit codes, the whole table; signals end the process by themselves (130, 143). */
export const EXIT_CODES = { success: 0, problems: 1, usage: 2, unavailable: 3 } as const;

/** One of the exit codes. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/**
 * The exit code that follows from the problems. What is known to be wrong outranks what is not
 * known: whoever asks must not take a found drift for a failure to look. A command that changes
 * things has done its work partly where it cannot see the result.
 */
export function computeExitCode(
  problems: readonly Problem[],
  options: { readonly strict: boolean; readonly changing: boolean },
): ExitCode {
  const severities = new Set<string>(problems.map(({ code }) => PROBLEM_SEVERITIES[code]));
  if (severities.has("drift") || severities.has("undone")) return EXIT_CODES.problems;
  if (options.strict && severities.has("fixed")) return EXIT_CODES.problems;
  if (!severities.has("unknown")) return EXIT_CODES.success;
  return options.changing ? EXIT_CODES.problems : EXIT_CODES.unavailable;
}
