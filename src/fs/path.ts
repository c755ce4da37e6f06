import { closeSync, constants, fsyncSync, lstatSync, openSync, readlinkSync, realpathSync, type Stats } from "node:fs";
import { getErrnoName, UnusablePathError } from "./file-failure.ts";

/** What is there under a name, or null. */
export function statOrNull(path: string, stat: (path: string) => Stats = lstatSync): Stats | null {
  try {
    return stat(path);
  } catch (error) {
    if (getErrnoName(error) === "ENOENT") return null;
    throw error;
  }
}

/** Puts what has happened in a directory on disk: files made, renamed and removed. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** As many links in a row as Linux follows. */
const MAX_LINKS = 40;

/** The file that a path leads to by symbolic links, whether it exists or not. */
export function resolveLinks(path: string): string {
  let target = path;
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    if (statOrNull(target)?.isSymbolicLink() !== true) return target;
    const linkTarget = readlinkSync(target);
    // Not normalized: `..` behind a link to a directory is not what it looks like.
    target = linkTarget.startsWith("/") ? linkTarget : `${realpathSync(getParentDirectory(target))}/${linkTarget}`;
  }
  throw new UnusablePathError("its symbolic links form a loop");
}

/** The directory that a path names its last part in. */
export function getParentDirectory(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}
