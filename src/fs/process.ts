import { existsSync } from "node:fs";
import { unavailableError } from "../core/command-error.ts";
import { PROGRAM_DIRECTORIES } from "../paths.ts";

/** What programs are run with: root's own PATH may hold anything. */
export const PROGRAM_ENVIRONMENT = { PATH: PROGRAM_DIRECTORIES.join(":"), LC_ALL: "C" } as const;

/** How a program ended. */
export interface ProcessResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of a program of the system; null where it is not installed. */
export function findProgram(name: string): string | null {
  const directory = PROGRAM_DIRECTORIES.find((candidate) => existsSync(`${candidate}/${name}`));
  return directory === undefined ? null : `${directory}/${name}`;
}

/**
 * Runs a program of the system to its end, with nothing on its standard input. What takes longer than
 * `timeoutMs` is killed, which is not exit code 0.
 */
export function runProgram(name: string, args: readonly string[], timeoutMs?: number): ProcessResult {
  const path = findProgram(name);
  if (path === null) throw unavailableError("program-missing", `${name} is not installed`);
  return runProgramAt(path, args, timeoutMs);
}

/** The same with a program that is known by its path. */
export function runProgramAt(path: string, args: readonly string[], timeoutMs?: number): ProcessResult {
  const result = Bun.spawnSync([path, ...args], {
    stdin: "ignore",
    env: PROGRAM_ENVIRONMENT,
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  return {
    exitCode: result.exitCode,
    stdout: result.stdout.toString(),
    stderr: result.stderr.toString(),
  };
}

/** The same, where anything but exit code 0 is a failure. */
export function runProgramOrFail(name: string, args: readonly string[]): ProcessResult {
  const result = runProgram(name, args);
  if (result.exitCode === 0) return result;
  const firstErrorLine = result.stderr.trim().split("\n")[0] ?? "";
  throw unavailableError("program-failed", `${[name, ...args].join(" ")} failed: ${firstErrorLine}`);
}
