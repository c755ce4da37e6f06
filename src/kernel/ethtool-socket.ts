import { type Pointer, ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { ERRNO, ioctl, openDatagramSocket } from "../fs/libc.ts";

/** linux/sockios.h */
const SIOCETHTOOL = 0x8946;
const SIOCGIFINDEX = 0x8933;

/** struct ifreq on x86-64: 16 bytes of name, then a union of 24 whose first member is a pointer. */
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

const ERRNO_DESCRIPTIONS: ReadonlyMap<number, string> = new Map([
  [ERRNO.EPERM, "not permitted"],
  [ERRNO.EIO, "input/output error"],
  [ERRNO.ENOMEM, "out of memory"],
  [ERRNO.EBUSY, "device is busy"],
  [ERRNO.ENODEV, "no such device"],
  [ERRNO.EINVAL, "invalid argument"],
  [ERRNO.EOPNOTSUPP, "not supported by the driver"],
  [ERRNO.ETIMEDOUT, "timed out"],
]);

/** An errno in words, for messages. */
export function describeErrno(errno: number): string {
  return ERRNO_DESCRIPTIONS.get(errno) ?? `error ${errno}`;
}

/** The door to the kernel's ethtool interface: one datagram socket. No process is spawned. */
export class EthtoolSocket implements Disposable {
  readonly #fd = openDatagramSocket();
  readonly #ifreq = new Ifreq();

  /** An ethtool structure of so many bytes, to be sent to devices through this socket. */
  createCommand(sizeBytes: number): EthtoolCommand {
    return new EthtoolCommand(sizeBytes, this);
  }

  /** One ioctl on the socket, with the structure that it is about; gives the errno, or 0. */
  ioctl(requestCode: number, structure: Pointer): number {
    return ioctl(this.#fd, requestCode, structure);
  }

  /** The kernel's number of a device, which no other has until the next boot; null where it is not there. */
  readIfindex(device: string): number | null {
    if (!this.#ifreq.setName(device) || this.ioctl(SIOCGIFINDEX, this.#ifreq.pointer) !== 0) return null;
    return this.#ifreq.view.getInt32(IFNAMSIZ, true);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
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
  readonly #ifreq = new Ifreq();
  readonly #socket: EthtoolSocket;

  constructor(sizeBytes: number, socket: EthtoolSocket) {
    this.view = new DataView(new ArrayBuffer(sizeBytes));
    this.bytes = new Uint8Array(this.view.buffer);
    this.#socket = socket;
    this.#ifreq.view.setBigUint64(IFNAMSIZ, BigInt(ptr(this.bytes)), true);
  }

  /** One SIOCETHTOOL on a device; gives the errno, or 0 when it was carried out. */
  send(device: string): number {
    return this.#ifreq.setName(device) ? this.#socket.ioctl(SIOCETHTOOL, this.#ifreq.pointer) : ERRNO.ENODEV;
  }
}

const encoder = new TextEncoder();

class Ifreq {
  readonly view = new DataView(new ArrayBuffer(IFREQ_BYTES));
  readonly pointer = ptr(this.view);
  readonly #name = new Uint8Array(this.view.buffer, 0, IFNAMSIZ);

  /**
   * Writes the name of a device. False for one that does not fit, with the NUL behind it, or that has a NUL in
   * it: it would silently become another device's.
   */
  setName(device: string): boolean {
    this.#name.fill(0);
    const { written, read } = encoder.encodeInto(device, this.#name);
    return read === device.length && written > 0 && written < IFNAMSIZ && !device.includes("\0");
  }
}
