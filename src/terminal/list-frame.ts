import { stripUnprintable } from "../core/text.ts";
import { type Paint, pad, truncate } from "./text.ts";

/** One row of a list to choose from. */
export interface ListRow {
  readonly cells: readonly string[];
}

/** What a list shows at one moment. */
export interface ListState {
  readonly question: string;
  /** What the columns are called. */
  readonly heading: readonly string[];
  /** All rows, whether they match or not: columns keep their places while someone searches. */
  readonly rows: readonly ListRow[];
  /** Which of them match, by their numbers. */
  readonly matching: readonly number[];
  readonly selected: ReadonlySet<number>;
  /** The place of the mark among those that match. */
  readonly cursor: number;
  readonly search: string;
  /** Why it cannot go on; empty when it can. */
  readonly error: string;
}

/** How large a list may be, and how it is painted. */
export interface ListView {
  readonly columns: number;
  readonly lines: number;
  readonly paint: Paint;
  readonly ellipsis: string;
}

const KEY_HELP = "Tab chooses, arrows move, letters search, Enter goes on, Ctrl-C leaves";

/** How wide a column may be in any case: one long name must not push the others out of sight. */
const DEFAULT_COLUMN_WIDTH = 32;

/** How narrow a column may become before the last one is cut instead. */
const MIN_COLUMN_WIDTH = 12;

/** `> [x] `: where the mark is and what is chosen can be seen without color, and in ASCII. */
const MARGIN_WIDTH = 6;

/** Draws a list: question, search, rows around the mark, keys. Never more lines than there are. */
export function renderListFrame(state: ListState, view: ListView): string {
  const { paint, columns } = view;
  const { question, matching, selected, search, error, rows, cursor } = state;
  const columnWidths = computeColumnWidths(state, view);
  const count = `${selected.size} chosen${matching.length < rows.length ? `, ${matching.length} of ${rows.length} shown` : ""}`;
  const visibleRows = Math.max(1, view.lines - 6);
  const firstVisible = Math.min(
    Math.max(0, cursor - Math.floor(visibleRows / 2)),
    Math.max(0, matching.length - visibleRows),
  );
  const visible = matching.slice(firstVisible, firstVisible + visibleRows);
  const hiddenCount = matching.length - visible.length;
  const lines = [
    `${paint.strong(question)} ${count}`,
    `Search: ${stripUnprintable(search)}_`,
    `${" ".repeat(MARGIN_WIDTH)}${paint.faint(formatCells(state.heading, columnWidths, view))}`,
    ...visible.map((rowIndex, index) => {
      const isAtCursor = firstVisible + index === cursor;
      const line = `${isAtCursor ? ">" : " "} [${selected.has(rowIndex) ? "x" : " "}] ${formatCells(rows[rowIndex]?.cells ?? [], columnWidths, view)}`;
      return isAtCursor ? paint.strong(line) : line;
    }),
    ...(matching.length === 0 ? ["  nothing is called that"] : []),
    hiddenCount > 0 ? `  and ${hiddenCount} more, above or below` : "",
    error === "" ? KEY_HELP : paint.bad(error),
  ];
  return lines.map((line) => truncateLine(line, columns, view.ellipsis)).join("\n");
}

/** What stays when the choice is made. */
export function formatListAnswer(question: string, names: readonly string[], view: ListView): string {
  const answer = `${question} ${names.map(stripUnprintable).join(", ")}`;
  return truncate(answer, view.columns - 1, view.ellipsis);
}

/** As wide as the widest cell, within reason; where that is too much, the widest columns give way. */
function computeColumnWidths({ heading, rows }: ListState, { columns }: ListView): readonly number[] {
  const maxWidth = Math.max(DEFAULT_COLUMN_WIDTH, Math.floor(columns / 3));
  const widths = heading.map((title, column) =>
    Math.min(
      maxWidth,
      Math.max(title.length, ...rows.map(({ cells }) => Bun.stringWidth(stripUnprintable(cells[column] ?? "")))),
    ),
  );
  const availableWidth = columns - MARGIN_WIDTH - 1 - 2 * (widths.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, 0) - availableWidth;
  for (; excess > 0; excess -= 1) {
    const column = widths.indexOf(Math.max(...widths.slice(0, -1)));
    const width = widths[column] ?? 0;
    if (width <= MIN_COLUMN_WIDTH) break;
    widths[column] = width - 1;
  }
  return widths;
}

function formatCells(cells: readonly string[], widths: readonly number[], view: ListView): string {
  const last = cells.length - 1;
  const shown = cells.map((cell, column) => {
    const text = stripUnprintable(cell);
    if (column === last) return text;
    return pad(truncate(text, widths[column] ?? 0, view.ellipsis), widths[column] ?? 0);
  });
  return truncate(shown.join("  "), view.columns - MARGIN_WIDTH - 1, view.ellipsis).trimEnd();
}

/** A line that a terminal wraps would put all others out of place. */
function truncateLine(line: string, columns: number, ellipsis: string): string {
  return Bun.stringWidth(line) < columns ? line : truncate(Bun.stripANSI(line), columns - 1, ellipsis);
}
