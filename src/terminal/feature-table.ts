import { KEYWORDS, type Keyword } from "../offload/features.ts";
import type { DeviceReport, FeatureReport } from "../offload/report.ts";
import { fitted, type Paint, printable } from "./text.ts";

const LONGEST_DEVICE = 15;
const GAP = " ";

/** What the signs in the table mean, in one line. */
export const LEGEND =
  "live/recorded: ! fixed by the driver, ~ comes on by itself, - none, ? unknown";

interface Cell {
  readonly text: string;
  readonly tone: keyof Paint | null;
}

const NO_CELLS: readonly Cell[] = [];

/**
 * Device by feature, live and recorded, a heading for each VM. Returns lines; columns are as wide
 * as their widest cell.
 */
export function featureTable(
  devices: readonly DeviceReport[],
  paint: Paint,
  columns: number,
): readonly string[] {
  const shown = KEYWORDS.filter((keyword) => devices.some(({ features }) => features[keyword]));
  // Devices that are alike share one description: each is laid out once.
  const cells = new Map(
    devices.map(({ features }) => features).map((features) => [features, NO_CELLS]),
  );
  for (const features of cells.keys()) {
    cells.set(
      features,
      shown.map((keyword) => cellOf(features[keyword])),
    );
  }
  const widths = shown.map((keyword, column) =>
    Math.max(keyword.length, ...[...cells.values()].map((row) => row[column]?.text.length ?? 0)),
  );
  const names = devices.map(({ device }) => deviceName(device));
  const nameWidth = Math.max("device".length, ...names.map((name) => Bun.stringWidth(name)));
  const laidOut = (row: readonly Cell[]) =>
    row
      .map(({ text, tone }, column) => {
        const padded = text.padEnd(widths[column] ?? 0);
        return tone === null ? padded : paint[tone](padded);
      })
      .join(GAP)
      .trimEnd();
  const rows = new Map([...cells].map(([features, row]) => [features, laidOut(row)]));
  const heading: readonly Cell[] = shown.map((text: Keyword) => ({ text, tone: "strong" }));
  const lines = [`${"device".padEnd(nameWidth)}${GAP}${laidOut(heading)}`];
  let group = "";
  devices.forEach((device, index) => {
    const next = groupOf(device);
    if (next !== group) {
      group = next;
      lines.push(paint.strong(fitted(titleOf(device), columns)));
    }
    const name = names[index] ?? "";
    const padding = " ".repeat(nameWidth - Bun.stringWidth(name));
    lines.push(`${name}${padding}${GAP}${rows.get(device.features) ?? ""}`);
  });
  return lines;
}

function deviceName(device: string | null): string {
  return device === null ? "(none here)" : fitted(printable(device), LONGEST_DEVICE);
}

function groupOf(device: DeviceReport): string {
  return device.vm === null ? `${device.kind} ${device.management}` : device.vm.uuid;
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
