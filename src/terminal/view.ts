import type { OutputStream } from "./streams.ts";
import { createPaint, type Paint, supportsColor, supportsUnicode } from "./text.ts";
import { getColumns, isTerminal } from "./tty.ts";

/** How and where something is shown. */
export interface TerminalView {
  readonly paint: Paint;
  readonly columns: number;
  /** What stands for the rest of a text that is cut. */
  readonly ellipsis: string;
  /** Whether long lines are broken between words: a program that reads them wants them whole. */
  readonly wrapsLines: boolean;
}

/** The view on a channel; `color` is whether it is wanted. */
export function createView(channel: OutputStream, useColor: boolean): TerminalView {
  const isTTY = isTerminal(channel);
  return {
    paint: createPaint(supportsColor({ isTTY }, process.env, useColor)),
    columns: getColumns(channel),
    ellipsis: supportsUnicode(process.env) ? "…" : "...",
    wrapsLines: isTTY,
  };
}
