import { FEATURE_NAMES, type Feature } from "../../core/features.ts";
import type { DeviceReport, FeatureReport } from "../../core/report.ts";
import { stripUnprintable } from "../../core/text.ts";
import { measureWidth, type Paint, pad, truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";

const MAX_DEVICE_COLUMNS = 15;
const COLUMN_GAP = " ";

/** What the signs in the table mean, in one line. */
export const LEGEND = "live/XAPI: ! fixed, ~ requested on, n/a no such feature, - no setting, ? unknown";

interface Cell {
  readonly text: string;
  readonly style: keyof Paint | null;
}

type TableView = Pick<TerminalView, "paint" | "columns" | "ellipsis">;

/**
 * Device by feature, live and recorded, a heading for each VM. Returns lines. Columns are as wide as
 * their widest cell; features that do not fit beside the others follow in a table of their own.
 */
export function formatFeatureTable(devices: readonly DeviceReport[], view: TableView): readonly string[] {
  // Devices that are alike share one description: each is laid out once.
  const featureReports = new Set(devices.map(({ features }) => features));
  const shownFeatures = FEATURE_NAMES.filter((feature) =>
    [...featureReports].some((features) => features[feature] !== undefined),
  );
  const cellsByReport = new Map(
    [...featureReports].map((features) => [features, shownFeatures.map((feature) => formatCell(features[feature]))]),
  );
  const widths = shownFeatures.map((feature, column) =>
    Math.max(feature.length, ...[...cellsByReport.values()].map((row) => row[column]?.text.length ?? 0)),
  );
  const names = devices.map(({ device }) => formatDeviceName(device, view.ellipsis));
  const nameWidth = names.reduce((widest, name) => Math.max(widest, measureWidth(name)), "device".length);
  return splitColumns(widths, view.columns - nameWidth).flatMap(({ from, to }, index) => {
    const block = {
      heading: shownFeatures.slice(from, to),
      widths: widths.slice(from, to),
      rows: new Map([...cellsByReport].map(([features, row]) => [features, row.slice(from, to)])),
    };
    const lines = formatTableBlock(block, devices, names, nameWidth, view);
    return index === 0 ? lines : ["", ...lines];
  });
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
  readonly heading: readonly Feature[];
  readonly widths: readonly number[];
  readonly rows: ReadonlyMap<DeviceReport["features"], readonly Cell[]>;
}

function formatTableBlock(
  { heading, widths, rows }: TableBlock,
  devices: readonly DeviceReport[],
  names: readonly string[],
  nameWidth: number,
  { paint, columns, ellipsis }: TableView,
): readonly string[] {
  const formatRow = (row: readonly Cell[]) =>
    row
      .map(({ text, style }, column) => {
        const paddedText = text.padEnd(widths[column] ?? 0);
        return style === null ? paddedText : paint[style](paddedText);
      })
      .join(COLUMN_GAP)
      .trimEnd();
  const formattedRows = new Map([...rows].map(([features, row]) => [features, formatRow(row)]));
  const titles = heading.map((text): Cell => ({ text, style: "strong" }));
  const lines = [`${"device".padEnd(nameWidth)}${COLUMN_GAP}${formatRow(titles)}`.trimEnd()];
  let previous: DeviceReport | undefined;
  let index = 0;
  for (const device of devices) {
    if (previous === undefined || !hasSameHeading(previous, device)) {
      lines.push(paint.strong(truncate(formatHeading(device), columns, ellipsis)));
    }
    previous = device;
    const name = pad(names[index++] ?? "", nameWidth);
    lines.push(`${name}${COLUMN_GAP}${formattedRows.get(device.features) ?? ""}`.trimEnd());
  }
  return lines;
}

function formatDeviceName(device: string | null, ellipsis: string): string {
  return device === null ? "(none here)" : truncate(stripUnprintable(device), MAX_DEVICE_COLUMNS, ellipsis);
}

/** Whether two devices stand under one heading. */
function hasSameHeading(a: DeviceReport, b: DeviceReport): boolean {
  return a.vm === null || b.vm === null
    ? a.vm === b.vm && a.kind === b.kind && a.management === b.management
    : a.vm.uuid === b.vm.uuid;
}

function formatHeading(device: DeviceReport): string {
  if (device.vm !== null) {
    const name = stripUnprintable(device.vm.name);
    return `VM ${name.trim() === "" ? device.vm.uuid : name}`;
  }
  if (device.kind === "vif") return "VIFs";
  return device.management ? "NIC, carries the management traffic" : "NICs";
}

/** How one feature is written: `on/off` is on live, with a setting that says off. */
function formatCell(feature: FeatureReport | undefined): Cell {
  if (feature === undefined) return { text: "", style: null };
  const { live, fixed, requested, xapi, verdict } = feature;
  const isRequestedOn = live === "off" && requested && !fixed;
  // Without the feature there is nothing to set, but somebody may have written a setting.
  const text =
    live === "absent"
      ? `n/a${xapi === null ? "" : `/${xapi}`}`
      : `${live ?? "?"}${fixed ? "!" : isRequestedOn ? "~" : ""}/${xapi ?? "-"}`;
  if (live === "on" && !fixed) return { text, style: "bad" };
  if (verdict === "drift" || verdict === "fixed") return { text, style: "warning" };
  return { text, style: verdict === "ok" ? "good" : "faint" };
}
