import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { unavailableError } from "../core/command-error.ts";
import { removeStaleTemporaryFilesBeside } from "../fs/file.ts";
import { tryLock } from "../fs/libc.ts";
import { isPluginPath, STATE_DIRECTORY } from "../paths.ts";
import { prepareStateDirectory } from "./state-file.ts";

const LOCK_PATH = `${STATE_DIRECTORY}/lock`;

/** How often a waiting run looks again, in milliseconds. */
const POLL_INTERVAL_MS = 100;

/**
 * The right to change things, which one process of a host has at a time. It is an advisory lock of
 * the kernel's (flock): it dies with its holder, however that ends.
 */
export class ChangeLock implements Disposable {
  #fd: number | null;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Takes the lock, waiting up to so many seconds for whoever has it. `orElse`: given each pause,
   * waits for it, or throws where there is a reason not to wait any longer.
   */
  static async acquire(waitSeconds: number, waitOrAbort: <T>(work: Promise<T>) => Promise<T>): Promise<ChangeLock> {
    prepareStateDirectory();
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    let fd: number;
    try {
      fd = openSync(LOCK_PATH, flags, 0o600);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      throw unavailableError("lock-not-opened", `cannot open ${LOCK_PATH}: ${detail}`);
    }
    const deadlineMs = performance.now() + waitSeconds * 1000;
    while (!tryLock(fd)) {
      if (performance.now() >= deadlineMs) {
        closeSync(fd);
        throw unavailableError(
          "locked",
          `another offload is at work (${describeHolder()}); wait for it with --wait SECONDS`,
        );
      }
      await waitOrAbort(Bun.sleep(POLL_INTERVAL_MS));
    }
    // A run that was killed may be the last that wrote anything here.
    removeStaleTemporaryFilesBeside(LOCK_PATH);
    return new ChangeLock(fd);
  }

  /** Lets go of it; a second time is no error, and closes nobody else's descriptor. */
  [Symbol.dispose](): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

/**
 * Who has the lock, as the kernel tells it of every open file (proc(5)): nothing has to be written
 * for that, so a run that changes nothing writes nothing at all.
 */
function describeHolder(): string {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (!holdsLock(pid)) continue;
      const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      // A plugin's one argument is a whole document.
      if (isPluginPath(program)) return `process ${pid}: offload, called by XAPI`;
      return `process ${pid}: ${[basename(program), ...args.slice(0, 2)].join(" ").trim()}`;
    } catch {
      // It has ended meanwhile.
    }
  }
  return "just ending";
}

function holdsLock(pid: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some(
    (fd) =>
      readlinkSync(`/proc/${pid}/fd/${fd}`) === LOCK_PATH &&
      /^lock:.*\bFLOCK\b/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8")),
  );
}
