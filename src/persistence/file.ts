import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { type Result, success, unavailable } from "../offload/result.ts";

/**
 * How the name of every temporary file begins, whatever it becomes: hidden, and without an ending
 * that systemd, udev or a directory of scripts would look at.
 */
export const TEMPORARY_PREFIX = ".offload-new.";

/** The permissions of a file, and who looks at it before it counts. */
export interface ReplaceOptions {
  /** The permissions of a file that is not there yet; 0644 unless given. */
  readonly createMode?: number;
  /** Permissions that the file must have besides those that it has, such as 0111. */
  readonly addMode?: number;
  /** The exact permissions, in place of those that the file has. */
  readonly setMode?: number;
  /** Looks at the complete temporary file; with its failure everything stays as it was. */
  readonly check?: (temporary: string) => Result<unknown> | Promise<Result<unknown>>;
}

/** What replacing a file came to. */
export interface Replaced {
  /** The file itself, where the path is a symbolic link to it. */
  readonly path: string;
  readonly changed: boolean;
  /** The permissions that it had; null when there was no such file. */
  readonly previousMode: number | null;
}

/**
 * The bytes of a file; null when there is none. A symbolic link is followed, also to nothing.
 */
export function readFileBytes(path: string): Result<Uint8Array | null> {
  try {
    using old = openOld(resolveLinks(path));
    return success(old?.bytes() ?? null);
  } catch (error) {
    return failed("file-not-read", `cannot read ${path}`, error);
  }
}

/**
 * Makes a file hold these bytes. Whatever interrupts it, the file is the old one or the new one,
 * whole; what a killed run left behind is removed by the next. Owner, group, permissions, access
 * list and SELinux label stay those of the file that was there. A symbolic link stays a link: the
 * file that it points to is replaced, or made. Nothing is written when nothing would change.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  options: ReplaceOptions = {},
): Promise<Result<Replaced>> {
  try {
    const target = resolveLinks(path);
    removeLeftovers(directoryOf(target));
    using old = openOld(target);
    const previousMode = old === null ? null : old.stats.mode & 0o7777;
    const { createMode = 0o644, addMode = 0, setMode } = options;
    const mode = (setMode ?? previousMode ?? createMode) | addMode;
    const replaced = { path: target, changed: true, previousMode };
    if (old === null || !sameBytes(old.bytes(), bytes)) {
      using temporary = new TemporaryFile(directoryOf(target));
      temporary.fill(bytes, mode, old);
      const checked = (await options.check?.(temporary.path)) ?? success(null);
      if (!checked.ok) return checked;
      temporary.moveTo(target);
      return success(replaced);
    }
    if (previousMode === mode) return success({ ...replaced, changed: false });
    fchmodSync(old.fd, mode);
    fsyncSync(old.fd);
    return success(replaced);
  } catch (error) {
    return failed("file-not-written", `cannot write ${path}`, error);
  }
}

/**
 * Removes a file, and says whether there was one. Of a symbolic link the file that it points to is
 * removed, and the link stays: the opposite of what `replaceFile` makes.
 */
export function removeFile(path: string): Result<boolean> {
  try {
    const target = resolveLinks(path);
    const directory = directoryOf(target);
    removeLeftovers(directory);
    if (statusOf(target) === null) return success(false);
    unlinkSync(target);
    syncDirectory(directory);
    return success(true);
  } catch (error) {
    return failed("file-not-removed", `cannot remove ${path}`, error);
  }
}

/** Removes what killed runs left beside a file, where nothing is to be written to it. */
export function removeLeftoversBeside(path: string): void {
  attempt(() => removeLeftovers(directoryOf(resolveLinks(path))));
}

/**
 * Makes a directory, and those above it that are missing. Gives the ones that it made, outermost
 * first; a directory that is there stays as it is.
 */
export function createDirectory(path: string, mode: number): Result<readonly string[]> {
  try {
    return success(makeDirectories(path, mode));
  } catch (error) {
    return failed("directory-not-made", `cannot make the directory ${path}`, error);
  }
}

function makeDirectories(path: string, mode: number): readonly string[] {
  const status = statusOf(path, statSync);
  if (status !== null) {
    if (!status.isDirectory()) throw new Unusable("there is a file of that name");
    return [];
  }
  const above = directoryOf(path);
  const made = makeDirectories(above, mode);
  mkdirSync(path, { mode });
  // The mask of the process may have taken some permissions away.
  chmodSync(path, mode);
  syncDirectory(above);
  return [...made, path];
}

/** A file that is there, kept open so that its bytes and its attributes are of the same file. */
class OldFile implements Disposable {
  constructor(
    readonly fd: number,
    readonly stats: Stats,
  ) {}

