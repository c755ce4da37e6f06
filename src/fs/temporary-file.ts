import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import { UnusablePathError } from "./file-error.ts";
import { copyXattrs, tryLock } from "./libc.ts";
import { syncDirectory } from "./path.ts";

/**
 * How the name of every temporary file begins, whatever it becomes: hidden, and without an ending
 * that systemd, udev or a directory of scripts would look at.
 */
export const TEMPORARY_PREFIX = ".offload-new.";

/** A file that is there, kept open so that its bytes and its attributes are of the same file. */
export class ExistingFile implements Disposable {
  constructor(
    readonly fd: number,
    readonly stats: Stats,
  ) {}

  readBytes(): Uint8Array {
    return readFileSync(this.fd);
  }

  /** Whether these bytes are in it; it is read only where it is as long as they are. */
  hasContent(bytes: Uint8Array): boolean {
    return this.stats.size === bytes.length && Buffer.compare(this.readBytes(), bytes) === 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** Opens a regular file that is there, and no link; null where there is none. */
export function openExistingFile(path: string): ExistingFile | null {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  // Looked at before it is opened, because opening a device may do something, and after, because it may be another.
  requireRegularFile(stats);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const file = new ExistingFile(fd, fstatSync(fd));
  try {
    requireRegularFile(file.stats);
    return file;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

function requireRegularFile(stats: Stats): void {
  if (stats.isSymbolicLink()) throw new UnusablePathError("it is a symbolic link");
  if (stats.isDirectory()) throw new UnusablePathError("it is a directory");
  if (!stats.isFile()) throw new UnusablePathError("it is not a regular file");
}

/**
 * A file next to the one that it is to become. While it is being written it is locked; the kernel
 * lifts the lock when its writer is killed, and others then know that they may remove it.
 */
export class TemporaryFile implements Disposable {
  readonly path: string;
  readonly #directory: string;
  readonly #fd: number;
  #isMoved = false;

  constructor(directory: string) {
    const suffix = crypto.randomUUID().slice(0, 8);
    this.#directory = directory;
    this.path = `${directory}/${TEMPORARY_PREFIX}${suffix}`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    this.#fd = openSync(this.path, flags, 0o600);
    tryLock(this.#fd);
  }

  /** Writes it whole, with the attributes of another file, and to the disk. */
  write(bytes: Uint8Array, mode: number, attributesFrom: ExistingFile | null): void {
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(this.#fd, bytes, written);
    }
    if (attributesFrom !== null) {
      fchownSync(this.#fd, attributesFrom.stats.uid, attributesFrom.stats.gid);
      copyXattrs(attributesFrom.fd, this.#fd);
    }
    // Last, because a change of the owner or of the access list changes permissions too.
    fchmodSync(this.#fd, mode);
    fsyncSync(this.#fd);
  }

  moveTo(target: string): void {
    renameSync(this.path, target);
    this.#isMoved = true;
    syncDirectory(this.#directory);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    // What cannot be removed now, such as after an error of the disk, is left to the next run.
    if (!this.#isMoved) tryOrNull(() => unlinkSync(this.path));
  }
}

/** Removes the temporary files that killed runs left in a directory, as far as it can be written. */
export function removeStaleTemporaryFiles(directory: string): void {
  const names = tryOrNull(() => readdirSync(directory)) ?? [];
  for (const name of names) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const path = `${directory}/${name}`;
    tryOrNull(() => {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        if (tryLock(fd)) unlinkSync(path);
      } finally {
        closeSync(fd);
      }
    });
  }
}

/** What an action gives, or null where it throws: for what is done as far as it can be done. */
export function tryOrNull<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
