import { rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { unavailableError } from "../core/command-error.ts";
import type { Coverage } from "../core/verify/coverage.ts";
import { getErrnoName, toFileError } from "../fs/file-error.ts";
import { findProgram, PROGRAM_ENVIRONMENT, runProgramOrFail } from "../fs/process.ts";
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

/** How it stands with the boot script. */
export function inspectBootScript(): BootScriptInspection {
  const content = bootScriptFile.inspect();
  const coverage = content.state === "own" ? parseBootScriptCoverage(content.text) : null;
  const expected = coverage === null ? null : generateBootScript(coverage);
  return { state: compareFile(content, expected), coverage };
}

/** Writes the boot script; says whether that changed anything. */
export async function writeBootScript(coverage: Coverage): Promise<boolean> {
  return await bootScriptFile.write(generateBootScript(coverage), (temporary) => {
    runProgramOrFail("sh", ["-n", temporary]);
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
    const isExpected = errno === "ENOENT" || errno === "ENOTEMPTY";
    if (!isExpected) throw toFileError("file-not-removed", `cannot remove ${directory}`, error);
  }
  return removed;
}

/** Runs the boot script now, as boot will, and gives what it says is still on: nothing when all is off. */
export async function runBootScript(coverage: Coverage): Promise<readonly string[]> {
  const shell = findProgram("sh");
  if (shell === null) throw unavailableError("program-missing", "sh is not installed");
  const script = Bun.spawn([shell, "-s"], {
    stdin: new TextEncoder().encode(generateBootScript(coverage)),
    stdout: "ignore",
    stderr: "pipe",
    env: PROGRAM_ENVIRONMENT,
  });
  const errors = (await script.stderr.text()).trim();
  return (await script.exited) === 0 || errors === ""
    ? []
    : errors.split("\n").map((line) => line.replace(/^offload: /, ""));
}
