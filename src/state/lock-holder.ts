import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { isPluginPath, STATE_DIRECTORY } from "../paths.ts";

/** A process that has the lock. */
export interface LockHolder {
  readonly pid: number;
  /** When it was started: another process may get its number. */
  readonly startTime: string;
}

/**
 * Who has the lock, as the kernel lists it for every open file (proc(5)): nothing has to be written
 * for that, so a run that changes nothing writes nothing at all.
 */
export function findLockHolder(): LockHolder | null {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (holdsLock(name)) return { pid: Number(name), startTime: readProcessState(Number(name)).startTime };
    } catch {
      // It has ended meanwhile.
    }
  }
  return null;
}

/** Who has the lock, in words. */
export function describeLockHolder(): string {
  const holder = findLockHolder();
  if (holder === null) return "just ending";
  try {
    const [program = "", ...args] = readFileSync(`/proc/${holder.pid}/cmdline`, "utf8").split("\0");
    // A plugin's one argument is a whole document.
    if (isPluginPath(program)) return `process ${holder.pid}: offload, called by XAPI`;
    return `process ${holder.pid}: ${[basename(program), ...args.slice(0, 2)].join(" ").trim()}`;
  } catch {
    return "just ending";
  }
}

function holdsLock(pid: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some(
    (fd) =>
      readlinkSync(`/proc/${pid}/fd/${fd}`) === STATE_DIRECTORY &&
      /^lock:.*\bFLOCK\b/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8")),
  );
}

/** Whether the process is stopped, and when it was started: fields 3 and 22 of its stat (proc(5)). */
function readProcessState(pid: number): { readonly isStopped: boolean; readonly startTime: string } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is a name in parentheses, which may have spaces and parentheses in it.
  const [state = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { isStopped: state === "T", startTime: fields[18] ?? "" };
}

/** Sends a holder a signal, unless it has ended or no longer has the lock. */
export function signalLockHolder(holder: LockHolder, signal: NodeJS.Signals): void {
  try {
    if (readProcessState(holder.pid).startTime !== holder.startTime) return;
    process.kill(holder.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Whether a holder does nothing at all, because a signal has stopped it. */
export function isHolderStopped(holder: LockHolder): boolean {
  try {
    const { isStopped, startTime } = readProcessState(holder.pid);
    return isStopped && startTime === holder.startTime;
  } catch {
    return false;
  }
}
