import type { SignalHandler } from "../../cli/signals.ts";
import { type CheckResult, evaluateProcessEnd } from "../../core/bisect/check-result.ts";
import { signalProcessGroup } from "../../fs/process.ts";
import { FILE_DESCRIPTORS } from "../../terminal/streams.ts";

/** How long a check that took too long may take to end by itself, in milliseconds. */
const END_TIMEOUT_MS = 2000;

/**
 * Runs a command of the administrator's by /bin/sh, in a session and process group of its own, so that all of it
 * can be ended. What it prints goes to standard error. One that takes longer than `timeoutMs` is bad.
 */
export async function runCheckCommand(
  command: string,
  timeoutMs: number,
  signals: SignalHandler,
): Promise<CheckResult> {
  const child = Bun.spawn(["/bin/sh", "-c", command], {
    stdin: "ignore",
    stdout: FILE_DESCRIPTORS.stderr,
    stderr: FILE_DESCRIPTORS.stderr,
    detached: true,
    // It is the administrator's own command, written for the administrator's own environment.
    env: process.env,
  });
  const { promise: timeout, resolve } = Promise.withResolvers<"timeout">();
  const timer = setTimeout(() => resolve("timeout"), timeoutMs);
  let hasEnded = false;
  try {
    const end = await signals.waitInterruptibly(Promise.race([child.exited, timeout]));
    hasEnded = end !== "timeout";
    if (!hasEnded) return { type: "bad" };
    const signal = child.signalCode === null ? null : String(child.signalCode);
    return evaluateProcessEnd({ exitCode: child.exitCode, signal });
  } finally {
    clearTimeout(timer);
    if (!hasEnded) await signals.runCleanup(() => endProcessGroup(child));
  }
}

async function endProcessGroup(child: Pick<Bun.Subprocess, "pid" | "exited">): Promise<void> {
  signalProcessGroup(child.pid, "SIGTERM");
  await Promise.race([child.exited, Bun.sleep(END_TIMEOUT_MS)]);
  // The shell may have ended, and what it has started not.
  signalProcessGroup(child.pid, "SIGKILL");
  await child.exited;
}
