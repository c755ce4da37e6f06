/**
 * Why a command could not be carried out at all.
 * `usage`: the command line is wrong or was refused; nothing was touched.
 * `unavailable`: this host or its XAPI cannot do it now.
 */
export interface Failure {
  readonly kind: "usage" | "unavailable";
  /** Stable, for programs: `unknown-target`, `xapi-unreachable`, … */
  readonly code: string;
  /** One sentence without a full stop: what was wrong, then what to do. */
  readonly message: string;
}

/** A value, or the reasons why there is none. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failures: readonly Failure[] };

/** Wraps a value that was obtained. */
export function success<T>(value: T): Result<T> {
  return { ok: true, value };
}

/** A single reason of kind `usage`. */
export function usageFailure(code: string, message: string): Result<never> {
  return { ok: false, failures: [{ kind: "usage", code, message }] };
}

/** A single reason of kind `unavailable`. */
export function unavailableFailure(code: string, message: string): Result<never> {
  return { ok: false, failures: [{ kind: "unavailable", code, message }] };
}

/** Turns results into the result of all: every value, or every failure. */
export function combineResults<T>(results: readonly Result<T>[]): Result<T[]> {
  const values: T[] = [];
  const failures: Failure[] = [];
  for (const result of results) {
    if (result.ok) values.push(result.value);
    else failures.push(...result.failures);
  }
  return failures.length > 0 ? { ok: false, failures } : success(values);
}
