import type { BootLayer } from "../offload/boot.ts";
import type { Change } from "../offload/plan.ts";
import type { Report } from "../offload/report.ts";
import { counted, listed } from "../offload/wording.ts";
import { featureTable, LEGEND } from "./feature-table.ts";
import { printable } from "./text.ts";
import type { View } from "./view.ts";
import { hanging } from "./wrap.ts";

/** The human view of a report, from the very object that `--json` prints. */
export function renderReport(report: Report, view: View): string {
  return `${linesOf(report, view).join("\n")}\n`;
}

function linesOf(report: Report, view: View): readonly string[] {
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
  // Of a trial that was put back, its problem says what happened to the changes.
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
  for (const { layer, device } of changes) {
    if (layer !== "live") continue;
    live += 1;
    devices.add(device);
  }
  const kernel =
    live === 0
      ? "nothing in the kernel"
      : `${counted(live, "feature")} on ${counted(devices.size, "device")}`;
  return `Changed: ${kernel}; ${counted(changes.length - live, "record")} in XAPI.`;
}

/** What is installed for boot, in a sentence. */
export function bootSentence({ method, state, covers }: BootLayer): string {
  if (state === "absent" || method === null) return "At boot: nothing is installed.";
  const what =
    covers === null
      ? ""
      : `: ${covers.keywords.join(" ")} off on ${covers.everything ? "every NIC, and on guests' interfaces that appear" : listed(covers.devices)}`;
  return `At boot: ${method}, ${state}${what}.`;
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

/** How many interfaces a line names before it only counts. */
const NAMED_INTERFACES = 6;

/** Problems and notes, what several interfaces share in one line, then what to run. */
function findings(report: Report, view: View): readonly string[] {
  const { paint } = view;
  const lines = [...Map.groupBy(report.problems, saying)].flatMap(([says, those]) => {
    const sign = those.every(({ code }) => code === "live-fixed")
      ? paint.faint("-")
      : paint.bad("!");
    const names = those.flatMap((one) => ("interface" in one ? [one.interface] : []));
    const shown = names.slice(0, NAMED_INTERFACES).join(", ");
    const rest = names.length - NAMED_INTERFACES;
    const where = rest > 0 ? `${shown} and ${rest} more` : shown;
    return paragraph(`  ${sign} `, names.length > 0 ? `${where}: ${says}` : says, view);
  });
  for (const { message } of report.notes) {
    lines.push(...paragraph(`  ${paint.faint("-")} `, message, view));
  }
  if (report.advice.length > 0) {
    lines.push("", ...report.advice.map((command) => `Run: ${paint.strong(printable(command))}`));
  }
  return lines;
}

/** What goes before a command at the end of a sentence. */
const COMMAND_FOLLOWS = " with: ";

/**
 * A sentence behind its mark, broken between words where a person reads it. A command at its end
 * stays whole, so that it can be copied.
 */
function paragraph(
  mark: string,
  text: string,
  { columns, wraps, ellipsis }: View,
): readonly string[] {
  const shown = printable(text).replaceAll("…", ellipsis);
  const width = Bun.stringWidth(mark);
  if (!wraps || width + Bun.stringWidth(shown) <= columns) return [`${mark}${shown}`];
  const end = shown.lastIndexOf(COMMAND_FOLLOWS);
  if (end < 0) return hanging(mark, shown, columns);
  const command = shown.slice(end + COMMAND_FOLLOWS.length);
  const says = shown.slice(0, end + COMMAND_FOLLOWS.length - 1);
  const lines = hanging(mark, says, columns);
  const last = `${lines.at(-1)} ${command}`;
  return Bun.stringWidth(last) <= columns
    ? [...lines.slice(0, -1), last]
    : [...lines, `${" ".repeat(width)}${command}`];
}

/** A problem without the interface that it is about. */
function saying(problem: Report["problems"][number]): string {
  const prefix = "interface" in problem ? `${problem.interface}: ` : "";
  return problem.message.slice(prefix.length);
}
