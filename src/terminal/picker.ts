import type { AutocompletePrompt } from "@clack/core";
import { type ListRow, type ListView, listAnswer, listFrame } from "./list-frame.ts";

/** What is to be chosen from. */
export interface List {
  readonly question: string;
  readonly heading: readonly string[];
  readonly rows: readonly ListRow[];
  /** The numbers of the rows that are chosen to begin with. */
  readonly chosen: readonly number[];
  /** What to say where nothing is chosen. */
  readonly empty: string;
}

interface Option {
  readonly value: number;
  /** What a search looks through. */
  readonly text: string;
}

/** The numbers of the rows that the person has chosen, or that there was no choice. */
export type Picked = readonly number[] | "cancelled";

/**
 * Lets the person at the terminal choose rows from a list that can be searched, on stderr. The prompt
 * is clack's; it is drawn here, because clack's own drawing shows by colour alone where the mark is.
 * The terminal must be one that cursors can be moved on.
 */
export async function pick(
  list: List,
  view: Pick<ListView, "paint" | "ellipsis">,
  signal: AbortSignal,
): Promise<Picked> {
  const clack = await import("@clack/core");
  const { question, heading, rows } = list;
  const options = rows.map((row, value) => ({ value, text: row.cells.join(" ").toLowerCase() }));
  const size = (): ListView => ({
    ...view,
    columns: process.stderr.columns ?? 80,
    lines: process.stderr.rows ?? 24,
  });
  const prompt: AutocompletePrompt<Option> = new clack.AutocompletePrompt<Option>({
    options,
    multiple: true,
    output: process.stderr,
    signal,
    filter: (search, { text }) =>
      search
        .toLowerCase()
        .split(" ")
        .every((word) => text.includes(word)),
    validate: (): string | undefined =>
      prompt.selectedValues.length === 0 ? list.empty : undefined,
    render() {
      const chosen = new Set(this.selectedValues);
      if (this.state === "submit") {
        const names = [...chosen].sort((a, b) => a - b).map((number) => nameOf(rows[number]));
        return listAnswer(question, names, size());
      }
      if (this.state === "cancel") return question;
      const state = {
        question,
        heading,
        rows,
        matching: this.filteredOptions.map(({ value }) => value),
        chosen,
        at: this.cursor,
        search: this.userInput,
        error: this.state === "error" ? this.error : "",
      };
      return listFrame(state, size());
    },
  });
  // As an initial value it would take the mark along to the last one.
  prompt.selectedValues = [...list.chosen];
  // Until a search begins Space chooses like Tab, and not only after the mark was moved.
  prompt.isNavigating = true;
  const answer = await prompt.prompt();
  if (clack.isCancel(answer)) return "cancelled";
  return [...new Set(prompt.selectedValues)].sort((a, b) => a - b);
}

function nameOf(row: ListRow | undefined): string {
  return row?.cells[0] ?? "";
}
