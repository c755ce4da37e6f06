import { dlopen, FFIType, ptr } from "bun:ffi";
import { type Channel, DESCRIPTORS } from "./streams.ts";

/** The C library itself: node:tty would tell the same, and takes longer to load. */
const libc = dlopen("libc.so.6", {
  isatty: { args: [FFIType.i32], returns: FFIType.i32 },
  ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
}).symbols;

/** Whether a standard stream is a terminal. */
export function isTerminal(stream: keyof typeof DESCRIPTORS): boolean {
  return libc.isatty(DESCRIPTORS[stream]) === 1;
}

/** How wide a table may be where no terminal tells. */
const COLUMNS = 80;

/** asm-generic/ioctls.h; it fills a struct winsize: rows and columns, then pixels, 16 bits each. */
const TIOCGWINSZ = 0x5413;

/** How many columns a channel has. */
export function columnsOf(channel: Channel): number {
  const size = new Uint16Array(4);
  const answered = libc.ioctl(DESCRIPTORS[channel], TIOCGWINSZ, ptr(size)) === 0;
  // A terminal that knows no size says 0.
  return (answered && size[1]) || COLUMNS;
}
