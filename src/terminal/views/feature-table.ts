import { FEATURE_NAMES, type Feature } from "../../core/features.ts";
import type { DeviceReport, FeatureReport } from "../../core/report.ts";
import { stripUnprintable } from "../../core/text.ts";
import { measureWidth, type Paint, pad, truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";

const MAX_LABEL_COLUMNS = 15;
const COLUMN_GAP = " ";
const TAIL_GAP = "  ";

/** What the signs in the table mean, in one line. */
export const LEGEND = "live/XAPI: ! fixed, ~ requested on, n/a no such feature, - no setting, ? unknown";

interface Cell {
  readonly text: string;
  readonly style: keyof Paint | null;
}

/** A row: what it is about, how its features are, and what is said behind them. */
export interface FeatureRow {
  readonly label: string;
  readonly features: DeviceReport["features"];
  /** The last column, in at most so many columns. */
  formatTail(columns: number): string;
}

/** A table of rows by features. */
export interface FeatureTable {
  readonly labelTitle: string;
  readonly tailTitle: string;
  /** Where the last column would be narrower than this, it is a line of its own below. */
  readonly minTailColumns: number;
  readonly rows: readonly FeatureRow[];
}

/**
 * Rows by features, live and in XAPI. Columns are as wide as their widest cell; features that do not fit beside the
 * others follow in a table of their own, and a feature that no device has is only named.
 */
export function formatFeatureTable(table: FeatureTable, view: TerminalView): readonly string[] {
  // Devices that are alike share one description: each is laid out once.
  const featureReports = [...new Set(table.rows.map(({ features }) => features))];
  const { shown, hidden } = chooseFeatures(featureReports);
  const cells = new Map(featureReports.map((features) => [features, shown.map((name) => formatCell(features[name]))]));
  const widths = shown.map((feature, column) =>
    Math.max(feature.length, ...[...cells.values()].map((row) => row[column]?.text.length ?? 0)),
  );
  const labels = table.rows.map(({ label }) => formatLabel(label, view));
  const labelWidth = Math.max(table.labelTitle.length, ...labels.map(measureWidth));
  const columns = getTableColumns(view);
  const blocks = splitColumns(widths, columns - labelWidth);
  const lines = blocks.flatMap(({ from, to }, index) => {
    const block: TableBlock = {
      columns: columns - labelWidth,
      labelWidth,
      titles: shown.slice(from, to),
      widths: widths.slice(from, to),
      rows: new Map([...cells].map(([features, row]) => [features, row.slice(from, to)])),
      // What belongs to all features is said once where nobody looks for a name in the lines.
      hasTail: index === blocks.length - 1 || !view.wrapsLines,
    };
    return [...(index === 0 ? [] : [""]), ...formatTableBlock(block, table, labels, view)];
  });
  const hiddenLines =
    hidden.length === 0 ? [] : [`Not shown, absent or off for good on every device: ${hidden.join(" ")}`];
  return [...lines, ...[LEGEND, ...hiddenLines].map(view.paint.faint)];
}

/** How wide a table may be: a program that reads it wants nothing to be cut. */
function getTableColumns({ columns, wrapsLines }: Pick<TerminalView, "columns" | "wrapsLines">): number {
  return wrapsLines ? columns : Number.POSITIVE_INFINITY;
}

/** What is absent, or off for good, on every device needs no column; unless that is all that was asked about. */
function chooseFeatures(featureReports: readonly DeviceReport["features"][]): {
  readonly shown: readonly Feature[];
  readonly hidden: readonly Feature[];
} {
  const asked = FEATURE_NAMES.filter((feature) => featureReports.some((features) => features[feature] !== undefined));
  const isInert = (report: FeatureReport | undefined) =>
    report === undefined ||
    (report.xapi === null &&
      (report.live === null || report.live === "absent" || (report.live === "off" && report.fixed)));
  const hidden = asked.filter((feature) => featureReports.every((features) => isInert(features[feature])));
  return hidden.length === asked.length
    ? { shown: asked, hidden: [] }
    : { shown: asked.filter((feature) => !hidden.includes(feature)), hidden };
}

/** Columns that stand side by side: as many as fit, one at least. */
function splitColumns(
  widths: readonly number[],
  columns: number,
): readonly { readonly from: number; readonly to: number }[] {
  const blocks: { from: number; to: number }[] = [];
  let usedColumns = Number.POSITIVE_INFINITY;
  widths.forEach((width, column) => {
    const last = blocks.at(-1);
    usedColumns += COLUMN_GAP.length + width;
    if (last !== undefined && usedColumns <= columns) {
      last.to = column + 1;
      return;
    }
    blocks.push({ from: column, to: column + 1 });
    usedColumns = COLUMN_GAP.length + width;
  });
  return blocks.length === 0 ? [{ from: 0, to: 0 }] : blocks;
}

interface TableBlock {
  /** What is left beside the labels. */
  readonly columns: number;
  readonly labelWidth: number;
  readonly titles: readonly Feature[];
  readonly widths: readonly number[];
  readonly rows: ReadonlyMap<DeviceReport["features"], readonly Cell[]>;
  readonly hasTail: boolean;
}

function formatTableBlock(
  { columns, labelWidth, titles, widths, rows, hasTail }: TableBlock,
  { labelTitle, tailTitle, minTailColumns, rows: tableRows }: FeatureTable,
  labels: readonly string[],
  { paint }: TerminalView,
): readonly string[] {
  const formatRow = (row: readonly Cell[]) =>
    row
      .map(({ text, style }, column) => {
        const paddedText = text.padEnd(widths[column] ?? 0);
        return style === null ? paddedText : paint[style](paddedText);
      })
      .join(COLUMN_GAP);
  const formattedRows = new Map([...rows].map(([features, row]) => [features, formatRow(row)]));
  const cellsWidth = widths.reduce((sum, width) => sum + COLUMN_GAP.length + width, 0);
  const tailColumns = columns - cellsWidth - TAIL_GAP.length;
  const isTailBelow = tailColumns < minTailColumns;
  const titleCells = formatRow(titles.map((text): Cell => ({ text, style: "strong" })));
  const tailHeading = hasTail && tailColumns >= tailTitle.length ? `${TAIL_GAP}${paint.strong(tailTitle)}` : "";
  const heading = `${pad(labelTitle, labelWidth)}${COLUMN_GAP}${titleCells}${tailHeading}`;
  const lines = tableRows.flatMap(({ features, formatTail }, index) => {
    const row = `${pad(labels[index] ?? "", labelWidth)}${COLUMN_GAP}${formattedRows.get(features) ?? ""}`;
    if (!hasTail) return [row];
    const isShort = measureWidth(formatTail(Number.POSITIVE_INFINITY)) <= tailColumns;
    if (isShort || !isTailBelow) return [`${row}${TAIL_GAP}${formatTail(Math.max(tailColumns, MIN_TAIL_COLUMNS))}`];
    const tail = formatTail(columns + labelWidth - TAIL_GAP.length);
    return tail === "" ? [row] : [row, `${TAIL_GAP}${tail}`];
  });
  return [heading, ...lines].map((line) => line.trimEnd());
}

/** A name is never cut to less. */
const MIN_TAIL_COLUMNS = 8;

function formatLabel(label: string, { ellipsis, wrapsLines }: TerminalView): string {
  const shown = stripUnprintable(label);
  return wrapsLines ? truncate(shown, MAX_LABEL_COLUMNS, ellipsis) : shown;
}

/** How one feature is written: `on/off` is on live, with a setting that says off. */
function formatCell(feature: FeatureReport | undefined): Cell {
  if (feature === undefined) return { text: "", style: null };
  const { live, fixed, requested, xapi } = feature;
  const isRequestedOn = live === "off" && requested && !fixed;
  // Without the feature there is nothing to set, but someone may have written a setting.
  const text =
    live === "absent"
      ? `n/a${xapi === null ? "" : `/${xapi}`}`
      : `${live ?? "?"}${fixed ? "!" : isRequestedOn ? "~" : ""}/${xapi ?? "-"}`;
  // What is on stands out, which is no verdict: nobody may have asked for anything else.
  return { text, style: live === "on" ? "strong" : live === "absent" ? "faint" : null };
}

/** The cells of a device as one text: the same for devices that are alike. */
export function describeCells(features: DeviceReport["features"]): string {
  return FEATURE_NAMES.map((feature) => formatCell(features[feature]).text).join(" ");
}
