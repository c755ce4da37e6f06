import { writeAll } from "./streams.ts";

/**
 * Asks on stderr for a line, as the terminal hands it over: no raw mode, so that the terminal is as it was however
 * this process ends. Null at the end of input, and when the signal is aborted. Ctrl-C comes as the signal that it is.
 */
export async function askLine(question: string, signal: AbortSignal): Promise<string | null> {
  const { createInterface } = await import("node:readline");
  await writeAll("stderr", question);
  // A terminal that was stopped may have shown it too late.
  if (signal.aborted) return null;
  const reader = createInterface({ input: process.stdin, terminal: false });
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const cancel = () => resolve(null);
  signal.addEventListener("abort", cancel, { once: true });
  reader.once("line", resolve);
  reader.once("close", cancel);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", cancel);
    reader.close();
    process.stdin.pause();
  }
}
