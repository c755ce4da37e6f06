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
  /** Whether every name is shown, and not only as many as one can take in. */
  readonly isVerbose: boolean;
  /** Whether `status` shows each device, and not what is alike once. */
  readonly showsAll: boolean;
}

/** The view on a channel; `useColor` is whether it is wanted. */
export function createView(
  channel: OutputStream,
  useColor: boolean,
  { isVerbose, showsAll }: Pick<TerminalView, "isVerbose" | "showsAll"> = { isVerbose: false, showsAll: false },
): TerminalView {
  const isTTY = isTerminal(channel);
  return {
    paint: createPaint(supportsColor({ isTTY }, process.env, useColor)),
    columns: getColumns(channel),
    ellipsis: supportsUnicode(process.env) ? "…" : "...",
    wrapsLines: isTTY,
    isVerbose,
    showsAll,
  };
}
