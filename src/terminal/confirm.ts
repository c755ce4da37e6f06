import { askLine } from "./ask-line.ts";
import { writeAll, writeStderr } from "./streams.ts";
import { isTerminal } from "./tty.ts";

/** What the person at the terminal said; `interrupted` by Ctrl-C or another signal. */
export type Answer = "yes" | "no" | "cancelled" | "interrupted";

/** Whether someone can be asked: both ends of the conversation are a terminal. */
export function isInteractive(): boolean {
  return isTerminal("stdin") && isTerminal("stderr");
}

/** Whether the cursor can be moved about: TERM=dumb says that it cannot. */
export function canMoveCursor(): boolean {
  return process.env["TERM"] !== "dumb";
}

/**
 * Asks on stderr, so that stdout carries the result alone. One key answers; Enter means No, Esc and Ctrl-D
 * cancel. `formatTimeLeft`: what happens when, shown behind the question, updated every second. When the signal
 * is aborted, the prompt gives up and the terminal is as it was.
 */
export async function askYesNo(question: string, signal: AbortSignal, formatTimeLeft?: () => string): Promise<Answer> {
  const formatPrompt = () => [question, "[y/N]", formatTimeLeft?.() ?? ""].join(" ").trimEnd();
  if (!canMoveCursor()) return await askByLine(`${formatPrompt()} `, signal);
  // A terminal that is stopped does not hold up the answer; it shows the question a second later.
  const drawPrompt = () => writeStderr(`\r\x1b[K${formatPrompt()} `);
  // Raw mode comes first: a key that is typed at once is not echoed.
  const answerKey = readAnswerKey(signal);
  if (formatTimeLeft === undefined) await writeAll("stderr", `\r\x1b[K${formatPrompt()} `);
  else drawPrompt();
  const timer = formatTimeLeft === undefined ? undefined : setInterval(drawPrompt, 1000);
  try {
    const answer = await answerKey;
    writeStderr(`${answer === "interrupted" ? "cancelled" : answer}\n`);
    return answer;
  } finally {
    clearInterval(timer);
  }
}

const ANSWERS_BY_KEY: ReadonlyMap<string, Answer> = new Map([
  ["y", "yes"],
  ["n", "no"],
  ["\r", "no"],
  ["\n", "no"],
  ["\x1b", "cancelled"],
  ["\x04", "cancelled"],
  ["\x03", "interrupted"],
]);

/** Arrows and function keys begin with Esc, too, and are no answer. */
const ESCAPE_SEQUENCES = /\x1b(?:\[[\d;]*[a-z~]|o[a-z])/g;

function readAnswerKey(signal: AbortSignal): Promise<Answer> {
  const { stdin } = process;
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const onData = (data: Buffer) => {
    const keys = data.toString("latin1").toLowerCase().replaceAll(ESCAPE_SEQUENCES, "");
    const answer = ANSWERS_BY_KEY.get(keys.charAt(0));
    if (answer !== undefined) resolve(answer);
  };
  const onEnd = () => resolve("cancelled");
  const onAbort = () => resolve("interrupted");
  stdin.setRawMode(true);
  stdin.on("data", onData);
  stdin.once("end", onEnd);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  stdin.resume();
  return promise.finally(() => {
    signal.removeEventListener("abort", onAbort);
    stdin.off("data", onData);
    stdin.off("end", onEnd);
    stdin.setRawMode(false);
    stdin.pause();
  });
}

/** For a terminal whose cursor cannot be moved. */
async function askByLine(prompt: string, signal: AbortSignal): Promise<Answer> {
  const line = await askLine(prompt, signal);
  if (line !== null) return /^\s*y(es)?\s*$/i.test(line) ? "yes" : "no";
  if (signal.aborted) return "interrupted";
  await writeAll("stderr", "cancelled\n");
  return "cancelled";
}
