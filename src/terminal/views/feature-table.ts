import { KEYWORDS, type Keyword } from "../../core/features.ts";
import type { DeviceReport, FeatureReport } from "../../core/report.ts";
import { fitted, type Paint, padded, printable, widthOf } from "../text.ts";
import type { View } from "../view.ts";

const LONGEST_DEVICE = 15;
const GAP = " ";

/** What the signs in the table mean, in one line. */
export const LEGEND =
  "live/recorded: ! fixed by the driver, ~ comes on by itself, - none, ? unknown";

interface Cell {
  readonly text: string;
  readonly tone: keyof Paint | null;
}

type TableView = Pick<View, "paint" | "columns" | "ellipsis">;

/**
 * Device by feature, live and recorded, a heading for each VM. Returns lines. Columns are as wide as
 * their widest cell; features that do not fit beside the others follow in a table of their own.
 */
export function featureTable(devices: readonly DeviceReport[], view: TableView): readonly string[] {
  // Devices that are alike share one description: each is laid out once.
  const descriptions = new Set(devices.map(({ features }) => features));
  const shown = KEYWORDS.filter((keyword) =>
    [...descriptions].some((features) => features[keyword] !== undefined),
  );
  const cells = new Map(
    [...descriptions].map((features) => [
      features,
      shown.map((keyword) => cellOf(features[keyword])),
    ]),
  );
  const widths = shown.map((keyword, column) =>
    Math.max(keyword.length, ...[...cells.values()].map((row) => row[column]?.text.length ?? 0)),
  );
  const names = devices.map(({ device }) => deviceName(device, view.ellipsis));
  const nameWidth = names.reduce(
    (widest, name) => Math.max(widest, widthOf(name)),
    "device".length,
  );
  return blocksOf(widths, view.columns - nameWidth).flatMap(({ from, to }, at) => {
    const block = {
      heading: shown.slice(from, to),
      widths: widths.slice(from, to),
      rows: new Map([...cells].map(([features, row]) => [features, row.slice(from, to)])),
    };
    const lines = blockLines(block, devices, names, nameWidth, view);
    return at === 0 ? lines : ["", ...lines];
  });
}

/** Columns that stand side by side: as many as fit, one at least. */
function blocksOf(
  widths: readonly number[],
  room: number,
): readonly { readonly from: number; readonly to: number }[] {
  const blocks: { from: number; to: number }[] = [];
  let used = Number.POSITIVE_INFINITY;
  widths.forEach((width, column) => {
    const last = blocks.at(-1);
    used += GAP.length + width;
    if (last !== undefined && used <= room) {
      last.to = column + 1;
      return;
    }
    blocks.push({ from: column, to: column + 1 });
    used = GAP.length + width;
  });
  return blocks.length === 0 ? [{ from: 0, to: 0 }] : blocks;
}

interface Block {
  readonly heading: readonly Keyword[];
  readonly widths: readonly number[];
  readonly rows: ReadonlyMap<DeviceReport["features"], readonly Cell[]>;
}

function blockLines(
  { heading, widths, rows }: Block,
  devices: readonly DeviceReport[],
  names: readonly string[],
  nameWidth: number,
  { paint, columns, ellipsis }: TableView,
): readonly string[] {
  const laidOut = (row: readonly Cell[]) =>
    row
      .map(({ text, tone }, column) => {
        const filled = text.padEnd(widths[column] ?? 0);
        return tone === null ? filled : paint[tone](filled);
      })
      .join(GAP)
      .trimEnd();
  const laidOutRows = new Map([...rows].map(([features, row]) => [features, laidOut(row)]));
  const titles = heading.map((text): Cell => ({ text, tone: "strong" }));
  const lines = [`${"device".padEnd(nameWidth)}${GAP}${laidOut(titles)}`.trimEnd()];
  let before: DeviceReport | undefined;
  let index = 0;
  for (const device of devices) {
    if (before === undefined || !isOfOneGroup(before, device)) {
      lines.push(paint.strong(fitted(titleOf(device), columns, ellipsis)));
    }
    before = device;
    const name = padded(names[index++] ?? "", nameWidth);
    lines.push(`${name}${GAP}${laidOutRows.get(device.features) ?? ""}`.trimEnd());
  }
  return lines;
}

function deviceName(device: string | null, ellipsis: string): string {
  return device === null ? "(none here)" : fitted(printable(device), LONGEST_DEVICE, ellipsis);
}

/** Whether two devices stand under one heading. */
function isOfOneGroup(a: DeviceReport, b: DeviceReport): boolean {
  return a.vm === null || b.vm === null
    ? a.vm === b.vm && a.kind === b.kind && a.management === b.management
    : a.vm.uuid === b.vm.uuid;
}

function titleOf(device: DeviceReport): string {
  if (device.vm !== null) {
    const name = printable(device.vm.name);
    return `VM ${name.trim() === "" ? device.vm.uuid : name}`;
  }
  if (device.kind === "vif") return "VIFs";
  return device.management ? "NIC, carries the management traffic" : "NICs";
}

/** How one feature is written: `on/off` is live on, recorded off. */
function cellOf(feature: FeatureReport | undefined): Cell {
  if (feature === undefined) return { text: "", tone: null };
  const { live, fixed, requested, recorded, verdict } = feature;
  const latent = live === "off" && requested && !fixed;
  const now = live === null ? "?" : live === "absent" ? "-" : live;
  const text = `${now}${fixed ? "!" : latent ? "~" : ""}/${recorded ?? "-"}`;
  if (live === "on" && !fixed) return { text, tone: "bad" };
  if (verdict === "drift" || verdict === "fixed") return { text, tone: "warning" };
  return { text, tone: verdict === "ok" ? "good" : "faint" };
}
