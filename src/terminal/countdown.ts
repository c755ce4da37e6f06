import { emitKeypressEvents } from "node:readline";
import { type Answer, askYesNo, canMoveCursor } from "./confirm.ts";
import { writeAll } from "./streams.ts";

/** A question whose answer has to come in time. */
export interface TimedQuestion {
  /** What is asked: `Keep these changes?` */
  readonly question: string;
  /** What happens without an answer: `reverted`. */
  readonly timeoutAction: string;
  /** Another way to say yes: `offload confirm`. */
  readonly command: string;
  getSecondsLeft(): number;
}

/**
 * Asks on stderr for a yes, and counts down. Enter means no. When the signal is aborted the prompt gives
 * up, and the terminal is as it was. A terminal that cannot be drawn on shows the time once.
 */
export async function askWithCountdown(
  { question, timeoutAction, command, getSecondsLeft }: TimedQuestion,
  signal: AbortSignal,
): Promise<Answer> {
  const hint = `Enter: no; from another login: ${command}`;
  if (!canMoveCursor() || !process.stdin.setRawMode) {
    return await askYesNo(`${question} ${timeoutAction} in ${getSecondsLeft()} s. ${hint}.`, signal);
  }
  const drawPrompt = () => writeAll("stderr", `\r\x1b[K${question} [y/N] ${timeoutAction} in ${getSecondsLeft()} s`);
  await writeAll("stderr", `(${hint})\n`);
  await drawPrompt();
  const timer = setInterval(drawPrompt, 1000);
  try {
    const answer = await readAnswerKey(signal);
    await writeAll("stderr", ` ${answer}\n`);
    return answer;
  } finally {
    clearInterval(timer);
  }
}

function readAnswerKey(signal: AbortSignal): Promise<Answer> {
  const { stdin } = process;
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const onKey = (text: string | undefined, key: { name?: string; ctrl?: boolean }) => {
    if (key.ctrl === true && (key.name === "c" || key.name === "d")) resolve("cancelled");
    else if (key.name === "escape") resolve("cancelled");
    else if (text === "y" || text === "Y") resolve("yes");
    else if (key.name === "return" || key.name === "enter" || /^n$/i.test(text ?? "")) resolve("no");
  };
  const onAbort = () => resolve("cancelled");
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.on("keypress", onKey);
  signal.addEventListener("abort", onAbort, { once: true });
  stdin.resume();
  return promise.finally(() => {
    signal.removeEventListener("abort", onAbort);
    stdin.off("keypress", onKey);
    stdin.setRawMode(false);
    stdin.pause();
  });
}
