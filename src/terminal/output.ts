import { createConsola } from "consola/core";
import { type Paint, printable } from "./text.ts";

/**
 * Writes a whole text and waits until it is gone: exiting earlier delivers 64 KiB of it into a
 * slow pipe. A reader that has gone away (EPIPE: `| head`) has seen what it wanted.
 */
export function writeOut(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") resolve();
      else reject(error);
    });
    stream.write(text, () => resolve());
  });
}

/**
 * Messages to the person, all on stderr: consola would put half of them on stdout, among the
 * results.
 */
export function messagesTo(stream: NodeJS.WriteStream, paint: Paint) {
  return createConsola({
    level: 3,
    stdout: stream,
    stderr: stream,
    throttle: 0,
    reporters: [
      {
        log({ type, args }) {
          const text = printable(args.map(String).join(" "));
          const label = type === "error" ? paint.bad("offload:") : "offload:";
          stream.write(`${label} ${text}\n`);
        },
      },
    ],
  });
}
