import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { unavailableError } from "../core/command-error.ts";
import { removeStaleTemporaryFilesBeside } from "../fs/file.ts";
import { tryLock } from "../fs/libc.ts";
import { STATE_DIRECTORY } from "../paths.ts";
import { describeLockHolder } from "./lock-holder.ts";
import { prepareStateDirectory } from "./state-file.ts";

/** How often a waiting run looks again, in milliseconds. */
const POLL_INTERVAL_MS = 100;

/**
 * The right to change things, which one process of a host has at a time. It is an advisory lock of
 * the kernel's (flock): it dies with its holder, however that ends. It is on the state directory itself,
 * so that there is no file whose removal would let a second run work beside the first.
 */
export class ChangeLock implements Disposable {
  #fd: number | null;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Takes the lock, waiting up to so many seconds for whoever has it. `waitOrAbort`: given each pause,
   * waits for it, or throws where there is a reason not to wait any longer.
   */
  static async acquire(waitSeconds: number, waitOrAbort: <T>(work: Promise<T>) => Promise<T>): Promise<ChangeLock> {
    const deadlineMs = performance.now() + waitSeconds * 1000;
    for (;;) {
      const lock = ChangeLock.tryAcquire();
      if (lock !== null) return lock;
      if (performance.now() >= deadlineMs) {
        throw unavailableError(
          "locked",
          `another offload is at work (${describeLockHolder()}); wait for it with --wait SECONDS`,
        );
      }
      await waitOrAbort(Bun.sleep(POLL_INTERVAL_MS));
    }
  }

  /** Takes the lock; null while another process has it. */
  static tryAcquire(): ChangeLock | null {
    const fd = lockStateDirectory();
    if (fd === null) return null;
    // A run that was killed may be the last that wrote anything here.
    removeStaleTemporaryFilesBeside(`${STATE_DIRECTORY}/any`);
    return new ChangeLock(fd);
  }

  /** Lets go of it; a second time is no error, and closes nobody else's descriptor. */
  [Symbol.dispose](): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

/** The descriptor that holds the lock; null while another process has it. */
function lockStateDirectory(): number | null {
  prepareStateDirectory();
  let fd: number;
  try {
    fd = openSync(STATE_DIRECTORY, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw unavailableError("lock-not-opened", `cannot open ${STATE_DIRECTORY}: ${detail}`);
  }
  if (tryLock(fd) && isStateDirectory(fd)) return fd;
  closeSync(fd);
  return null;
}

/** Whether what was opened still has the name: it may have been replaced before it was locked. */
function isStateDirectory(fd: number): boolean {
  const opened = fstatSync(fd);
  const current = statSync(STATE_DIRECTORY, { throwIfNoEntry: false });
  return current?.ino === opened.ino && current.dev === opened.dev;
}
