import { lstatSync } from "node:fs";
import { unavailableError } from "../core/command-error.ts";
import { readFileBytes, removeFile, replaceFile } from "../fs/file.ts";
import { STATE_DIRECTORY } from "../paths.ts";
import { prepareStateDirectory } from "./directory.ts";

/** The path of one of this program's own files. */
export function statePath(name: string): string {
  return `${STATE_DIRECTORY}/${name}`;
}

/** The text of one of them; null where it is not there. Fails where a link stands in its place. */
export function readStateFile(name: string): string | null {
  rejectSymlink(name);
  const bytes = readFileBytes(statePath(name));
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

/** Puts a document on disk for root's eyes alone (0600), before it returns. */
export async function writeStateFile(name: string, document: unknown): Promise<void> {
  prepareStateDirectory();
  rejectSymlink(name);
  const bytes = new TextEncoder().encode(`${JSON.stringify(document)}\n`);
  await replaceFile(statePath(name), bytes, { setMode: 0o600 });
}

/** Takes one of them away; that there is none is as good. */
export function removeStateFile(name: string): void {
  rejectSymlink(name);
  removeFile(statePath(name));
}

/** A link leads to what is not ours to read, to write or to remove. */
function rejectSymlink(name: string): void {
  const path = statePath(name);
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) {
    return;
  }
  throw unavailableError("state-file-symlink", `${path} is a symbolic link; move it away`);
}
