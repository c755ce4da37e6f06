import type { Share } from "./proportion.ts";
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
      const ratio = first === undefined ? Number.NaN : ratios(milliseconds, first.milliseconds).median;
      const spread = `${figure(minimum)} to ${figure(maximum)}`;
      return [name, figure(median), spread, figure(ratio), Math.max(...memory).toFixed(0)];
    }),
  );
}

/** What is stored, beside what the calls took and the model of the published scripts. */
export function renderRecords(halves: readonly RecordHalf[]): string {
  return table(
    [
      "VIFs",
      "host",
      "median ms",
      "spread ms",
      "reads",
      "records",
      "writes",
      "texts",
      "calls took ms",
      "ratio",
      "scripts (model) ms",
    ],
    halves.map(({ vifs, member, rounds, reads, recordsRead, writes, texts, held, scripts }): string[] => {
      const { median, minimum, maximum } = summary(rounds.milliseconds);
      return [
        String(vifs),
        member ? "member" : "coordinator",
        figure(median),
        `${figure(minimum)} to ${figure(maximum)}`,
        ...[reads, recordsRead, writes, texts].map(String),
        figure(summary(held).median),
        // What a member takes to pass the calls on is in no figure of the coordinator's.
        member ? "-" : figure(ratios(rounds.milliseconds, held).median),
        figure(scripts),
      ];
    }),
  );
}

/** What one VM and one host cost in pools of different sizes. */
export function renderShares(shares: readonly Share[]): string {
  return table(
    ["hosts", "VMs", "VIFs", "command", "calls", "records", "median ms", "spread ms"],
    shares.map(({ hosts, vms, vifs, command, calls, records, milliseconds }) => [
      ...[hosts, vms, vifs].map(String),
      command,
      ...[calls, records].map(String),
      figure(milliseconds.median),
      `${figure(milliseconds.minimum)} to ${figure(milliseconds.maximum)}`,
    ]),
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
  const widths = heading.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |\n`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|\n`;
  return `${line(heading)}${rule}${rows.map(line).join("")}`;
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
