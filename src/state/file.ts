import { lstatSync } from "node:fs";
import { type Result, success, unavailableFailure } from "../core/result.ts";
import { readFileBytes, removeFile, replaceFile } from "../fs/file.ts";
import { STATE_DIRECTORY } from "../paths.ts";
import { prepareStateDirectory } from "./directory.ts";

/** The path of one of this program's own files. */
export function statePath(name: string): string {
  return `${STATE_DIRECTORY}/${name}`;
}

/** The text of one of them; null where it is not there. Fails where a link stands in its place. */
export function readStateFile(name: string): Result<string | null> {
  const linkCheck = rejectSymlink(name);
  if (!linkCheck.ok) return linkCheck;
  const bytes = readFileBytes(statePath(name));
  if (!bytes.ok) return bytes;
  return success(bytes.value === null ? null : new TextDecoder().decode(bytes.value));
}

/** Puts a document on disk for root's eyes alone (0600), before it returns. */
export async function writeStateFile(name: string, document: unknown): Promise<Result<void>> {
  const prepared = prepareStateDirectory();
  if (!prepared.ok) return prepared;
  const linkCheck = rejectSymlink(name);
  if (!linkCheck.ok) return linkCheck;
  const bytes = new TextEncoder().encode(`${JSON.stringify(document)}\n`);
  const written = await replaceFile(statePath(name), bytes, { setMode: 0o600 });
  return written.ok ? success(undefined) : written;
}

/** Takes one of them away; that there is none is as good. */
export function removeStateFile(name: string): Result<void> {
  const linkCheck = rejectSymlink(name);
  if (!linkCheck.ok) return linkCheck;
  const removed = removeFile(statePath(name));
  return removed.ok ? success(undefined) : removed;
}

/** A link leads to what is not ours to read, to write or to remove. */
function rejectSymlink(name: string): Result<void> {
  const path = statePath(name);
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) {
    return success(undefined);
  }
  return unavailableFailure("state-file-symlink", `${path} is a symbolic link; move it away`);
}
