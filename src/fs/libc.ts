import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";

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
const COPIED_XATTRS = ["security.selinux", "system.posix_acl_access"];
/** More than a label has, and as much as an access list of thousands. */
const MAX_XATTR_BYTES = 65_536;

/** Takes an advisory lock on an open file for this process alone, if no other has it (flock). */
export function tryLockFile(fd: number): boolean {
  return Libc.shared.tryLock(fd);
}

/** What node:fs does not have. */
export class Libc {
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
  tryLock(fd: number): boolean {
    return this.#symbols.flock(fd, LOCK_EX | LOCK_NB) === 0;
  }

  /** Gives a file the label and the access list of another; throws what the C library answers. */
  copyXattrs(sourceFd: number, targetFd: number): void {
    for (const attribute of COPIED_XATTRS) {
      const name = new TextEncoder().encode(`${attribute}\0`);
      const value = new Uint8Array(MAX_XATTR_BYTES);
      const size = Number(this.#symbols.fgetxattr(sourceFd, ptr(name), ptr(value), value.length));
      if (size < 0) {
        const errno = this.#errno();
        // The file has none, or its file system keeps none.
        if (errno === ERRNO.ENODATA || errno === ERRNO.EOPNOTSUPP) continue;
        throw new LibcError(errno);
      }
      if (this.#symbols.fsetxattr(targetFd, ptr(name), ptr(value), size, 0) < 0) {
        throw new LibcError(this.#errno());
      }
    }
  }

  #errno(): number {
    const location: Pointer | bigint | null = this.#symbols.__errno_location();
    return location === null || typeof location === "bigint" ? 0 : read.i32(location, 0);
  }
}
