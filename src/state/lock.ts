import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { type Result, success, unavailable } from "../offload/result.ts";
import { lockFile } from "../persistence/libc.ts";
import { prepareStateDirectory, STATE_DIRECTORY } from "./directory.ts";

const LOCK_PATH = `${STATE_DIRECTORY}/lock`;

/** How often a waiting run looks again, in milliseconds. */
const LOOK_AGAIN = 100;

/**
 * The right to change things, which one process of a host has at a time. It is an advisory lock of
 * the kernel's (flock): it dies with its holder, however that ends.
 */
export class ChangeLock implements Disposable {
  #fd: number | null;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes the lock, waiting up to so many seconds for whoever has it. */
  static async take(
    waitSeconds: number,
    orElse: <T>(work: Promise<T>) => Promise<T>,
  ): Promise<Result<ChangeLock>> {
    const prepared = prepareStateDirectory();
    if (!prepared.ok) return prepared;
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    let fd: number;
    try {
      fd = openSync(LOCK_PATH, flags, 0o600);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      return unavailable("lock-not-opened", `cannot open ${LOCK_PATH}: ${words}`);
    }
    const deadline = performance.now() + waitSeconds * 1000;
    while (!lockFile(fd)) {
      if (performance.now() >= deadline) {
        closeSync(fd);
        return unavailable(
          "locked",
          `another offload is at work (${holder()}); wait for it with --wait SECONDS`,
        );
      }
      await orElse(Bun.sleep(LOOK_AGAIN));
    }
    try {
      ftruncateSync(fd, 0);
      writeSync(fd, `${process.pid} ${process.argv.slice(2, 4).join(" ")}\n`, 0);
    } catch {
      // Who holds it is a courtesy; that it is held is what counts.
    }
    return success(new ChangeLock(fd));
  }

  /** Lets go of it; a second time is no error, and closes nobody else's descriptor. */
  [Symbol.dispose](): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

/** Who has the lock, by what it wrote into the file; it may just have ended. */
function holder(): string {
  const [pid = "", ...words] = readFileSync(LOCK_PATH, "utf8").trim().split(" ");
  return pid === "" ? "starting" : `process ${pid}: offload ${words.join(" ")}`;
}
