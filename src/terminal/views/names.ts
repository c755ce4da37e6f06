import { measureWidth, truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";

/**
 * As many names as fit into so many columns, and how many more there are. A program that reads them, and whoever asks
 * for details, gets all.
 */
export function fitNames(
  names: readonly string[],
  columns: number,
  { wrapsLines, isVerbose, ellipsis }: Pick<TerminalView, "wrapsLines" | "isVerbose" | "ellipsis">,
): string {
  const all = names.join(", ");
  if (!wrapsLines || isVerbose || measureWidth(all) <= columns) return all;
  let shown = "";
  for (const [index, name] of names.entries()) {
    const next = index === 0 ? name : `${shown}, ${name}`;
    const rest = names.length - index - 1;
    if (measureWidth(next) + (rest === 0 ? 0 : measureWidth(formatRest(rest))) > columns) {
      if (index > 0) return `${shown}${formatRest(names.length - index)}`;
      return `${truncate(name, columns - measureWidth(formatRest(rest)), ellipsis)}${rest === 0 ? "" : formatRest(rest)}`;
    }
    shown = next;
  }
  return shown;
}

function formatRest(count: number): string {
  return ` and ${count} more`;
}
