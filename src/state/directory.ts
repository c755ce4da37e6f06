import { lstatSync, readdirSync } from "node:fs";
import type { StateFile } from "../core/report.ts";
import { type Result, success, unavailableFailure } from "../core/result.ts";
import { createDirectory } from "../fs/file.ts";
import { STATE_DIRECTORY } from "../paths.ts";

/**
 * Makes the directory. One that is a link, or that others may write to, is refused: what root
 * writes there must go where root means it to go.
 */
export function prepareStateDirectory(): Result<void> {
  const created = createDirectory(STATE_DIRECTORY, 0o700);
  if (!created.ok) return created;
  const { mode, uid } = lstatSync(STATE_DIRECTORY);
  const isDirectory = (mode & 0o170000) === 0o040000;
  if (!isDirectory || uid !== 0 || (mode & 0o022) !== 0) {
    return unavailableFailure(
      "state-directory-unsafe",
      `${STATE_DIRECTORY} is not a directory that only root can write to; move it away`,
    );
  }
  return success(undefined);
}

/** The files that are there, by name; none where nothing was changed yet. Looks, and touches nothing. */
export function listStateFiles(): Result<readonly StateFile[]> {
  if (lstatSync(STATE_DIRECTORY, { throwIfNoEntry: false }) === undefined) return success([]);
  return success(
    readdirSync(STATE_DIRECTORY)
      .sort()
      .map((name) => {
        const { size, mtime } = lstatSync(`${STATE_DIRECTORY}/${name}`);
        return { file: `${STATE_DIRECTORY}/${name}`, bytes: size, written: mtime.toISOString() };
      }),
  );
}
