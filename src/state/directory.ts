import { lstatSync, readdirSync } from "node:fs";
import { unavailableError } from "../core/command-error.ts";
import type { StateFile } from "../core/report.ts";
import { createDirectory } from "../fs/file.ts";
import { STATE_DIRECTORY } from "../paths.ts";

/**
 * Makes the directory. One that is a link, or that others may write to, is refused: what root
 * writes there must go where root means it to go.
 */
export function prepareStateDirectory(): void {
  createDirectory(STATE_DIRECTORY, 0o700);
  const { mode, uid } = lstatSync(STATE_DIRECTORY);
  const isDirectory = (mode & 0o170000) === 0o040000;
  if (!isDirectory || uid !== 0 || (mode & 0o022) !== 0) {
    throw unavailableError(
      "state-directory-unsafe",
      `${STATE_DIRECTORY} is not a directory that only root can write to; move it away`,
    );
  }
}

/** The files that are there, by name; none where nothing was changed yet. Looks, and touches nothing. */
export function listStateFiles(): readonly StateFile[] {
  if (lstatSync(STATE_DIRECTORY, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(STATE_DIRECTORY)
    .sort()
    .map((name) => {
      const { size, mtime } = lstatSync(`${STATE_DIRECTORY}/${name}`);
      return { file: `${STATE_DIRECTORY}/${name}`, bytes: size, written: mtime.toISOString() };
    });
}
