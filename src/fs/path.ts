import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { codeOf, Unusable } from "./file-failure.ts";

/** What is there under a name, or null. */
export function statusOf(path: string, stat: (path: string) => Stats = lstatSync): Stats | null {
  try {
    return stat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
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
const LINKS = 40;

/** The file that a path leads to by symbolic links, whether it exists or not. */
export function resolveLinks(path: string): string {
  let target = path;
  for (let links = 0; links <= LINKS; links += 1) {
    if (statusOf(target)?.isSymbolicLink() !== true) return target;
    const to = readlinkSync(target);
    // Not normalised: `..` behind a link to a directory is not what it looks like.
    target = to.startsWith("/") ? to : `${realpathSync(directoryOf(target))}/${to}`;
  }
  throw new Unusable("its symbolic links form a loop");
}

/** The directory that a path names its last part in. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}
