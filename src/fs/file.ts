import { chmodSync, fchmodSync, fsyncSync, lstatSync, mkdirSync, statSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { toFileError, UnusablePathError } from "./file-error.ts";
import { resolveLinks, syncDirectory } from "./path.ts";
import { openExistingFile, removeStaleTemporaryFiles, TemporaryFile, tryOrNull } from "./temporary-file.ts";

/** Which file a symbolic link stands for. */
interface LinkOptions {
  /** Whether it is the file that the link points to, which it is unless this is false. */
  readonly followLinks?: boolean;
}

/** The permissions of a file, and who looks at it before it counts. */
export interface ReplaceOptions extends LinkOptions {
  /** The permissions of a file that is not there yet; 0644 unless given. */
  readonly createMode?: number;
  /** Permissions that the file must have besides those that it has, such as 0111. */
  readonly addMode?: number;
  /** The exact permissions, in place of those that the file has. */
  readonly setMode?: number;
  /** Looks at the complete temporary file; with its failure everything stays as it was. */
  readonly validate?: (temporary: string) => void | Promise<void>;
}

/**
 * The bytes of a file; null when there is none. A symbolic link is followed, also to nothing.
 */
export function readFileBytes(path: string): Uint8Array | null {
  try {
    using existing = openExistingFile(resolveLinks(path));
    return existing?.readBytes() ?? null;
  } catch (error) {
    throw toFileError("file-not-read", `cannot read ${path}`, error);
  }
}

/**
 * Makes a file hold these bytes, and says whether anything had to be changed. Whatever interrupts it, the file is the
 * old one or the new one, whole; what a killed run left behind is removed by the next. Owner, group, permissions,
 * access list and SELinux label stay those of the file that was there. A symbolic link stays a link: the file that it
 * points to is replaced, or made. Nothing is written when nothing would change.
 */
export async function replaceFile(path: string, bytes: Uint8Array, options: ReplaceOptions = {}): Promise<boolean> {
  try {
    const target = options.followLinks === false ? path : resolveLinks(path);
    removeStaleTemporaryFiles(dirname(target));
    using existing = openExistingFile(target);
    const previousMode = existing === null ? null : existing.stats.mode & 0o7777;
    const { createMode = 0o644, addMode = 0, setMode } = options;
    const mode = (setMode ?? previousMode ?? createMode) | addMode;
    if (existing === null || !existing.hasContent(bytes)) {
      using temporary = new TemporaryFile(dirname(target));
      temporary.write(bytes, mode, existing);
      await options.validate?.(temporary.path);
      temporary.moveTo(target);
      return true;
    }
    if (previousMode === mode) return false;
    fchmodSync(existing.fd, mode);
    fsyncSync(existing.fd);
    return true;
  } catch (error) {
    throw toFileError("file-not-written", `cannot write ${path}`, error);
  }
}

/**
 * Removes a file, and says whether there was one. Of a symbolic link the file that it points to is removed, and the
 * link stays: the opposite of what `replaceFile` makes. Where links are not followed the link itself is removed.
 */
export function removeFile(path: string, options: LinkOptions = {}): boolean {
  try {
    const target = options.followLinks === false ? path : resolveLinks(path);
    removeStaleTemporaryFiles(dirname(target));
    if (lstatSync(target, { throwIfNoEntry: false }) === undefined) return false;
    unlinkSync(target);
    syncDirectory(dirname(target));
    return true;
  } catch (error) {
    throw toFileError("file-not-removed", `cannot remove ${path}`, error);
  }
}

/** Removes what killed runs left beside a file, where nothing is to be written to it. */
export function removeStaleTemporaryFilesBeside(path: string): void {
  tryOrNull(() => removeStaleTemporaryFiles(dirname(resolveLinks(path))));
}

/** Makes a directory, and those above it that are missing; a directory that is there stays as it is. */
export function createDirectory(path: string, mode: number): void {
  try {
    makeDirectories(path, mode);
  } catch (error) {
    throw toFileError("directory-not-made", `cannot make the directory ${path}`, error);
  }
}

function makeDirectories(path: string, mode: number): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return;
  if (stats !== undefined) throw new UnusablePathError("there is a file of that name");
  const parent = dirname(path);
  makeDirectories(parent, mode);
  mkdirSync(path, { mode });
  // The mask of the process may have taken some permissions away.
  chmodSync(path, mode);
  syncDirectory(parent);
}
