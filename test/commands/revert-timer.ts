import type { Dom0 } from "../dom0/dom0.ts";

/** How the process is called that reverts a pending change, once it waits. */
export const REVERT_TIMER = "offload-revert";

/** Waits until something holds; fails, in these words, where it never does. */
export async function waitUntil(failure: string, isReached: () => Promise<boolean>, seconds = 20): Promise<void> {
  const deadlineMs = performance.now() + seconds * 1000;
  while (!(await isReached())) {
    if (performance.now() > deadlineMs) throw new Error(failure);
    await Bun.sleep(100);
  }
}

/** The number of the process that reverts the pending change; empty without one. */
export async function readTimerPid(dom0: Dom0): Promise<string> {
  return (await dom0.run(["pgrep", "-x", REVERT_TIMER])).stdout.trim();
}

/** Waits until a process will revert the change that is being made. */
export function waitForTimer(dom0: Dom0): Promise<void> {
  return waitUntil("nothing will revert it", async () => (await readTimerPid(dom0)) !== "");
}

/** The id of the pending change; null without one. */
export async function readPendingId(dom0: Dom0): Promise<string | null> {
  const { stdout } = await dom0.run(["cat", "/var/lib/offload/pending.json"]);
  return /"id":"([^"]*)"/.exec(stdout)?.[1] ?? null;
}
