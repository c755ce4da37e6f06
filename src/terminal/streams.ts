import { ERRNO, reopenWithoutWaiting, sendNow, write } from "../fs/libc.ts";

/** Where words go: the result to `stdout`, everything else to `stderr`. */
export type OutputStream = "stdout" | "stderr";

/** The file descriptors of the standard streams. */
export const FILE_DESCRIPTORS = { stdin: 0, stdout: 1, stderr: 2 } as const;

/** Why nothing can be written, where it is not the reader that has gone away. */
const ERRNO_REASONS: ReadonlyMap<number, string> = new Map([
  [ERRNO.EIO, "input/output error"],
  [ERRNO.EBADF, "it is closed"],
  [ERRNO.ENOSPC, "no space is left on its device"],
]);

/**
 * How much is written at a time. Bun.write is not used: it truncates or preallocates a file that
 * standard output is appended to.
 */
const WRITE_CHUNK_BYTES = 65_536;

/** How long is waited for a reader that is slow or has stopped: a little longer each time, up to this. */
const MAX_WAIT_MS = 50;

/** A standard stream that cannot be written to, in a sentence. */
export class StreamError extends Error {
  override readonly name = "StreamError";

  constructor(stream: OutputStream, errno: number) {
    super(`${stream} cannot be written to: ${ERRNO_REASONS.get(errno) ?? `error ${errno}`}`);
  }
}

/**
 * Writes a whole text and waits until it is gone: exiting earlier would deliver 64 KiB of it into a
 * slow pipe. A reader that has gone away (`| head`) has seen what it wanted; any other failure is
 * thrown as a `StreamError`.
 */
export async function writeAll(stream: OutputStream, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  let waitMs = 0;
  for (let offset = 0; offset < bytes.length; ) {
    const written = writeChunk(stream, bytes.subarray(offset, offset + WRITE_CHUNK_BYTES));
    if (written >= 0) {
      offset += written;
      waitMs = 0;
    } else if (written === -ERRNO.EPIPE) return;
    else if (written === -ERRNO.EAGAIN) {
      waitMs = Math.min(waitMs + 1, MAX_WAIT_MS);
      await Bun.sleep(waitMs);
    } else if (written !== -ERRNO.EINTR) throw new StreamError(stream, -written);
  }
}

/** Writes a line on stderr. One that nobody can write to must not change how the program ends. */
export function writeStderrLine(line: string): void {
  writeStderr(`${line}\n`);
}

/** The same of a text as it is, with what moves the cursor. What its reader does not take at once is lost. */
export function writeStderr(text: string): void {
  writeChunk("stderr", new TextEncoder().encode(text));
}

type Write = (bytes: Uint8Array) => number;

const writers = new Map<OutputStream, Write>();

/**
 * How many bytes were written, or the negative errno. It never waits: a terminal that Ctrl-S has stopped, or a pipe
 * that nobody reads, would hold up everything else, with the lock held, and signals would not be heard. `process.stdout`
 * and node:fs would do nearly the same, but loading them takes longer than all the rest of a short command.
 */
function writeChunk(stream: OutputStream, bytes: Uint8Array): number {
  let writeNow = writers.get(stream);
  if (writeNow === undefined) {
    writeNow = createWriter(FILE_DESCRIPTORS[stream]);
    writers.set(stream, writeNow);
  }
  return writeNow(bytes);
}

/** Only a socket cannot be opened anew; it can be sent to, and nothing else can. */
function createWriter(fd: number): Write {
  const own = reopenWithoutWaiting(fd);
  if (own !== null) return (bytes) => write(own, bytes);
  return (bytes) => {
    const sent = sendNow(fd, bytes);
    return sent === -ERRNO.ENOTSOCK ? write(fd, bytes) : sent;
  };
}
