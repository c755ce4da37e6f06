import { existsSync } from "node:fs";
import { unavailableError } from "../core/command-error.ts";
import { PROGRAM_DIRECTORIES } from "../paths.ts";

/** What programs are run with: root's own PATH may hold anything. */
export const PROGRAM_ENVIRONMENT = { PATH: PROGRAM_DIRECTORIES.join(":"), LC_ALL: "C" } as const;

/** How long a program may take, in milliseconds: systemctl itself waits 25 seconds for an answer (sd-bus). */
const TIMEOUT_MS = 30_000;

/** How long to wait for what a program has written after it was killed: another may hold its pipes open. */
const GRACE_MS = 500;

/** How a program ended. */
export interface ProcessResult {
  /** -1 where it did not come to an end of its own. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it was killed; null where it was not. */
  readonly problem: string | null;
}

/** How a program is run. */
export interface ProcessOptions {
  /** What it reads from its standard input; nothing unless given. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

/**
 * Runs a program of the system to its end. It is killed, with all that it has started, when it takes too long and when
 * a signal comes that ends this program.
 */
export async function runProgram(
  name: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const directory = PROGRAM_DIRECTORIES.find((candidate) => existsSync(`${candidate}/${name}`));
  if (directory === undefined) throw unavailableError("program-missing", `${name} is not installed`);
  return await runProgramAt(`${directory}/${name}`, args, options);
}

/** The same with a program that is known by its path. */
export async function runProgramAt(
  path: string,
  args: readonly string[],
  { input, timeoutMs = TIMEOUT_MS }: ProcessOptions = {},
): Promise<ProcessResult> {
  const child = Bun.spawn([path, ...args], {
    stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
    env: PROGRAM_ENVIRONMENT,
    // A process group of its own, which can be killed as a whole.
    detached: true,
  });
  const output = Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const killed = waitForKill(child.pid, timeoutMs);
  try {
    const problem = await Promise.race([output.then(() => null), killed.promise]);
    const ended = await (problem === null ? output : Promise.race([output, Bun.sleep(GRACE_MS)]));
    const [stdout, stderr, exitCode] = ended ?? ["", "", -1];
    return { exitCode: problem === null ? exitCode : -1, stdout, stderr, problem };
  } finally {
    killed.stopWaiting();
    child.unref();
  }
}

/** The same, where anything but exit code 0 is a failure. */
export async function runProgramOrFail(name: string, args: readonly string[]): Promise<ProcessResult> {
  const result = await runProgram(name, args);
  if (result.exitCode === 0) return result;
  const reason = result.problem ?? result.stderr.trim().split("\n")[0];
  throw unavailableError("program-failed", `${[name, ...args].join(" ")} failed: ${reason}`);
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Kills a process group when its time is up or a signal comes, and then says which it was. */
function waitForKill(group: number, timeoutMs: number) {
  const { promise, resolve } = Promise.withResolvers<string>();
  const kill = (problem: string) => {
    signalProcessGroup(group, "SIGKILL");
    resolve(problem);
  };
  const timer = setTimeout(() => kill(`it did not end within ${timeoutMs / 1000} seconds`), timeoutMs);
  const onSignal = (signal: NodeJS.Signals) => kill(`ended by ${signal}`);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const stopWaiting = () => {
    clearTimeout(timer);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  return { promise, stopWaiting };
}

/** Sends a signal to all processes of a group; to none where it has ended. */
export function signalProcessGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended meanwhile.
  }
}
