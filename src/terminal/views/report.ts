import type { Change } from "../../core/disable/steps.ts";
import type { Report } from "../../core/report.ts";
import { formatCount } from "../../core/text.ts";
import type { TerminalView } from "../view.ts";
import { formatBisect } from "./bisect.ts";
import { formatFeatureTable, LEGEND } from "./feature-table.ts";
import { formatBootLayer, formatFindings, formatParagraph } from "./findings.ts";
import { formatPool } from "./pool.ts";

/** The human view of a report, from the very object that `--json` prints. */
export function renderReport(report: Report, view: TerminalView): string {
  return `${formatReport(report, view).join("\n")}\n`;
}

function formatReport(report: Report, view: TerminalView): readonly string[] {
  if (report.hosts !== undefined) {
    return formatPool(report, report.hosts, view);
  }
  if (report.bisect !== undefined) return formatBisect(report, report.bisect, view);
  return [...formatPending(report, view), ...formatByCommand(report, view)];
}

/** A pending change comes before everything else: it goes by itself. */
function formatPending({ pending }: Report, view: TerminalView): readonly string[] {
  if (pending === null) return [];
  const text = `A change is pending: it is reverted in ${formatCount(pending.secondsLeft, "second")} unless it is confirmed; keep it with: offload confirm`;
  return formatParagraph("", view.paint.strong(text), view);
}

function formatByCommand(report: Report, view: TerminalView): readonly string[] {
  switch (report.command) {
    case "verify":
      return formatVerifyReport(report, view);
    case "persist":
      return formatPersistReport(report, view);
    case "disable":
    case "restore":
    case "confirm":
    case "status":
    case "doctor":
    case "bisect":
      return formatTableReport(report, view);
  }
}

function formatTableReport(report: Report, view: TerminalView): readonly string[] {
  const lines: string[] = [];
  if (report.devices.length === 0) lines.push("No devices.");
  else lines.push(...formatFeatureTable(report.devices, view), view.paint.faint(LEGEND));
  // Of a pending change that was reverted, its problem says what happened to the changes.
  const isReverted = report.problems.some(({ code }) => code === "reverted");
  if (report.command !== "status") {
    lines.push("", ...(isReverted ? [] : [formatChanges(report.changes)]));
  }
  if (report.boot !== null) lines.push("", ...formatParagraph("", formatBootLayer(report.boot), view));
  return [...lines, ...formatFindings(report, view)];
}

function formatChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return "Nothing had to be changed.";
  let liveCount = 0;
  const devices = new Set<string | null>();
  let previousDevice: string | null = null;
  for (const { layer, device } of changes) {
    if (layer !== "live") continue;
    liveCount += 1;
    // The changes of a device stand together.
    if (device !== previousDevice) devices.add(device);
    previousDevice = device;
  }
  const kernel =
    liveCount === 0
      ? "nothing in the kernel"
      : `${formatCount(liveCount, "feature")} on ${formatCount(devices.size, "device")}`;
  return `Changed: ${kernel}; ${formatCount(changes.length - liveCount, "setting")} in XAPI.`;
}

function formatPersistReport(report: Report, view: TerminalView): readonly string[] {
  const boot = report.boot === null ? [] : formatParagraph("", formatBootLayer(report.boot), view);
  return [...boot, ...formatFindings(report, view)];
}

function formatVerifyReport(report: Report, view: TerminalView): readonly string[] {
  const { paint } = view;
  const count = formatCount(report.devices.length, "interface");
  const summary =
    report.exitCode === 0
      ? paint.good(`${count} checked: everything that can be off is off.`)
      : paint.bad(`${count} checked: ${formatCount(report.problems.length, "problem")} found.`);
  return [summary, ...formatFindings(report, view)];
}
