import type { Channel } from "./streams.ts";
import { type Paint, paint, takesColour, takesUnicode } from "./text.ts";
import { columnsOf, isTerminal } from "./tty.ts";

/** How and where something is shown. */
export interface View {
  readonly paint: Paint;
  readonly columns: number;
  /** What stands for the rest of a text that is cut. */
  readonly ellipsis: string;
  /** Whether long lines are broken between words: a program that reads them wants them whole. */
  readonly wraps: boolean;
}

/** The view on a channel; `colour` is whether it is wanted. */
export function viewOn(channel: Channel, colour: boolean): View {
  const terminal = isTerminal(channel);
  return {
    paint: paint(takesColour({ isTTY: terminal }, process.env, colour)),
    columns: columnsOf(channel),
    ellipsis: takesUnicode(process.env) ? "…" : "...",
    wraps: terminal,
  };
}