  bytes(): Uint8Array {
    return readFileSync(this.fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

function openOld(path: string): OldFile | null {
  const status = statusOf(path);
  if (status === null) return null;
  if (status.isDirectory()) throw new Unusable("it is a directory");
  if (!status.isFile()) throw new Unusable("it is not a regular file");
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  return new OldFile(fd, fstatSync(fd));
}

/** What is there under a name, or null. */
function statusOf(path: string, stat: (path: string) => Stats = lstatSync): Stats | null {
  try {
    return stat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/**
 * A file next to the one that it is to become. While it is being written it is locked; the kernel
 * lifts the lock when its writer is killed, and so tells others that they may remove it.
 */
class TemporaryFile implements Disposable {
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
function removeLeftovers(directory: string): void {
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

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** As many links in a row as Linux follows. */
const LINKS = 40;

/** The file that a path leads to by symbolic links, whether it exists or not. */
function resolveLinks(path: string): string {
  let target = path;
  for (let links = 0; links <= LINKS; links += 1) {
    if (statusOf(target)?.isSymbolicLink() !== true) return target;
    const to = readlinkSync(target);
    // Not normalised: `..` behind a link to a directory is not what it looks like.
    target = to.startsWith("/") ? to : `${realpathSync(directoryOf(target))}/${to}`;
  }
  throw new Unusable("its symbolic links form a loop");
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A path that is not what it must be; the message says what it is. */
class Unusable extends Error {}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied; run it as root"],
  ["EBUSY", "it is a mount point or in use; unmount it"],
  ["EDQUOT", "the disk quota is used up; free some space"],
  ["EEXIST", "there is a file of that name"],
  ["EIO", "the disk reports an input/output error"],
  ["EISDIR", "it is a directory"],
  ["ELOOP", "its symbolic links form a loop"],
  ["ENAMETOOLONG", "the name is too long"],
  ["ENOENT", "its directory does not exist"],
  ["ENOSPC", "no space is left on its file system; free some"],
  ["ENOTDIR", "a part of its path is not a directory"],
  ["EPERM", "that is not permitted; look for an immutable flag: lsattr -d"],
  ["EROFS", "its file system is read-only; mount it writable"],
]);

function failed(code: string, what: string, error: unknown): Result<never> {
  if (error instanceof Unusable) return unavailable(code, `${what}: ${error.message}`);
  const errno = codeOf(error);
  // Anything else is a mistake in the program, and must not pass for a trouble of the host.
  if (errno === null) throw error;
  return unavailable(code, `${what}: ${REASONS.get(errno) ?? `the kernel answers ${errno}`}`);
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  return typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code) ? error.code : null;
}

/** An errno of a call to the C library, in the shape of the errors of node:fs. */
class LibcError extends Error {
  readonly code: string;

  constructor(errno: number) {
    const [name = `E${errno}`] = Object.entries(ERRNO).find(([, number]) => number === errno) ?? [];
    super(name);
    this.code = name;
  }
}

/** asm-generic/errno*.h */
const ERRNO = {
  EPERM: 1,
  EIO: 5,
  EAGAIN: 11,
  ENOSPC: 28,
  EROFS: 30,
  ENODATA: 61,
  EOPNOTSUPP: 95,
  EDQUOT: 122,
} as const;

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Extended attributes that say who may do what with a file. */
const ATTRIBUTES = ["security.selinux", "system.posix_acl_access"];
/** More than a label has, and as much as an access list of thousands. */
const ATTRIBUTE_BYTES = 65_536;

/** Takes an advisory lock on an open file for this process alone, if no other has it (flock). */
export function lockFile(fd: number): boolean {
  return Libc.shared.lock(fd);
}

/** What node:fs does not have. */
class Libc {
  static #shared: Libc | null = null;

  /** Opened when it is wanted first. */
  static get shared(): Libc {
    Libc.#shared ??= new Libc();
    return Libc.#shared;
  }

  readonly #symbols = dlopen("libc.so.6", {
    flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    fgetxattr: {
      args: [FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.u64],
      returns: FFIType.i64_fast,
    },
    fsetxattr: {
      args: [FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.i32],
      returns: FFIType.i32,
    },
    __errno_location: { args: [], returns: FFIType.ptr },
  }).symbols;

  /** Takes a lock for this process alone, if no other has it. */
  lock(fd: number): boolean {
    return this.#symbols.flock(fd, LOCK_EX | LOCK_NB) === 0;
  }

  copyAttributes(from: number, to: number): void {
    for (const attribute of ATTRIBUTES) {
      const name = new TextEncoder().encode(`${attribute}\0`);
      const value = new Uint8Array(ATTRIBUTE_BYTES);
      const size = Number(this.#symbols.fgetxattr(from, ptr(name), ptr(value), value.length));
      if (size < 0) {
        const errno = this.#errno();
        // The file has none, or its file system keeps none.
        if (errno === ERRNO.ENODATA || errno === ERRNO.EOPNOTSUPP) continue;
        throw new LibcError(errno);
      }
      if (this.#symbols.fsetxattr(to, ptr(name), ptr(value), size, 0) < 0) {
        throw new LibcError(this.#errno());
      }
    }
  }

  #errno(): number {
    const location: Pointer | bigint | null = this.#symbols.__errno_location();
    return location === null || typeof location === "bigint" ? 0 : read.i32(location, 0);
  }
}
