import { closeSync, constants, fsyncSync, lstatSync, openSync, readlinkSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { UnusablePathError } from "./file-error.ts";

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
    if (lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return target;
    const linkTarget = readlinkSync(target);
    // Not normalized: `..` behind a link to a directory is not what it looks like.
    target = linkTarget.startsWith("/") ? linkTarget : `${realpathSync(dirname(target))}/${linkTarget}`;
  }
  throw new UnusablePathError("its symbolic links form a loop");
}
