import type { RecordHalf } from "./records.ts";
import type { Rounds } from "./sides.ts";
import { ratios, summary } from "./statistics.ts";
import type { Target } from "./targets.ts";

/** The sides as a table in Markdown, each with its ratio to the first, round by round. */
export function renderSides(sides: readonly Rounds[]): string {
  const [first] = sides;
  return table(
    ["whole process", "median ms", "spread ms", "to the first", "peak MiB"],
    sides.map(({ name, milliseconds, memory }) => {
      const { median, minimum, maximum } = summary(milliseconds);
      const ratio =
        first === undefined ? Number.NaN : ratios(milliseconds, first.milliseconds).median;
      const spread = `${figure(minimum)} to ${figure(maximum)}`;
      return [name, figure(median), spread, figure(ratio), Math.max(...memory).toFixed(0)];
    }),
  );
}

/** The record half beside the sum of the calls' own cost and the model of the published scripts. */
export function renderRecords(halves: readonly RecordHalf[]): string {
  return table(
    [
      "VIFs",
      "median ms",
      "spread ms",
      "reads",
      "writes",
      "their cost ms",
      "they took ms",
      "ratio",
      "scripts (model) ms",
    ],
    halves.map(({ vifs, rounds, reads, writes, ownCost, held, scripts }) => {
      const { median, minimum, maximum } = summary(rounds.milliseconds);
      return [
        String(vifs),
        figure(median),
        `${figure(minimum)} to ${figure(maximum)}`,
        String(reads),
        String(writes),
        figure(ownCost),
        figure(summary(held).median),
        figure(ratios(rounds.milliseconds, held).median),
        figure(scripts),
      ];
    }),
  );
}

/** What was promised, what was measured, and whether it is met. */
export function renderTargets(targets: readonly Target[]): string {
  return table(
    ["what", "target", "measured", "spread", "met"],
    targets.map(({ what, wanted, measured, met }) => [
      what,
      "atLeast" in wanted ? `at least ${wanted.atLeast}` : `at most ${wanted.atMost}`,
      figure(measured.median),
      `${figure(measured.minimum)} to ${figure(measured.maximum)}`,
      met ? "yes" : "NO",
    ]),
  );
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |\n`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|\n`;
  return `${line(heading)}${rule}${rows.map(line).join("")}`;
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
