import type { HostReport, Report } from "../offload/report.ts";
import { featureTable, LEGEND } from "./feature-table.ts";
import { bootSentence, findings, paragraph } from "./findings-view.ts";
import { fitted, printable } from "./text.ts";
import type { View } from "./view.ts";

/** A name-label of a host may be of any length; so many columns are shown of it. */
const LONGEST_HOST = 32;

/** The human view of a pool: a row a host, and under it what is to be known of that host. */
export function poolLines(
  report: Report,
  hosts: readonly HostReport[],
  view: View,
): readonly string[] {
  const names = hosts.map(({ name }) => fitted(printable(name), LONGEST_HOST, view.ellipsis));
  const width = Math.max(...names.map((name) => Bun.stringWidth(name)), 0);
  const rows = hosts.flatMap((host, index) => {
    const name = names[index] ?? "";
    const padding = " ".repeat(width - Bun.stringWidth(name));
    return [
      ...paragraph(`${view.paint.strong(name)}${padding}  `, rowOf(host), view),
      ...detailsOf(report, host, view),
    ];
  });
  const legend = report.command === "status" ? [view.paint.faint(LEGEND)] : [];
  return [...rows, ...legend];
}

function rowOf({ state, message }: HostReport): string {
  return `${state}: ${message}`;
}

function detailsOf(
  { command }: Report,
  { advice, report }: HostReport,
  view: View,
): readonly string[] {
  const { strong } = view.paint;
  const lines = advice.map((one) => `  Run there: ${strong(printable(one))}`);
  if (report === null) return lines;
  if (command === "status") lines.push("", ...featureTable(report.devices, view));
  if (report.boot !== null) lines.push(...paragraph("  ", bootSentence(report.boot), view));
  return [...lines, ...findings({ ...report, advice: [] }, view)];
}
