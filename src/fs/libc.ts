import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";

/** The errno values that this program tells apart or has words for (asm-generic/errno*.h). */
export const ERRNO = {
  EPERM: 1,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ENODATA: 61,
  ENOTSOCK: 88,
  EOPNOTSUPP: 95,
  ETIMEDOUT: 110,
  EDQUOT: 122,
} as const;

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

const SEEK_CUR = 1;
const O_WRONLY = 1;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Extended attributes that say who may do what with a file. */
const COPIED_XATTRS = ["security.selinux", "system.posix_acl_access"];
/** More than a label has, and as much as an access list of thousands. */
const MAX_XATTR_BYTES = 65_536;

const libc = dlopen("libc.so.6", {
  write: { args: [FFIType.i32, FFIType.ptr, FFIType.u64], returns: FFIType.i64_fast },
  send: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i64_fast },
  lseek: { args: [FFIType.i32, FFIType.i64, FFIType.i32], returns: FFIType.i64_fast },
  open: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
  flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  fgetxattr: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.u64], returns: FFIType.i64_fast },
  fsetxattr: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  __errno_location: { args: [], returns: FFIType.ptr },
}).symbols;

const errnoPointer: Pointer | bigint | null = libc.__errno_location();

/** Why the call before failed. */
function getLastErrno(): number {
  return errnoPointer === null || typeof errnoPointer === "bigint" ? 0 : read.i32(errnoPointer, 0);
}

/** An errno of the C library, in the shape of the errors of node:fs. */
class LibcError extends Error {
  readonly code: string;

  constructor(errno: number) {
    const [name = `E${errno}`] = Object.entries(ERRNO).find(([, number]) => number === errno) ?? [];
    super(name);
    this.code = name;
  }
}

/** Writes to an open file; gives how many bytes were written, or the negative errno. */
export function write(fd: number, bytes: Uint8Array): number {
  const written = Number(libc.write(fd, ptr(bytes), bytes.length));
  return written < 0 ? -getLastErrno() : written;
}

/** Sends to a socket without waiting for its reader; gives how many bytes were sent, or the negative errno. */
export function sendNow(fd: number, bytes: Uint8Array): number {
  const sent = Number(libc.send(fd, ptr(bytes), bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL));
  return sent < 0 ? -getLastErrno() : sent;
}

/**
 * Reopens, by our own open file description, what a terminal or a pipe is at the other end of: writes to it then
 * never wait, and nobody who shares the first one notices. Null for what has a position (lseek(2)), such as a file,
 * where two descriptions would overwrite each other and nothing waits; and where it cannot be opened.
 */
export function reopenWithoutWaiting(fd: number): number | null {
  if (Number(libc.lseek(fd, 0, SEEK_CUR)) >= 0) return null;
  const path = new TextEncoder().encode(`/proc/self/fd/${fd}\0`);
  const opened = libc.open(ptr(path), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  return opened < 0 ? null : opened;
}

/** Opens a datagram socket, which is what ioctls of network devices are sent through; gives its descriptor. */
export function openDatagramSocket(): number {
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new LibcError(getLastErrno());
  return fd;
}

/** One ioctl, with the structure that it is about; gives the errno, or 0 when it was carried out. */
export function ioctl(fd: number, request: number, structure: Pointer): number {
  return libc.ioctl(fd, request, structure) < 0 ? getLastErrno() : 0;
}

/** Takes an advisory lock on an open file for this process alone, if no other has it (flock). */
export function tryLock(fd: number): boolean {
  return libc.flock(fd, LOCK_EX | LOCK_NB) === 0;
}

/** Gives a file the label and the access list of another; throws what the C library answers. */
export function copyXattrs(sourceFd: number, targetFd: number): void {
  for (const attribute of COPIED_XATTRS) {
    const name = new TextEncoder().encode(`${attribute}\0`);
    const value = new Uint8Array(MAX_XATTR_BYTES);
    const size = Number(libc.fgetxattr(sourceFd, ptr(name), ptr(value), value.length));
    if (size < 0) {
      const errno = getLastErrno();
      // The file has none, or its file system keeps none.
      if (errno === ERRNO.ENODATA || errno === ERRNO.EOPNOTSUPP) continue;
      throw new LibcError(errno);
    }
    if (libc.fsetxattr(targetFd, ptr(name), ptr(value), size, 0) < 0) throw new LibcError(getLastErrno());
  }
}
