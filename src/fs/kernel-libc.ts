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

const ERRNO_WORDS: ReadonlyMap<number, string> = new Map([
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
export function errnoWords(errno: number): string {
  return ERRNO_WORDS.get(errno) ?? `error ${errno}`;
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
  readonly #name = this.#ifreq.subarray(0, IFNAMSIZ);
  readonly #address = ptr(this.#ifreq);

  constructor() {
    const errno = this.#libc.symbols.__errno_location();
    this.#errno = typeof errno === "bigint" ? null : errno;
    this.#fd = this.#libc.symbols.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw new Error(`no socket: ${errnoWords(this.#lastErrno())}`);
  }

  /** An ethtool structure of so many bytes, to be sent to devices through this socket. */
  command(bytes: number): EthtoolCommand {
    return new EthtoolCommand(bytes, this);
  }

  /** One SIOCETHTOOL. `ifreq`: where the structure is that names the device. */
  call(ifreq: Pointer): IoctlResult {
    return this.request(SIOCETHTOOL, ifreq);
  }

  /** One ioctl on the socket, with the structure that it is about. */
  request(number: number, structure: Pointer): IoctlResult {
    return this.#ioctl(this.#fd, number, structure) < 0
      ? { ok: false, errno: this.#lastErrno() }
      : CARRIED_OUT;
  }

  /** The kernel's number of a device, which no other has until the next boot; null where it is not there. */
  ifindexOf(device: string): number | null {
    if (!writeName(this.#name, device)) return null;
    if (this.#ioctl(this.#fd, SIOCGIFINDEX, this.#address) < 0) return null;
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
  readonly #name = this.#ifreq.subarray(0, IFNAMSIZ);
  readonly #address: Pointer;
  readonly #socket: EthtoolSocket;

  constructor(size: number, socket: EthtoolSocket) {
    this.view = new DataView(new ArrayBuffer(size));
    this.bytes = new Uint8Array(this.view.buffer);
    this.#address = ptr(this.#ifreq);
    this.#socket = socket;
    new DataView(this.#ifreq.buffer).setBigUint64(IFNAMSIZ, BigInt(ptr(this.bytes)), true);
  }

  /** One SIOCETHTOOL on a device. */
  send(device: string): IoctlResult {
    if (!writeName(this.#name, device)) return NO_SUCH_DEVICE;
    return this.#socket.call(this.#address);
  }
}

/**
 * Writes the name of a device into an ifreq. False for one that does not fit, with the NUL behind it, or
 * that has a NUL in it: it would silently become another device's.
 */
function writeName(field: Uint8Array, device: string): boolean {
  field.fill(0);
  const { written, read: taken } = encoder.encodeInto(device, field);
  return taken === device.length && written > 0 && written < IFNAMSIZ && !device.includes("\0");
}

const encoder = new TextEncoder();

const CARRIED_OUT: IoctlResult = { ok: true };

const NO_SUCH_DEVICE: IoctlResult = { ok: false, errno: ERRNO.ENODEV };
