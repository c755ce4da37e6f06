import type { Timing } from "./sides.ts";

/** The timings as a table, each with its ratio to the first side. */
export function renderTable(timings: readonly Timing[]): string {
  const [first] = timings;
  const rows = timings.map(({ name, minimum, median, maximum }) => [
    name,
    median.toFixed(1),
    `${minimum.toFixed(1)} to ${maximum.toFixed(1)}`,
    first === undefined ? "" : (median / first.median).toFixed(2),
  ]);
  const all = [["whole process", "median ms", "spread ms", "to the first"], ...rows];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...all.map((row) => (row[column] ?? "").length)),
  );
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}
