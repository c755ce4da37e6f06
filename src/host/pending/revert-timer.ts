import { readFileSync, statSync, writeFileSync } from "node:fs";
import { isSystemdRunning } from "../../boot/systemd.ts";
import { attemptAsync, CommandError, unavailableError } from "../../core/command-error.ts";
import type { PendingChange } from "../../core/pending-change.ts";
import { PROGRAM_ENVIRONMENT, runProgram } from "../../fs/process.ts";
import { OWN_EXECUTABLE } from "../../paths.ts";
import { getPendingState, getSecondsLeft } from "../../state/pending-change.ts";

/** How long systemd may take to answer: where it does not, the timer is a process of ours. */
const SYSTEMD_TIMEOUT_MS = 10_000;

/** How long the process that reverts may take until it waits for the deadline. */
const READY_TIMEOUT_MS = 30_000;
const POLL_INTERVAL_MS = 10;

/** The wait before a process that has died is started again. */
const RESTART_DELAY_MS = 500;

/** The name that the process gets once it knows the change and hears signals; the kernel keeps 15 characters. */
const READY_NAME = "offload-revert";

type TimedChange = Pick<PendingChange, "id" | "deadlineMs">;

/**
 * Starts what reverts a change at its deadline unless it is answered, whatever becomes of this process, and proves
 * that it is there. To be called when the change is on disk, and before anything is changed.
 *
 * A process waits for the deadline with the change in its memory, so that neither its files nor its executable are
 * needed any more. Where systemd runs it is a service of a transient timer: in a cgroup of its own, which neither
 * the end of a login nor a restart of the toolstack reaches, and started again when it dies.
 */
export async function armRevertTimer(change: TimedChange): Promise<void> {
  if (isSystemdRunning() && (await armSystemdTimer(change))) return;
  await startRevertProcess(change);
}

/** Ends the timer of a change that was answered; a process that waits notices that by itself. */
export async function disarmRevertTimer(change: Pick<PendingChange, "id">): Promise<void> {
  if (isSystemdRunning()) await runSystemd("systemctl", ["stop", `${getUnitName(change)}.timer`]);
}

/** To be called by the process that reverts, when it knows the change and hears signals. */
export function reportRevertTimerReady(): void {
  writeFileSync("/proc/self/comm", READY_NAME);
}

function getUnitName({ id }: Pick<PendingChange, "id">): string {
  return `offload-revert-${id}`;
}

function listRevertArgs({ id }: Pick<PendingChange, "id">): string[] {
  return ["revert", "--at-deadline", `--change=${id}`];
}

/** The output of a program of systemd's; null where it fails or does not end in time. */
async function runSystemd(name: "systemctl" | "systemd-run", args: readonly string[]): Promise<string | null> {
  const result = await attemptAsync(() => runProgram(name, args, { timeoutMs: SYSTEMD_TIMEOUT_MS }));
  return result instanceof CommandError || result.exitCode !== 0 ? null : result.stdout;
}

/**
 * All of these options are known to systemd 219. Without AccuracySec a timer may be a minute late. The service is
 * started at once, and by the timer whenever it has ended and the timer is still there.
 */
async function armSystemdTimer(change: TimedChange): Promise<boolean> {
  const unit = getUnitName(change);
  // systemd starts what is at that path by then, which must be this program.
  if (!isExecutableInPlace()) return false;
  const created = await runSystemd("systemd-run", [
    `--unit=${unit}`,
    "--description=Revert network offloads unless confirmed",
    `--on-active=${getSecondsLeft(change)}s`,
    "--on-unit-inactive=1s",
    "--timer-property=AccuracySec=100ms",
    process.execPath,
    ...listRevertArgs(change),
  ]);
  if (created === null) return false;
  if ((await startSystemdService(unit)) && (await isTimerActive(unit))) return true;
  await runSystemd("systemctl", ["stop", `${unit}.timer`]);
  // Not by a signal that it would revert on: what is pending is pending still.
  await runSystemd("systemctl", ["kill", "--signal=SIGKILL", `${unit}.service`]);
  return false;
}

async function startSystemdService(unit: string): Promise<boolean> {
  if ((await runSystemd("systemctl", ["start", `${unit}.service`])) === null) return false;
  const shown = await runSystemd("systemctl", ["show", "--property=MainPID", `${unit}.service`]);
  const pid = Number(/^MainPID=(\d+)$/m.exec(shown ?? "")?.[1] ?? 0);
  return pid > 0 && (await waitUntilReady(pid));
}

async function isTimerActive(unit: string): Promise<boolean> {
  return (await runSystemd("systemctl", ["is-active", `${unit}.timer`]))?.trim() === "active";
}

function isExecutableInPlace(): boolean {
  const inPlace = statSync(process.execPath, { throwIfNoEntry: false });
  const own = statSync(OWN_EXECUTABLE);
  return inPlace?.ino === own.ino && inPlace.dev === own.dev;
}

/**
 * Starts this program once more, in a session of its own: neither the end of this process nor of the login that it
 * belongs to reaches it. As long as this process lives, it starts another one when that dies.
 */
async function startRevertProcess(change: TimedChange): Promise<void> {
  const child = Bun.spawn([OWN_EXECUTABLE, ...listRevertArgs(change)], {
    argv0: "offload",
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
    cwd: "/",
    env: PROGRAM_ENVIRONMENT,
  });
  child.unref();
  if (!(await waitUntilReady(child.pid))) {
    child.kill("SIGKILL");
    throw unavailableError(
      "revert-timer-failed",
      "the process that would revert the change did not start; nothing was changed",
    );
  }
  void child.exited.then(async () => {
    while (getPendingState(change) === "pending") {
      await Bun.sleep(RESTART_DELAY_MS);
      if (getPendingState(change) === "pending" && (await isRestarted(change))) return;
    }
  });
}

async function isRestarted(change: TimedChange): Promise<boolean> {
  try {
    await startRevertProcess(change);
    return true;
  } catch {
    return false;
  }
}

async function waitUntilReady(pid: number): Promise<boolean> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    const name = readProcessName(pid);
    if (name === null) return false;
    if (name === READY_NAME) return true;
    await Bun.sleep(POLL_INTERVAL_MS);
  }
  return false;
}

/** The name of a process; null once it has ended. */
function readProcessName(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return null;
  }
}
