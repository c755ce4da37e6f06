import { fitted, type Paint, padded, printable } from "./text.ts";

/** One row of a list to choose from. */
export interface ListRow {
  readonly cells: readonly string[];
}

/** What a list shows at one moment. */
export interface ListState {
  readonly question: string;
  /** What the columns are called. */
  readonly heading: readonly string[];
  /** All rows, whether they match or not: columns keep their places while somebody searches. */
  readonly rows: readonly ListRow[];
  /** Which of them match, by their numbers. */
  readonly matching: readonly number[];
  readonly chosen: ReadonlySet<number>;
  /** The place of the mark among those that match. */
  readonly at: number;
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

const KEYS = "Tab chooses, arrows move, letters search, Enter goes on, Ctrl-C leaves";

/** How wide a column may be in any case: one long name must not push the others out of sight. */
const WIDE = 32;

/** How narrow a column may become before the last one is cut instead. */
const NARROWEST = 12;

/** `> [x] `: where the mark is and what is chosen can be seen without colour, and in ASCII. */
const MARGIN = 6;

/** Draws a list: question, search, rows around the mark, keys. Never more lines than there are. */
export function listFrame(state: ListState, view: ListView): string {
  const { paint, columns } = view;
  const { question, matching, chosen, search, error, rows, at } = state;
  const widths = widthsOf(state, view);
  const count = `${chosen.size} chosen${matching.length < rows.length ? `, ${matching.length} of ${rows.length} shown` : ""}`;
  const room = Math.max(1, view.lines - 6);
  const first = Math.min(
    Math.max(0, at - Math.floor(room / 2)),
    Math.max(0, matching.length - room),
  );
  const shown = matching.slice(first, first + room);
  const hidden = matching.length - shown.length;
  const lines = [
    `${paint.strong(question)} ${count}`,
    `Search: ${printable(search)}_`,
    `${" ".repeat(MARGIN)}${paint.faint(laidOut(state.heading, widths, view))}`,
    ...shown.map((number, place) => {
      const marked = first + place === at;
      const line = `${marked ? ">" : " "} [${chosen.has(number) ? "x" : " "}] ${laidOut(rows[number]?.cells ?? [], widths, view)}`;
      return marked ? paint.strong(line) : line;
    }),
    ...(matching.length === 0 ? ["  nothing is called that"] : []),
    hidden > 0 ? `  and ${hidden} more, above or below` : "",
    error === "" ? KEYS : paint.bad(error),
  ];
  return lines.map((line) => fittedLine(line, columns, view.ellipsis)).join("\n");
}

/** What stays when the choice is made. */
export function listAnswer(question: string, names: readonly string[], view: ListView): string {
  const answer = `${question} ${names.map(printable).join(", ")}`;
  return fitted(answer, view.columns - 1, view.ellipsis);
}

/** As wide as the widest cell, within reason; where that is too much, the widest columns give way. */
function widthsOf({ heading, rows }: ListState, { columns }: ListView): readonly number[] {
  const widest = Math.max(WIDE, Math.floor(columns / 3));
  const widths = heading.map((title, column) =>
    Math.min(
      widest,
      Math.max(
        title.length,
        ...rows.map(({ cells }) => Bun.stringWidth(printable(cells[column] ?? ""))),
      ),
    ),
  );
  const room = columns - MARGIN - 1 - 2 * (widths.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  for (; excess > 0; excess -= 1) {
    const column = widths.indexOf(Math.max(...widths.slice(0, -1)));
    const width = widths[column] ?? 0;
    if (width <= NARROWEST) break;
    widths[column] = width - 1;
  }
  return widths;
}

function laidOut(cells: readonly string[], widths: readonly number[], view: ListView): string {
  const last = cells.length - 1;
  const shown = cells.map((cell, column) => {
    const text = printable(cell);
    if (column === last) return text;
    return padded(fitted(text, widths[column] ?? 0, view.ellipsis), widths[column] ?? 0);
  });
  return fitted(shown.join("  "), view.columns - MARGIN - 1, view.ellipsis).trimEnd();
}

/** A line that a terminal wraps would put all others out of place. */
function fittedLine(line: string, columns: number, ellipsis: string): string {
  return Bun.stringWidth(line) < columns
    ? line
    : fitted(Bun.stripANSI(line), columns - 1, ellipsis);
}
