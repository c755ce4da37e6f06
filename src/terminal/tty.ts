import { dlopen, FFIType, ptr } from "bun:ffi";
import { FILE_DESCRIPTORS, type OutputStream } from "./streams.ts";

/** The C library itself: node:tty would say the same, and takes longer to load. */
const libc = dlopen("libc.so.6", {
  isatty: { args: [FFIType.i32], returns: FFIType.i32 },
  ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
}).symbols;

/** Whether a standard stream is a terminal. */
export function isTerminal(stream: keyof typeof FILE_DESCRIPTORS): boolean {
  return libc.isatty(FILE_DESCRIPTORS[stream]) === 1;
}

/** How wide a table may be where no terminal says. */
const DEFAULT_COLUMNS = 80;

/** asm-generic/ioctls.h; it fills a struct winsize: rows and columns, then pixels, 16 bits each. */
const TIOCGWINSZ = 0x5413;

/** How many columns a channel has. */
export function getColumns(stream: OutputStream): number {
  const size = new Uint16Array(4);
  const hasSize = libc.ioctl(FILE_DESCRIPTORS[stream], TIOCGWINSZ, ptr(size)) === 0;
  // A terminal that knows no size says 0.
  return (hasSize && size[1]) || DEFAULT_COLUMNS;
}
