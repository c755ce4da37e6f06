import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

/** linux/sockios.h */
const SIOCETHTOOL = 0x8946;
const SIOCGIFINDEX = 0x8933;

/** struct ifreq on x86-64: 16 bytes of name, then a union of 24 whose first member is a pointer. */
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

/** errno values that this program tells apart (asm-generic/errno*.h). */
export const ERRNO = { ENODEV: 19 } as const;

const ERRNO_DESCRIPTIONS: ReadonlyMap<number, string> = new Map([
  [1, "not permitted"],
  [5, "input/output error"],
  [12, "out of memory"],
  [16, "device is busy"],
  [19, "no such device"],
  [22, "invalid argument"],
  [95, "not supported by the driver"],
  [110, "timed out"],
]);

/** Whether an ioctl was carried out, or the errno. */
export type IoctlResult = { readonly ok: true } | { readonly ok: false; readonly errno: number };

/** An errno in words, for messages. */
export function describeErrno(errno: number): string {
  return ERRNO_DESCRIPTIONS.get(errno) ?? `error ${errno}`;
}

/** The door to the kernel's ethtool interface: one datagram socket. No process is spawned. */
export class EthtoolSocket implements Disposable {
  readonly #libc = dlopen("libc.so.6", {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    close: { args: [FFIType.i32], returns: FFIType.i32 },
    ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
    __errno_location: { args: [], returns: FFIType.ptr },
  });
  readonly #ioctl = this.#libc.symbols.ioctl;
  readonly #fd: number;
  readonly #errno: Pointer | null;
  readonly #ifreq = new Uint8Array(new ArrayBuffer(IFREQ_BYTES));
  readonly #nameField = this.#ifreq.subarray(0, IFNAMSIZ);
  readonly #ifreqPointer = ptr(this.#ifreq);

  constructor() {
    const errno = this.#libc.symbols.__errno_location();
    this.#errno = typeof errno === "bigint" ? null : errno;
    this.#fd = this.#libc.symbols.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw new Error(`no socket: ${describeErrno(this.#lastErrno())}`);
  }

  /** An ethtool structure of so many bytes, to be sent to devices through this socket. */
  createCommand(sizeBytes: number): EthtoolCommand {
    return new EthtoolCommand(sizeBytes, this);
  }

  /** One SIOCETHTOOL. `ifreq`: where the structure is that names the device. */
  sendEthtool(ifreq: Pointer): IoctlResult {
    return this.ioctl(SIOCETHTOOL, ifreq);
  }

  /** One ioctl on the socket, with the structure that it is about. */
  ioctl(requestCode: number, structure: Pointer): IoctlResult {
    return this.#ioctl(this.#fd, requestCode, structure) < 0 ? { ok: false, errno: this.#lastErrno() } : IOCTL_OK;
  }

  /** The kernel's number of a device, which no other has until the next boot; null where it is not there. */
  readIfindex(device: string): number | null {
    if (!writeDeviceName(this.#nameField, device)) return null;
    if (this.#ioctl(this.#fd, SIOCGIFINDEX, this.#ifreqPointer) < 0) return null;
    return new DataView(this.#ifreq.buffer).getInt32(IFNAMSIZ, true);
  }

  [Symbol.dispose](): void {
    this.#libc.symbols.close(this.#fd);
    this.#libc.close();
  }

  #lastErrno(): number {
    return this.#errno === null ? 0 : read.i32(this.#errno, 0);
  }
}

/**
 * One ethtool structure and the ifreq that points to it, made once for any number of devices: a call
 * writes the name of the device into it, and nothing is allocated.
 */
export class EthtoolCommand {
  /** The structure: what is asked, and after a call what was answered. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly #ifreq = new Uint8Array(new ArrayBuffer(IFREQ_BYTES));
  readonly #nameField = this.#ifreq.subarray(0, IFNAMSIZ);
  readonly #ifreqPointer: Pointer;
  readonly #socket: EthtoolSocket;

  constructor(sizeBytes: number, socket: EthtoolSocket) {
    this.view = new DataView(new ArrayBuffer(sizeBytes));
    this.bytes = new Uint8Array(this.view.buffer);
    this.#ifreqPointer = ptr(this.#ifreq);
    this.#socket = socket;
    new DataView(this.#ifreq.buffer).setBigUint64(IFNAMSIZ, BigInt(ptr(this.bytes)), true);
  }

  /** One SIOCETHTOOL on a device. */
  send(device: string): IoctlResult {
    if (!writeDeviceName(this.#nameField, device)) return NO_SUCH_DEVICE;
    return this.#socket.sendEthtool(this.#ifreqPointer);
  }
}

/**
 * Writes the name of a device into an ifreq. False for one that does not fit, with the NUL behind it, or
 * that has a NUL in it: it would silently become another device's.
 */
function writeDeviceName(field: Uint8Array, device: string): boolean {
  field.fill(0);
  const { written, read: charsRead } = encoder.encodeInto(device, field);
  return charsRead === device.length && written > 0 && written < IFNAMSIZ && !device.includes("\0");
}

const encoder = new TextEncoder();

const IOCTL_OK: IoctlResult = { ok: true };

const NO_SUCH_DEVICE: IoctlResult = { ok: false, errno: ERRNO.ENODEV };
