import type { Report } from "../../core/report.ts";
import { formatCount } from "../../core/text.ts";
import type { TerminalView } from "../view.ts";
import { formatBisect } from "./bisect.ts";
import { formatChangeReport } from "./change.ts";
import { formatBootLayer, formatFindings, formatParagraph } from "./findings.ts";
import { formatPool } from "./pool.ts";
import { formatStatus } from "./status.ts";

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
  if (pending.command === "bisect") {
    const text = "offload bisect is at work, and has turned features off for a while; end it with: offload restore";
    return formatParagraph("", view.paint.strong(text), view);
  }
  const text = `A change is pending: it is reverted in ${formatCount(pending.secondsLeft, "second")} unless it is confirmed; keep it with: offload confirm`;
  return formatParagraph("", view.paint.strong(text), view);
}

function formatByCommand(report: Report, view: TerminalView): readonly string[] {
  switch (report.command) {
    case "verify":
      return formatVerifyReport(report, view);
    case "status":
    case "doctor":
      return formatStatusReport(report, view);
    default:
      return formatChangeReport(report, view);
  }
}

function formatStatusReport(report: Report, view: TerminalView): readonly string[] {
  const boot = report.boot === null ? [] : ["", ...formatParagraph("", formatBootLayer(report.boot), view)];
  return [...formatStatus(report, view), ...boot, ...formatFindings(report, view)];
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
