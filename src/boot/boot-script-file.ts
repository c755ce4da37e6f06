import { readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { usageError } from "../core/command-error.ts";
import type { Coverage } from "../core/verify/coverage.ts";
import { createDirectory, removeFile, replaceFile } from "../fs/file.ts";
import { runProgramOrFail } from "../fs/process.ts";
import { BOOT_SCRIPT_PATH } from "../paths.ts";
import { generateBootScript, parseBootScriptCoverage } from "./boot-script.ts";
import { compareFile, type FileState, isSigned } from "./signature.ts";

/** The boot script as it is on disk. */
export interface ScriptFile {
  readonly state: FileState;
  readonly coverage: Coverage | null;
}

/** How it stands with the boot script. */
export function inspectBootScript(): ScriptFile {
  const text = readTextFile(BOOT_SCRIPT_PATH);
  const coverage = text === null || !isSigned(text) ? null : parseBootScriptCoverage(text);
  const expected = coverage === null ? null : generateBootScript(coverage);
  return { state: compareFile(text, expected), coverage };
}

/** Writes the boot script; says whether that changed anything. */
export async function writeBootScript(coverage: Coverage): Promise<boolean> {
  createDirectory(dirname(BOOT_SCRIPT_PATH), 0o755);
  const bytes = new TextEncoder().encode(generateBootScript(coverage));
  const replaced = await replaceFile(BOOT_SCRIPT_PATH, bytes, {
    setMode: 0o755,
    validate(temporary) {
      runProgramOrFail("sh", ["-n", temporary]);
    },
  });
  return replaced.changed;
}

/** Removes the boot script, if it is ours, and its directory, if that is empty then. */
export function removeBootScript(): boolean {
  const removed = removeOwnFile(BOOT_SCRIPT_PATH);
  removeEmptyDirectory(dirname(BOOT_SCRIPT_PATH));
  return removed;
}

/** Removes a file that is ours; says whether there was one. */
export function removeOwnFile(path: string): boolean {
  const text = readTextFile(path);
  return text !== null && !isSigned(text) ? false : removeFile(path);
}

/** Fails where one of these files is there and is not ours. */
export function checkOwnership(paths: readonly string[]): void {
  const thirdPartyPath = paths.find((path) => {
    const text = readTextFile(path);
    return text !== null && !isSigned(text);
  });
  if (thirdPartyPath !== undefined) {
    throw usageError(
      "third-party-file",
      `${thirdPartyPath} was not written by offload and is left alone; move it away and run this again`,
    );
  }
}

/** The text of a file; null where there is none. What is no file at all has none of ours in it. */
export function readTextFile(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  return stats.isFile() ? readFileSync(path, "utf8") : "";
}

function removeEmptyDirectory(path: string): void {
  try {
    if (readdirSync(path).length === 0) rmdirSync(path);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isMissing) throw error;
  }
}
