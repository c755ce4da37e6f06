/** How a check ended. */
export type CheckResult =
  | { readonly type: "good" | "bad" | "cannot-tell" }
  /** It is the check itself that is wrong. */
  | { readonly type: "failed"; readonly reason: string };

/** How a process ended: by itself, or by a signal. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** What the end of a check means, as with `git bisect run` (git-bisect(1)). */
export function evaluateProcessEnd({ exitCode, signal }: ProcessEnd): CheckResult {
  if (exitCode === null) return { type: "failed", reason: `it was ended by ${signal ?? "a signal"}` };
  if (exitCode === 0) return { type: "good" };
  if (exitCode === 125) return { type: "cannot-tell" };
  if (exitCode < 126) return { type: "bad" };
  // What a shell ends with (POSIX, Shell Command Language, 2.8.2); above 128 a command was ended by a signal.
  const reasons = new Map([
    [126, "it cannot be run (exit code 126)"],
    [127, "there is no such command (exit code 127)"],
  ]);
  return { type: "failed", reason: reasons.get(exitCode) ?? `it ended with ${exitCode}, as after a signal` };
}
