import { readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Result, success, usage } from "../core/result.ts";
import type { Coverage } from "../core/verify/coverage.ts";
import { createDirectory, removeFile, replaceFile } from "../fs/file.ts";
import { mustRun } from "../fs/process.ts";
import { bootScript, readCoverage } from "./boot-script.ts";
import { BOOT_SCRIPT_PATH } from "./paths.ts";
import { compareFile, type FileState, isSigned } from "./signature.ts";

/** The boot script as it is on disk. */
export interface ScriptFile {
  readonly state: FileState;
  readonly covers: Coverage | null;
}

/** How it stands with the boot script. */
export function inspectScript(): ScriptFile {
  const text = textOf(BOOT_SCRIPT_PATH);
  const covers = text === null || !isSigned(text) ? null : readCoverage(text);
  const wanted = covers === null ? null : bootScript(covers);
  return { state: compareFile(text, wanted), covers };
}

/** Writes the boot script; says whether that changed anything. */
export async function writeScript(coverage: Coverage): Promise<Result<boolean>> {
  const directory = createDirectory(dirname(BOOT_SCRIPT_PATH), 0o755);
  if (!directory.ok) return directory;
  const bytes = new TextEncoder().encode(bootScript(coverage));
  const replaced = await replaceFile(BOOT_SCRIPT_PATH, bytes, {
    setMode: 0o755,
    check: (temporary) => mustRun("sh", ["-n", temporary]),
  });
  return replaced.ok ? success(replaced.value.changed) : replaced;
}

/** Removes the boot script, if it is ours, and its directory, if that is empty then. */
export function removeScript(): Result<boolean> {
  const removed = removeOwn(BOOT_SCRIPT_PATH);
  if (removed.ok) removeEmptyDirectory(dirname(BOOT_SCRIPT_PATH));
  return removed;
}

/** Removes a file that is ours; says whether there was one. */
export function removeOwn(path: string): Result<boolean> {
  const text = textOf(path);
  return text !== null && !isSigned(text) ? success(false) : removeFile(path);
}

/** Fails where one of these files is there and is not ours. */
export function checkOwn(paths: readonly string[]): Result<void> {
  const foreign = paths.find((path) => {
    const text = textOf(path);
    return text !== null && !isSigned(text);
  });
  return foreign === undefined
    ? success(undefined)
    : usage(
        "foreign-file",
        `${foreign} was not written by offload and is left alone; move it away and run this again`,
      );
}

/** The text of a file; null where there is none. What is no file at all has none of ours in it. */
export function textOf(path: string): string | null {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return null;
  return status.isFile() ? readFileSync(path, "utf8") : "";
}

function removeEmptyDirectory(path: string): void {
  try {
    if (readdirSync(path).length === 0) rmdirSync(path);
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!missing) throw error;
  }
}
