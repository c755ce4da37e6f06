import { rmdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Coverage } from "../core/verify/coverage.ts";
import { getErrnoName, toFileError } from "../fs/file-error.ts";
import { runProgram, runProgramOrFail } from "../fs/process.ts";
import { BOOT_SCRIPT_PATH } from "../paths.ts";
import { generateBootScript, parseBootScriptCoverage } from "./boot-script.ts";
import { compareFile, createSignedFile, type FileState } from "./signed-file.ts";

/** The boot script on disk. */
export const bootScriptFile = createSignedFile(BOOT_SCRIPT_PATH, 0o755);

/** The boot script as it is on disk. */
interface BootScriptInspection {
  readonly state: FileState;
  readonly coverage: Coverage | null;
}

/** The state of the boot script. */
export function inspectBootScript(): BootScriptInspection {
  const content = bootScriptFile.inspect();
  const coverage = content.state === "own" ? parseBootScriptCoverage(content.text) : null;
  const expected = coverage === null ? null : generateBootScript(coverage);
  return { state: compareFile(content, expected), coverage };
}

/** Writes the boot script; says whether that changed anything. */
export async function writeBootScript(coverage: Coverage): Promise<boolean> {
  return await bootScriptFile.write(generateBootScript(coverage), async (temporary) => {
    await runProgramOrFail("sh", ["-n", temporary]);
  });
}

/** Removes the boot script, if it is ours, and its directory, if that is empty then. */
export function removeBootScript(): boolean {
  const removed = bootScriptFile.remove();
  const directory = dirname(BOOT_SCRIPT_PATH);
  try {
    rmdirSync(directory);
  } catch (error) {
    const errno = getErrnoName(error);
    // What is no directory is someone else's.
    const isExpected = errno === "ENOENT" || errno === "ENOTEMPTY" || errno === "ENOTDIR";
    if (!isExpected) throw toFileError("file-not-removed", `cannot remove ${directory}`, error);
  }
  return removed;
}

/**
 * How long the boot script may run, in milliseconds: as long as the unit lets it. Every call in it is bounded by
 * itself, so that it takes longer only where many devices hang.
 */
const SCRIPT_TIMEOUT_MS = 90_000;

/** Runs the boot script now, as boot will, and gives what it says is still on: nothing when all is off. */
export async function runBootScript(coverage: Coverage): Promise<readonly string[]> {
  const input = generateBootScript(coverage);
  const { exitCode, stderr, problem } = await runProgram("sh", ["-s"], { input, timeoutMs: SCRIPT_TIMEOUT_MS });
  if (exitCode === 0) return [];
  const lines = stderr.split("\n").filter((line) => line !== "");
  const messages = lines.map((line) => line.replace(/^offload: /, ""));
  return problem === null && messages.length > 0 ? messages : [...messages, problem ?? `it ended with ${exitCode}`];
}
