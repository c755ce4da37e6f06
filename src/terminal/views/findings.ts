import type { BootReport } from "../../core/boot-layer.ts";
import { counted, listed } from "../../core/text.ts";
import { printable } from "../text.ts";
import type { View } from "../view.ts";
import { hanging } from "../wrap.ts";

/** What is installed for boot, in a sentence. */
export function bootSentence({ method, state, covers }: BootReport): string {
  if (state === "absent" || method === null) return "At boot: nothing is installed.";
  const what = covers === null ? "" : `: ${coverageText(covers)}`;
  return `At boot: ${method}, ${state}${what}.`;
}

/** What is kept off, by what is alike: `rx tx off on NICs and VIFs; none off on eth1`. */
function coverageText({ nics, vifs, devices, vms }: NonNullable<BootReport["covers"]>): string {
  const guests = Object.values(vms).length;
  const words: readonly (readonly [where: string, features: readonly string[]])[] = [
    ...(nics.length > 0 ? [["NICs", nics] as const] : []),
    ...(vifs.length > 0 ? [["VIFs", vifs] as const] : []),
    ...Object.entries(devices).filter(([, features]) => features.join() !== nics.join()),
  ];
  const alike = Map.groupBy(words, ([, features]) => features.join(" ") || "nothing");
  const texts = [...alike].map(
    ([features, those]) => `${features} off on ${listed(those.map(([where]) => where))}`,
  );
  const byVm = guests > 0 ? [`what the policy says of ${counted(guests, "VM")}`] : [];
  return [...texts, ...byVm].join("; ");
}

/** How many interfaces a line names before it only counts. */
const NAMED_INTERFACES = 6;

/** What is found by a host, this one or another. */
export interface Findings {
  readonly problems: readonly Finding[];
  readonly notes: readonly Omit<Finding, "code">[];
  readonly advice: readonly string[];
}

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly interface?: string | undefined;
}

/** Problems and notes, what several interfaces share in one line, then what to run. */
export function findings(report: Findings, view: View): readonly string[] {
  const { paint } = view;
  const lines = [...Map.groupBy(report.problems, saying)].flatMap(([says, those]) => {
    const sign = those.every(({ code }) => code === "live-fixed")
      ? paint.faint("-")
      : paint.bad("!");
    return paragraph(`  ${sign} `, `${interfaces(those)}${says}`, view);
  });
  for (const [says, those] of Map.groupBy(report.notes, saying)) {
    lines.push(...paragraph(`  ${paint.faint("-")} `, `${interfaces(those)}${says}`, view));
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

/** The interfaces that findings are about, before what is said of them. */
function interfaces(those: readonly Omit<Finding, "code">[]): string {
  const names = those.flatMap((one) => one.interface ?? []);
  if (names.length === 0) return "";
  const shown = names.slice(0, NAMED_INTERFACES).join(", ");
  const rest = names.length - NAMED_INTERFACES;
  return rest > 0 ? `${shown} and ${rest} more: ` : `${shown}: `;
}

/** A problem or note without the interface that it is about. */
function saying(problem: Omit<Finding, "code">): string {
  const prefix = problem.interface === undefined ? "" : `${problem.interface}: `;
  return problem.message.slice(prefix.length);
}
