import { existsSync } from "node:fs";
import { type Result, success, unavailable } from "../core/result.ts";

/** Where programs of the system are; root's PATH may hold anything. */
const DIRECTORIES = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];

/** How a program ended. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of a program of the system; null where it is not installed. */
export function findProgram(name: string): string | null {
  const directory = DIRECTORIES.find((candidate) => existsSync(`${candidate}/${name}`));
  return directory === undefined ? null : `${directory}/${name}`;
}

/**
 * Runs a program of the system to its end, with nothing on its standard input. What takes longer than
 * `timeoutMs` is killed, which is not exit code 0.
 */
export function runProgram(
  name: string,
  args: readonly string[],
  timeoutMs?: number,
): Result<Ended> {
  const path = findProgram(name);
  if (path === null) return unavailable("program-missing", `${name} is not installed`);
  return success(runProgramAt(path, args, timeoutMs));
}

/** The same with a program that is known by its path. */
export function runProgramAt(path: string, args: readonly string[], timeoutMs?: number): Ended {
  const ended = Bun.spawnSync([path, ...args], {
    stdin: "ignore",
    env: { PATH: DIRECTORIES.join(":"), LC_ALL: "C" },
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  return {
    exitCode: ended.exitCode,
    stdout: ended.stdout.toString(),
    stderr: ended.stderr.toString(),
  };
}

/** The same, where anything but exit code 0 is a failure. */
export function mustRun(name: string, args: readonly string[]): Result<Ended> {
  const ended = runProgram(name, args);
  if (!ended.ok || ended.value.exitCode === 0) return ended;
  const words = ended.value.stderr.trim().split("\n")[0] ?? "";
  return unavailable("program-failed", `${[name, ...args].join(" ")} failed: ${words}`);
}
