import { createPaint } from "../../src/terminal/text.ts";
import type { TerminalView } from "../../src/terminal/view.ts";

/** A view of 80 columns that a program reads, unless said otherwise. */
export function createTestView(more: Partial<TerminalView> = {}): TerminalView {
  return {
    paint: createPaint(false),
    columns: 80,
    ellipsis: "…",
    wrapsLines: false,
    isVerbose: false,
    showsAll: false,
    ...more,
  };
}
