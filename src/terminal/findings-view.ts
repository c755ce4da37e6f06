import type { BootLayer } from "../offload/boot.ts";
import type { Report } from "../offload/report.ts";
import { listed } from "../offload/wording.ts";
import { printable } from "./text.ts";
import type { View } from "./view.ts";
import { hanging } from "./wrap.ts";

/** What is installed for boot, in a sentence. */
export function bootSentence({ method, state, covers }: BootLayer): string {
  if (state === "absent" || method === null) return "At boot: nothing is installed.";
  const what =
    covers === null
      ? ""
      : `: ${covers.keywords.join(" ")} off on ${covers.everything ? "every NIC, and on guests' interfaces that appear" : listed(covers.devices)}`;
  return `At boot: ${method}, ${state}${what}.`;
}

/** How many interfaces a line names before it only counts. */
const NAMED_INTERFACES = 6;

/** Problems and notes, what several interfaces share in one line, then what to run. */
export function findings(report: Report, view: View): readonly string[] {
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
export function paragraph(
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
