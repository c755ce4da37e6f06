/**
 * Why a command cannot go on.
 * `usage`: the command line is wrong or was refused; nothing was touched.
 * `refused`: something that is not this program's stands in the way, and is left alone; nothing was touched.
 * `unavailable`: this host or its XAPI cannot do it now.
 */
export interface Failure {
  readonly kind: "usage" | "refused" | "unavailable";
  /** Stable, for programs: `unknown-target`, `xapi-unreachable`, … */
  readonly code: string;
  /** One sentence without a full stop: what was wrong, then what to do. */
  readonly message: string;
}

/**
 * Thrown where a command cannot go on, and caught where its report is made. It has several failures where several
 * are found at once, such as unknown targets.
 */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(readonly failures: readonly Failure[]) {
    super(failures.map(({ message }) => message).join("; "));
  }
}

/** An error of kind `usage`. */
export function usageError(code: string, message: string): CommandError {
  return new CommandError([{ kind: "usage", code, message }]);
}

/** An error of kind `refused`. */
export function refusedError(code: string, message: string): CommandError {
  return new CommandError([{ kind: "refused", code, message }]);
}

/** An error of kind `unavailable`. */
export function unavailableError(code: string, message: string): CommandError {
  return new CommandError([{ kind: "unavailable", code, message }]);
}

/** What work gives, or the `CommandError` that stopped it. Any other error is thrown on. */
export function attempt<T>(work: () => T): T | CommandError {
  try {
    return work();
  } catch (error) {
    return asCommandError(error);
  }
}

/** The same for work that takes its time. */
export async function attemptAsync<T>(work: () => Promise<T>): Promise<T | CommandError> {
  try {
    return await work();
  } catch (error) {
    return asCommandError(error);
  }
}

/** The error, where it is a `CommandError`; otherwise it is thrown on. */
export function asCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  throw error;
}

/** Does something with each item, and throws the failures of all at once. */
export function mapCollectingFailures<T, U>(items: readonly T[], work: (item: T) => U): U[] {
  const values: U[] = [];
  const failures: Failure[] = [];
  for (const item of items) {
    const result = attempt(() => work(item));
    if (result instanceof CommandError) failures.push(...result.failures);
    else values.push(result);
  }
  if (failures.length > 0) throw new CommandError(failures);
  return values;
}
