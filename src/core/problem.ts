/**
 * What each problem means for the exit code. `drift`: something that could be off is on, or a
 * record is missing or wrong. `undone`: something that was asked for could not be carried out.
 * `unknown`: the truth could not be determined. `fixed`: counts only under --strict.
 */
export const PROBLEMS = {
  "live-on": "drift",
  latent: "drift",
  "live-fixed": "fixed",
  "record-missing": "drift",
  "record-says-on": "drift",
  "record-unreadable": "drift",
  "record-unsatisfiable": "drift",
  "networkd-turns-on": "drift",
  "boot-absent": "drift",
  "boot-wrong": "drift",
  "boot-failed": "undone",
  "state-failed": "undone",
  "write-failed": "undone",
  "plug-failed": "undone",
  "plug-unsafe": "undone",
  "record-failed": "undone",
  "record-not-attempted": "undone",
  conflict: "undone",
  "text-unusable": "undone",
  "text-failed": "undone",
  "live-on-other-host": "undone",
  "not-persistent": "drift",
  "gro-not-persistent": "drift",
  incomplete: "undone",
  interrupted: "undone",
  reverted: "undone",
  "device-vanished": "undone",
  "domain-changed": "unknown",
  "vm-migrating": "unknown",
  "live-elsewhere": "unknown",
  "device-missing": "unknown",
  "device-unreadable": "unknown",
  "records-unknown": "unknown",
  "xapi-unavailable": "unknown",
  "not-read": "unknown",
} as const;

/** The code of a problem, stable for programs. */
export type ProblemCode = keyof typeof PROBLEMS;

/** Something that keeps the answer from being a plain yes. */
export interface Problem {
  readonly code: ProblemCode;
  /** A sentence that says what is wrong and, where there is one, what to run. */
  readonly message: string;
  /** What the message calls the interface; it then begins with this and a colon. */
  readonly interface?: string;
  readonly device?: string;
  readonly uuid?: string;
}

const NOTES = [
  "left-out",
  "takes-effect-later",
  "no-vifs",
  "record-ignored",
  "not-recorded",
  "not-persisted",
  "still-persisted",
  "networkd-until-plug",
  "networkd-turns-off",
  "networkd-not-saved",
  "gone",
  "original-unknown",
  "idle-tap",
  "confirmed-elsewhere",
  "boot-removed",
  "templates-kept",
  "boot-not-updated",
  "plug-unprotected",
  "other-hosts-outdated",
  "networkd-unreadable",
] as const;

/** The code of a note, stable for programs. */
export type NoteCode = (typeof NOTES)[number];

/** Something worth knowing that is no problem. */
export interface Note {
  readonly code: NoteCode;
  readonly message: string;
  /** What the message calls the interface; it then begins with this and a colon. */
  readonly interface?: string;
  readonly device?: string;
  readonly uuid?: string;
}

/** Exit codes, the whole table; signals end the process by themselves (130, 143). */
export const EXIT = { done: 0, partly: 1, usage: 2, unavailable: 3 } as const;

/** One of the exit codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * The exit code that follows from the problems. What is known to be wrong outranks what is not
 * known: whoever asks must not take a found drift for a failure to look. A command that changes
 * things has done its work partly where it cannot see the result.
 */
export function exitCodeOf(
  problems: readonly Problem[],
  options: { readonly strict: boolean; readonly changing: boolean },
): ExitCode {
  const levels = new Set<string>(problems.map(({ code }) => PROBLEMS[code]));
  if (levels.has("drift") || levels.has("undone")) return EXIT.partly;
  if (options.strict && levels.has("fixed")) return EXIT.partly;
  if (!levels.has("unknown")) return EXIT.done;
  return options.changing ? EXIT.partly : EXIT.unavailable;
}
