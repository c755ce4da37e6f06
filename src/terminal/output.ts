import { dlopen, FFIType } from "bun:ffi";
import { writeSync } from "node:fs";
import { createConsola } from "consola/core";
import { printable } from "./text.ts";
import type { View } from "./view.ts";

/** Where words go: the result to `stdout`, everything else to `stderr`. */
export type Channel = "stdout" | "stderr";

/** How wide a table may be where no terminal tells. */
const COLUMNS = 80;

/**
 * How much is written at a time. Bun.write is not used: it truncates or preallocates a file that
 * standard output is appended to.
 */
const PIECE = 65_536;

const DESCRIPTORS = { stdin: 0, stdout: 1, stderr: 2 } as const;

/**
 * Whether a standard stream is a terminal, by libc's own isatty. `process.stdout` and node:tty
 * would tell too, but loading them takes longer than all the rest of a short command.
 */
export function isTerminal(stream: keyof typeof DESCRIPTORS): boolean {
  const { symbols, close } = dlopen("libc.so.6", {
    isatty: { args: [FFIType.i32], returns: FFIType.i32 },
  });
  const answer = symbols.isatty(DESCRIPTORS[stream]) === 1;
  close();
  return answer;
}

/** How many columns a channel has. */
export function columnsOf(channel: Channel): number {
  return isTerminal(channel) ? (process[channel].columns ?? COLUMNS) : COLUMNS;
}

/**
 * Writes a whole text and waits until it is gone: exiting earlier would deliver 64 KiB of it into a
 * slow pipe. A reader that has gone away (`| head`) has seen what it wanted; any other failure is
 * thrown.
 */
export async function writeOut(channel: Channel, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(DESCRIPTORS[channel], bytes, at, Math.min(PIECE, bytes.length - at));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      await Bun.sleep(1);
    }
  }
}

/** A stderr that nobody can write to must not change how the program ends. */
function sayOnStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EPIPE" && code !== "ENOSPC" && code !== "EIO" && code !== "EBADF") throw error;
  }
}

/**
 * Messages to the person, all on stderr: consola would put half of them on stdout, among the
 * results.
 */
export function messages({ paint, ellipsis }: Pick<View, "paint" | "ellipsis">) {
  return createConsola({
    level: 3,
    throttle: 0,
    reporters: [
      {
        log({ type, args }) {
          const text = printable(args.map(String).join(" ")).replaceAll("…", ellipsis);
          const label = type === "error" ? paint.bad("offload:") : "offload:";
          sayOnStderr(`${label} ${text}\n`);
        },
      },
    ],
  });
}
