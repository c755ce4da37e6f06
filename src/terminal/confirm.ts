import { isTerminal } from "./output.ts";

/** What the person at the terminal said. */
export type Answer = "yes" | "no" | "cancelled";

/** Whether somebody can be asked: both ends of the conversation are a terminal. */
export function canAsk(): boolean {
  return isTerminal("stdin") && isTerminal("stderr");
}

/**
 * Asks on stderr, so that stdout carries the result alone. The answer that Enter gives is No.
 * clack is loaded when somebody is asked, not before. When the signal is aborted, the prompt gives
 * up and the terminal is as it was.
 */
export async function confirm(question: string, signal: AbortSignal): Promise<Answer> {
  const prompts = await import("@clack/prompts");
  const answer = await prompts.confirm({
    message: question,
    initialValue: false,
    output: process.stderr,
    signal,
  });
  // A cancelled prompt gives a symbol, which is as true as a yes.
  if (prompts.isCancel(answer)) return "cancelled";
  return answer ? "yes" : "no";
}
