import type { AutocompletePrompt } from "@clack/core";
import { formatListAnswer, type ListRow, type ListView, renderListFrame } from "./list-frame.ts";

/** What is to be chosen from. */
export interface PickerList {
  readonly question: string;
  readonly heading: readonly string[];
  readonly rows: readonly ListRow[];
  /** The numbers of the rows that are chosen to begin with. */
  readonly selected: readonly number[];
  /** What to say where nothing is chosen. */
  readonly emptyMessage: string;
}

interface PickerOption {
  readonly value: number;
  /** What a search looks through. */
  readonly text: string;
}

/** The numbers of the rows that the person has chosen, or that there was no choice. */
export type PickResult = readonly number[] | "cancelled";

/**
 * Lets the person at the terminal choose rows from a list that can be searched, on stderr. The prompt
 * is clack's; it is drawn here, because clack's own drawing shows by color alone where the mark is.
 * The terminal must be one that cursors can be moved on.
 */
export async function pickRows(
  list: PickerList,
  view: Pick<ListView, "paint" | "ellipsis">,
  signal: AbortSignal,
): Promise<PickResult> {
  const clack = await import("@clack/core");
  const { question, heading, rows } = list;
  const options = rows.map((row, value) => ({ value, text: row.cells.join(" ").toLowerCase() }));
  const getListView = (): ListView => ({
    ...view,
    columns: process.stderr.columns ?? 80,
    lines: process.stderr.rows ?? 24,
  });
  const prompt: AutocompletePrompt<PickerOption> = new clack.AutocompletePrompt<PickerOption>({
    options,
    multiple: true,
    output: process.stderr,
    signal,
    filter: (search, { text }) =>
      search
        .toLowerCase()
        .split(" ")
        .every((word) => text.includes(word)),
    validate: (): string | undefined => (prompt.selectedValues.length === 0 ? list.emptyMessage : undefined),
    render() {
      const selected = new Set(this.selectedValues);
      if (this.state === "submit") {
        const names = [...selected].sort((a, b) => a - b).map((index) => getRowName(rows[index]));
        return formatListAnswer(question, names, getListView());
      }
      if (this.state === "cancel") return question;
      const state = {
        question,
        heading,
        rows,
        matching: this.filteredOptions.map(({ value }) => value),
        selected,
        cursor: this.cursor,
        search: this.userInput,
        error: this.state === "error" ? this.error : "",
      };
      return renderListFrame(state, getListView());
    },
  });
  // As an initial value it would take the mark along to the last one.
  prompt.selectedValues = [...list.selected];
  // Until a search begins Space chooses like Tab, and not only after the mark was moved.
  prompt.isNavigating = true;
  const answer = await prompt.prompt();
  if (clack.isCancel(answer)) return "cancelled";
  return [...new Set(prompt.selectedValues)].sort((a, b) => a - b);
}

function getRowName(row: ListRow | undefined): string {
  return row?.cells[0] ?? "";
}
