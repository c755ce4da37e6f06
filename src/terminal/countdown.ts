import { emitKeypressEvents } from "node:readline";
import { type Answer, canDraw, confirm } from "./confirm.ts";
import { writeOut } from "./streams.ts";

/** A question whose answer has to come in time. */
export interface TimedQuestion {
  /** What is asked: `Keep these changes?` */
  readonly question: string;
  /** What happens without an answer: `reverted`. */
  readonly otherwise: string;
  /** Another way to say yes: `offload confirm`. */
  readonly command: string;
  secondsLeft(): number;
}

/**
 * Asks on stderr for a yes, and counts down. Enter means no. When the signal is aborted the prompt gives
 * up, and the terminal is as it was. A terminal that cannot be drawn on shows the time once.
 */
export async function confirmInTime(
  { question, otherwise, command, secondsLeft }: TimedQuestion,
  signal: AbortSignal,
): Promise<Answer> {
  const ways = `Enter: no; from another login: ${command}`;
  if (!canDraw() || !process.stdin.setRawMode) {
    return await confirm(`${question} ${otherwise} in ${secondsLeft()} s. ${ways}.`, signal);
  }
  const show = () =>
    writeOut("stderr", `\r\x1b[K${question} [y/N] ${otherwise} in ${secondsLeft()} s`);
  await writeOut("stderr", `(${ways})\n`);
  await show();
  const timer = setInterval(show, 1000);
  try {
    const answer = await readKey(signal);
    await writeOut("stderr", ` ${answer}\n`);
    return answer;
  } finally {
    clearInterval(timer);
  }
}

function readKey(signal: AbortSignal): Promise<Answer> {
  const { stdin } = process;
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const onKey = (text: string | undefined, key: { name?: string; ctrl?: boolean }) => {
    if (key.ctrl === true && (key.name === "c" || key.name === "d")) resolve("cancelled");
    else if (key.name === "escape") resolve("cancelled");
    else if (text === "y" || text === "Y") resolve("yes");
    else if (key.name === "return" || key.name === "enter" || /^n$/i.test(text ?? ""))
      resolve("no");
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
