import type { BootReport } from "../../core/boot-layer.ts";
import { formatCount, joinAnd, stripUnprintable } from "../../core/text.ts";
import type { TerminalView } from "../view.ts";
import { wrapWithPrefix } from "../wrap.ts";

/** What is installed for boot, in a sentence. */
export function formatBootLayer({ method, state, covers }: BootReport): string {
  if (state === "not-installed" || method === null) return "At boot: nothing is installed.";
  const details = covers === null ? "" : `: ${formatCoverage(covers)}`;
  return `At boot: ${method}, ${state}${details}.`;
}

/** What is kept off, by what is alike: `rx tx off on NICs and VIFs; none off on eth1`. */
function formatCoverage({ nics, vifs, devices, vms }: NonNullable<BootReport["covers"]>): string {
  const vmCount = Object.values(vms).length;
  const coveredTargets: readonly (readonly [where: string, features: readonly string[]])[] = [
    ...(nics.length > 0 ? [["NICs", nics] as const] : []),
    ...(vifs.length > 0 ? [["VIFs", vifs] as const] : []),
    ...Object.entries(devices).filter(([, features]) => features.join() !== nics.join()),
  ];
  const targetsByFeatures = Map.groupBy(coveredTargets, ([, features]) => features.join(" ") || "nothing");
  const texts = [...targetsByFeatures].map(
    ([features, group]) => `${features} off on ${joinAnd(group.map(([target]) => target))}`,
  );
  const byVm = vmCount > 0 ? [`what the policy says of ${formatCount(vmCount, "VM")}`] : [];
  return [...texts, ...byVm].join("; ");
}

/** How many interfaces a line names before it only counts. */
const MAX_NAMED_INTERFACES = 6;

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
export function formatFindings(findings: Findings, view: TerminalView): readonly string[] {
  const { paint } = view;
  const lines = [...Map.groupBy(findings.problems, stripInterfacePrefix)].flatMap(([message, group]) => {
    const sign = group.every(({ code }) => code === "live-fixed") ? paint.faint("-") : paint.bad("!");
    return formatParagraph(`  ${sign} `, `${formatInterfaces(group)}${message}`, view);
  });
  for (const [message, group] of Map.groupBy(findings.notes, stripInterfacePrefix)) {
    lines.push(...formatParagraph(`  ${paint.faint("-")} `, `${formatInterfaces(group)}${message}`, view));
  }
  if (findings.advice.length > 0) {
    lines.push("", ...findings.advice.map((command) => `Run: ${paint.strong(stripUnprintable(command))}`));
  }
  return lines;
}

/** What goes before a command at the end of a sentence. */
const COMMAND_SEPARATOR = " with: ";

/**
 * A sentence behind its mark, broken between words where a person reads it. A command at its end
 * stays whole, so that it can be copied.
 */
export function formatParagraph(
  prefix: string,
  text: string,
  { columns, wrapsLines, ellipsis }: TerminalView,
): readonly string[] {
  const shown = stripUnprintable(text).replaceAll("…", ellipsis);
  const width = Bun.stringWidth(prefix);
  if (!wrapsLines || width + Bun.stringWidth(shown) <= columns) return [`${prefix}${shown}`];
  const separatorIndex = shown.lastIndexOf(COMMAND_SEPARATOR);
  if (separatorIndex < 0) return wrapWithPrefix(prefix, shown, columns);
  const command = shown.slice(separatorIndex + COMMAND_SEPARATOR.length);
  const sentence = shown.slice(0, separatorIndex + COMMAND_SEPARATOR.length - 1);
  const lines = wrapWithPrefix(prefix, sentence, columns);
  const lastLine = `${lines.at(-1)} ${command}`;
  return Bun.stringWidth(lastLine) <= columns
    ? [...lines.slice(0, -1), lastLine]
    : [...lines, `${" ".repeat(width)}${command}`];
}

/** What a finding says before the command that is for its interface alone. */
const OWN_COMMAND = /: xe \S+ uuid=\S+$/;

/** Each finding once, behind all interfaces that it is about; a command of each interface's own follows in turn. */
export function mergeFindings(findings: readonly Omit<Finding, "code">[]): readonly string[] {
  const groups = Map.groupBy(findings, (finding) => stripInterfacePrefix(finding).replace(OWN_COMMAND, ""));
  return [...groups].map(([sentence, group]) => {
    const commands = group.flatMap(({ message }) => OWN_COMMAND.exec(message)?.[0].slice(2) ?? []);
    return `${formatInterfaces(group)}${sentence}${commands.length === 0 ? "" : `: ${commands.join("; ")}`}`;
  });
}

/** The interfaces that findings are about, before what is said of them. */
function formatInterfaces(findings: readonly Omit<Finding, "code">[]): string {
  const names = findings.flatMap((finding) => finding.interface ?? []);
  if (names.length === 0) return "";
  const shown = names.slice(0, MAX_NAMED_INTERFACES).join(", ");
  const rest = names.length - MAX_NAMED_INTERFACES;
  return rest > 0 ? `${shown} and ${rest} more: ` : `${shown}: `;
}

/** A problem or note without the interface that it is about. */
function stripInterfacePrefix(problem: Omit<Finding, "code">): string {
  const prefix = problem.interface === undefined ? "" : `${problem.interface}: `;
  return problem.message.slice(prefix.length);
}
