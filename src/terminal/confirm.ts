import { askLine } from "./ask-line.ts";
import { isTerminal } from "./tty.ts";

/** What the person at the terminal said. */
export type Answer = "yes" | "no" | "cancelled";

/** Whether somebody can be asked: both ends of the conversation are a terminal. */
export function isInteractive(): boolean {
  return isTerminal("stdin") && isTerminal("stderr");
}

/** Whether the cursor can be moved about: TERM=dumb says that it cannot. */
export function canMoveCursor(): boolean {
  return process.env["TERM"] !== "dumb";
}

/**
 * Asks on stderr, so that stdout carries the result alone. The answer that Enter gives is No. When
 * the signal is aborted, the prompt gives up and the terminal is as it was.
 */
export function askYesNo(question: string, signal: AbortSignal): Promise<Answer> {
  return canMoveCursor() ? askWithPrompt(question, signal) : askByLine(question, signal);
}

/** clack is loaded when somebody is asked, not before. */
async function askWithPrompt(question: string, signal: AbortSignal): Promise<Answer> {
  const prompts = await import("@clack/prompts");
  const answer = await prompts.confirm({
    message: question,
    initialValue: false,
    // Its bar is bright black, which cannot be seen on some backgrounds.
    withGuide: false,
    output: process.stderr,
    signal,
  });
  // A cancelled prompt gives a symbol, which is as true as a yes.
  if (prompts.isCancel(answer)) return "cancelled";
  return answer ? "yes" : "no";
}

/** For a terminal whose cursor cannot be moved. */
async function askByLine(question: string, signal: AbortSignal): Promise<Answer> {
  const line = await askLine(`${question} [y/N] `, signal);
  if (line === null && signal.aborted) return "cancelled";
  return /^\s*y(es)?\s*$/i.test(line ?? "") ? "yes" : "no";
}
