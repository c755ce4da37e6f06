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
  readonly command?: string | undefined;
}

/** Problems and notes, what several interfaces share in one line, then what to run. */
export function formatFindings({ problems, notes, advice }: Findings, view: TerminalView): readonly string[] {
  const { paint } = view;
  const problemLines = groupFindings(problems).flatMap((group) => {
    const sign = group.findings.every(({ code }) => code === "live-fixed") ? paint.faint("-") : paint.bad("!");
    return formatGroup(sign, group, advice, view);
  });
  const noteLines = groupFindings(notes).flatMap((group) => formatGroup(paint.faint("-"), group, advice, view));
  const adviceLines = advice.map((command) => `Run: ${paint.strong(stripUnprintable(command))}`);
  return [...problemLines, ...noteLines, ...(advice.length > 0 ? ["", ...adviceLines] : [])];
}

/** Findings that say the same of several interfaces, and what each of those has to run. */
interface FindingGroup<F> {
  readonly sentence: string;
  /** The words before the commands: `remove with`. */
  readonly intro: string;
  readonly commands: readonly string[];
  readonly findings: readonly F[];
}

function groupFindings<F extends Omit<Finding, "code">>(findings: readonly F[]): readonly FindingGroup<F>[] {
  const groups = Map.groupBy(findings, (finding) => JSON.stringify(splitMessage(finding)));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const commands = [...new Set(group.flatMap(({ command }) => command ?? []))];
    return [{ ...splitMessage(first), commands, findings: group }];
  });
}

/** A message without the interface that it begins with, and without the command that it ends with. */
function splitMessage({ message, interface: name, command }: Omit<Finding, "code">) {
  const text = name !== undefined && message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
  const ending = command === undefined || !text.endsWith(`: ${command}`) ? 0 : command.length + 2;
  if (ending === 0) return { sentence: text, intro: "" };
  const introduced = text.slice(0, -ending);
  const separator = introduced.lastIndexOf("; ");
  return { sentence: introduced.slice(0, separator), intro: introduced.slice(separator + 2) };
}

function formatGroup(
  sign: string,
  { sentence, intro, commands, findings }: FindingGroup<Omit<Finding, "code">>,
  advice: readonly string[],
  view: TerminalView,
): readonly string[] {
  const text = `${formatInterfaces(findings, view.isVerbose)}${sentence}`;
  const own = commands.filter((command) => !advice.includes(command));
  const [first, ...others] = own;
  if (first === undefined) return formatParagraph(`  ${sign} `, text, view);
  if (others.length === 0) return formatParagraph(`  ${sign} `, `${text}; ${intro}: ${first}`, view);
  const shown = view.isVerbose ? own : [first];
  return [
    ...formatParagraph(`  ${sign} `, `${text}; ${intro}:`, view),
    ...shown.map((command) => `    ${stripUnprintable(command)}`),
    ...(view.isVerbose ? [] : [`    and ${formatCount(others.length, "command")} more like it, which --json has`]),
  ];
}

/** What goes before a command at the end of a sentence. */
const COMMAND_SEPARATOR = /(?<=(?:with|forget|run):) (?=(?:xe|offload|for key in) )/;

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
  const [sentence = "", command] = shown.split(COMMAND_SEPARATOR);
  if (command === undefined) return wrapWithPrefix(prefix, shown, columns);
  const lines = wrapWithPrefix(prefix, sentence, columns);
  const lastLine = `${lines.at(-1)} ${command}`;
  return Bun.stringWidth(lastLine) <= columns
    ? [...lines.slice(0, -1), lastLine]
    : [...lines, `${" ".repeat(width)}${command}`];
}

/** Each finding once, behind all interfaces that it is about; a command of each interface's own follows in turn. */
export function mergeFindings(findings: readonly Omit<Finding, "code">[]): readonly string[] {
  return groupFindings(findings).map(({ sentence, intro, commands, findings: group }) => {
    const ending = commands.length === 0 ? "" : `; ${intro}: ${commands.join("; ")}`;
    return `${formatInterfaces(group, false)}${sentence}${ending}`;
  });
}

/** The interfaces that findings are about, before what is said of them. */
function formatInterfaces(findings: readonly Omit<Finding, "code">[], isVerbose: boolean): string {
  const names = findings.flatMap((finding) => finding.interface ?? []);
  if (names.length === 0) return "";
  const maxNames = isVerbose ? names.length : MAX_NAMED_INTERFACES;
  const rest = names.length - maxNames;
  return rest > 0 ? `${names.slice(0, maxNames).join(", ")} and ${rest} more: ` : `${names.join(", ")}: `;
}
