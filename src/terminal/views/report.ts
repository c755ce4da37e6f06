import type { Change } from "../../core/disable/steps.ts";
import type { Report } from "../../core/report.ts";
import { counted } from "../../core/text.ts";
import type { View } from "../view.ts";
import { featureTable, LEGEND } from "./feature-table.ts";
import { bootSentence, findings, paragraph } from "./findings.ts";
import { poolLines } from "./pool.ts";

/** The human view of a report, from the very object that `--json` prints. */
export function renderReport(report: Report, view: View): string {
  return `${linesOf(report, view).join("\n")}\n`;
}

function linesOf(report: Report, view: View): readonly string[] {
  if (report.hosts !== undefined) {
    return poolLines(report, report.hosts, view);
  }
  return [...pendingLines(report, view), ...commandLines(report, view)];
}

/** A pending change comes before everything else: it goes by itself. */
function pendingLines({ pending }: Report, view: View): readonly string[] {
  if (pending === null) return [];
  const text = `A change is pending: it is reverted in ${counted(pending.secondsLeft, "second")} unless it is confirmed; keep it with: offload confirm`;
  return paragraph("", view.paint.strong(text), view);
}

function commandLines(report: Report, view: View): readonly string[] {
  switch (report.command) {
    case "verify":
      return verifyLines(report, view);
    case "persist":
      return persistLines(report, view);
    case "disable":
    case "restore":
    case "confirm":
    case "status":
    case "doctor":
      return tableLines(report, view);
  }
}

function tableLines(report: Report, view: View): readonly string[] {
  const lines: string[] = [];
  if (report.devices.length === 0) lines.push("No devices.");
  else lines.push(...featureTable(report.devices, view), view.paint.faint(LEGEND));
  // Of a pending change that was reverted, its problem says what happened to the changes.
  const reverted = report.problems.some(({ code }) => code === "reverted");
  if (report.command !== "status") {
    lines.push("", ...(reverted ? [] : [changesSentence(report.changes)]));
  }
  if (report.boot !== null) lines.push("", ...paragraph("", bootSentence(report.boot), view));
  return [...lines, ...findings(report, view)];
}

function changesSentence(changes: readonly Change[]): string {
  if (changes.length === 0) return "Nothing had to be changed.";
  let live = 0;
  const devices = new Set<string | null>();
  let last: string | null = null;
  for (const { layer, device } of changes) {
    if (layer !== "live") continue;
    live += 1;
    // The changes of a device stand together.
    if (device !== last) devices.add(device);
    last = device;
  }
  const kernel =
    live === 0
      ? "nothing in the kernel"
      : `${counted(live, "feature")} on ${counted(devices.size, "device")}`;
  return `Changed: ${kernel}; ${counted(changes.length - live, "record")} in XAPI.`;
}

function persistLines(report: Report, view: View): readonly string[] {
  const boot = report.boot === null ? [] : paragraph("", bootSentence(report.boot), view);
  return [...boot, ...findings(report, view)];
}

function verifyLines(report: Report, view: View): readonly string[] {
  const { paint } = view;
  const count = counted(report.devices.length, "interface");
  const sum =
    report.exitCode === 0
      ? paint.good(`${count} checked: everything that can be off is off.`)
      : paint.bad(`${count} checked: not everything is as it should be.`);
  return [sum, ...findings(report, view)];
}
