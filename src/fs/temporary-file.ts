import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import { Unusable } from "./file-failure.ts";
import { Libc } from "./libc.ts";
import { statusOf, syncDirectory } from "./path.ts";

/**
 * How the name of every temporary file begins, whatever it becomes: hidden, and without an ending
 * that systemd, udev or a directory of scripts would look at.
 */
export const TEMPORARY_PREFIX = ".offload-new.";

/** A file that is there, kept open so that its bytes and its attributes are of the same file. */
export class OldFile implements Disposable {
  constructor(
    readonly fd: number,
    readonly stats: Stats,
  ) {}

  bytes(): Uint8Array {
    return readFileSync(this.fd);
  }

  /** Whether these bytes are in it; it is read only where it is as long as they are. */
  holds(bytes: Uint8Array): boolean {
    return this.stats.size === bytes.length && Buffer.compare(this.bytes(), bytes) === 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** Opens a regular file that is there, and no link; null where there is none. */
export function openOld(path: string): OldFile | null {
  const status = statusOf(path);
  if (status === null) return null;
  if (status.isDirectory()) throw new Unusable("it is a directory");
  if (!status.isFile()) throw new Unusable("it is not a regular file");
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  return new OldFile(fd, fstatSync(fd));
}

/**
 * A file next to the one that it is to become. While it is being written it is locked; the kernel
 * lifts the lock when its writer is killed, and so tells others that they may remove it.
 */
export class TemporaryFile implements Disposable {
  readonly path: string;
  readonly #directory: string;
  readonly #fd: number;
  #moved = false;

  constructor(directory: string) {
    const random = crypto.randomUUID().slice(0, 8);
    this.#directory = directory;
    this.path = `${directory}/${TEMPORARY_PREFIX}${random}`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    this.#fd = openSync(this.path, flags, 0o600);
    Libc.shared.lock(this.#fd);
  }

  /** Writes it whole, with the attributes of another file, and to the disk. */
  fill(bytes: Uint8Array, mode: number, like: OldFile | null): void {
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(this.#fd, bytes, written);
    }
    if (like !== null) {
      fchownSync(this.#fd, like.stats.uid, like.stats.gid);
      Libc.shared.copyAttributes(like.fd, this.#fd);
    }
    // Last, because a change of the owner or of the access list changes permissions too.
    fchmodSync(this.#fd, mode);
    fsyncSync(this.#fd);
  }

  moveTo(target: string): void {
    renameSync(this.path, target);
    this.#moved = true;
    syncDirectory(this.#directory);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    // What cannot be removed now, such as after an error of the disk, is left to the next run.
    if (!this.#moved) attempt(() => unlinkSync(this.path));
  }
}

/** Removes the temporary files that killed runs left in a directory, as far as it can be written. */
export function removeLeftovers(directory: string): void {
  const names = attempt(() => readdirSync(directory)) ?? [];
  for (const name of names) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const path = `${directory}/${name}`;
    attempt(() => {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        if (Libc.shared.lock(fd)) unlinkSync(path);
      } finally {
        closeSync(fd);
      }
    });
  }
}

/** What an action gives, or null where it throws: for what is done as far as it can be done. */
export function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
