import { lstatSync, readdirSync } from "node:fs";
import { unavailableError } from "../core/command-error.ts";
import type { StateFile } from "../core/report.ts";
import { createDirectory } from "../fs/file.ts";
import { OwnFile } from "../fs/own-file.ts";
import { STATE_DIRECTORY } from "../paths.ts";

/**
 * Makes the directory. One that is a link, or that others may write to, is refused: what root
 * writes there must go where root means it to go.
 */
export function prepareStateDirectory(): void {
  createDirectory(STATE_DIRECTORY, 0o700);
  const stats = lstatSync(STATE_DIRECTORY);
  if (stats.isDirectory() && stats.uid === 0 && (stats.mode & 0o022) === 0) return;
  throw unavailableError(
    "state-directory-unsafe",
    `${STATE_DIRECTORY} is not a directory that only root can write to; move it away`,
  );
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

/** A document in the state directory, for root's eyes alone. */
export class StateDocument {
  readonly path: string;
  readonly #file: OwnFile;

  constructor(name: string) {
    this.path = `${STATE_DIRECTORY}/${name}`;
    this.#file = new OwnFile({
      path: this.path,
      mode: 0o600,
      // Root alone can write to the directory.
      isSigned: () => true,
      refuse: (path, { reason }) =>
        unavailableError("state-file-unsafe", `${path} is left alone: ${reason}; move it away`),
    });
  }

  /** Its text; null where it is not there. Fails where something else is in its place. */
  read(): string | null {
    return this.#file.read();
  }

  /** Puts it on disk before it returns. */
  async write(document: unknown): Promise<void> {
    prepareStateDirectory();
    await this.#file.write(`${JSON.stringify(document)}\n`);
  }

  /** Removes it; that there is none is as good. Fails where something else is in its place. */
  remove(): void {
    this.#file.read();
    this.#file.remove();
  }
}
