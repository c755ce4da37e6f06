import { type CommandError, unavailableError } from "../core/command-error.ts";

/** A path that is not what it must be; the message says what it is. */
export class UnusablePathError extends Error {}

const ERRNO_REASONS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied; run it as root"],
  ["EBUSY", "it is a mount point or in use; unmount it"],
  ["EDQUOT", "the disk quota is used up; free some space"],
  ["EEXIST", "there is a file of that name"],
  ["EIO", "the disk reports an input/output error"],
  ["EISDIR", "it is a directory"],
  ["ELOOP", "its symbolic links form a loop"],
  ["ENAMETOOLONG", "the name is too long"],
  ["ENOENT", "its directory does not exist"],
  ["ENOSPC", "no space is left on its file system; free some"],
  ["ENOTDIR", "a part of its path is not a directory"],
  ["EPERM", "that is not permitted; look for an immutable flag: lsattr -d"],
  ["EROFS", "its file system is read-only; mount it writable"],
]);

/**
 * The failure that an error of the file system stands for, in words for the administrator of the host. Anything
 * that is none is thrown on: a mistake in the program must not pass for a trouble of the host.
 */
export function toFileError(code: string, action: string, error: unknown): CommandError {
  if (error instanceof UnusablePathError) return unavailableError(code, `${action}: ${error.message}`);
  const errno = getErrnoName(error);
  if (errno === null) throw error;
  return unavailableError(code, `${action}: ${ERRNO_REASONS.get(errno) ?? `the kernel answers ${errno}`}`);
}

/** The name of the errno behind an error, such as `ENOENT`; null where there is none. */
export function getErrnoName(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  return typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code) ? error.code : null;
}
