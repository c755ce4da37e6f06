import { chmodSync, fchmodSync, fsyncSync, mkdirSync, statSync, unlinkSync } from "node:fs";
import { toFileError, UnusablePathError } from "./file-failure.ts";
import { getParentDirectory, resolveLinks, statOrNull, syncDirectory } from "./path.ts";
import { openExistingFile, removeStaleTemporaryFiles, TemporaryFile, tryOrNull } from "./temporary-file.ts";

/** The permissions of a file, and who looks at it before it counts. */
export interface ReplaceOptions {
  /** The permissions of a file that is not there yet; 0644 unless given. */
  readonly createMode?: number;
  /** Permissions that the file must have besides those that it has, such as 0111. */
  readonly addMode?: number;
  /** The exact permissions, in place of those that the file has. */
  readonly setMode?: number;
  /** Looks at the complete temporary file; with its failure everything stays as it was. */
  readonly validate?: (temporary: string) => void | Promise<void>;
}

/** What replacing a file came to. */
export interface ReplaceResult {
  /** The file itself, where the path is a symbolic link to it. */
  readonly path: string;
  readonly changed: boolean;
  /** The permissions that it had; null when there was no such file. */
  readonly previousMode: number | null;
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
 * Makes a file hold these bytes. Whatever interrupts it, the file is the old one or the new one,
 * whole; what a killed run left behind is removed by the next. Owner, group, permissions, access
 * list and SELinux label stay those of the file that was there. A symbolic link stays a link: the
 * file that it points to is replaced, or made. Nothing is written when nothing would change.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  options: ReplaceOptions = {},
): Promise<ReplaceResult> {
  try {
    const target = resolveLinks(path);
    removeStaleTemporaryFiles(getParentDirectory(target));
    using existing = openExistingFile(target);
    const previousMode = existing === null ? null : existing.stats.mode & 0o7777;
    const { createMode = 0o644, addMode = 0, setMode } = options;
    const mode = (setMode ?? previousMode ?? createMode) | addMode;
    const replaced = { path: target, changed: true, previousMode };
    if (existing === null || !existing.hasContent(bytes)) {
      using temporary = new TemporaryFile(getParentDirectory(target));
      temporary.write(bytes, mode, existing);
      await options.validate?.(temporary.path);
      temporary.moveTo(target);
      return replaced;
    }
    if (previousMode === mode) return { ...replaced, changed: false };
    fchmodSync(existing.fd, mode);
    fsyncSync(existing.fd);
    return replaced;
  } catch (error) {
    throw toFileError("file-not-written", `cannot write ${path}`, error);
  }
}

/**
 * Removes a file, and says whether there was one. Of a symbolic link the file that it points to is
 * removed, and the link stays: the opposite of what `replaceFile` makes.
 */
export function removeFile(path: string): boolean {
  try {
    const target = resolveLinks(path);
    const directory = getParentDirectory(target);
    removeStaleTemporaryFiles(directory);
    if (statOrNull(target) === null) return false;
    unlinkSync(target);
    syncDirectory(directory);
    return true;
  } catch (error) {
    throw toFileError("file-not-removed", `cannot remove ${path}`, error);
  }
}

/** Removes what killed runs left beside a file, where nothing is to be written to it. */
export function removeStaleTemporaryFilesBeside(path: string): void {
  tryOrNull(() => removeStaleTemporaryFiles(getParentDirectory(resolveLinks(path))));
}

/**
 * Makes a directory, and those above it that are missing. Gives the ones that it made, outermost
 * first; a directory that is there stays as it is.
 */
export function createDirectory(path: string, mode: number): readonly string[] {
  try {
    return makeDirectories(path, mode);
  } catch (error) {
    throw toFileError("directory-not-made", `cannot make the directory ${path}`, error);
  }
}

function makeDirectories(path: string, mode: number): readonly string[] {
  const stats = statOrNull(path, statSync);
  if (stats !== null) {
    if (!stats.isDirectory()) throw new UnusablePathError("there is a file of that name");
    return [];
  }
  const parent = getParentDirectory(path);
  const created = makeDirectories(parent, mode);
  mkdirSync(path, { mode });
  // The mask of the process may have taken some permissions away.
  chmodSync(path, mode);
  syncDirectory(parent);
  return [...created, path];
}
