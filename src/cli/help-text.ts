import { FEATURES } from "../core/features.ts";
import type { TerminalView } from "../terminal/view.ts";
import { wrap } from "../terminal/wrap.ts";
import { COMMANDS } from "./specs/commands.ts";
import { type CommandDefinition, describeArgument, formatOptionLabel } from "./specs/spec.ts";
import {
  AMBIGUITY_NOTE,
  FEATURE_NOTE,
  formatSettingObjects,
  TARGET_DESCRIPTIONS,
  TOPICS,
  type Topic,
} from "./specs/topics.ts";

/** Help is never wider, however wide the terminal: long lines are hard to read. */
const MAX_COLUMNS = 80;

/** How many examples of a command fit its screen. */
const MAX_EXAMPLES = 4;

/** Where and how help is shown. */
export type HelpView = Pick<TerminalView, "paint" | "columns">;

type Row = readonly [label: string, text: string];

/** The help of the whole program: what to run first, the commands, the exit codes. */
export function formatProgramHelp(version: string, view: HelpView): string {
  const { strong } = view.paint;
  return formatText(view, [
    `${strong("offload")} ${version}: turns TCP and NIC offloads off on a Xen dom0, and keeps them off`,
    ...formatRows(
      [
        ["offload status", "what is on, what is off, and what XAPI says"],
        ["offload disable ALL", "turn off all that can be off; it shows and asks first"],
        ["offload verify", "is it off, and will it stay off?"],
        ["offload persist", "keep it off across reboots, and for new VMs"],
        ["offload restore", "everything as it was before"],
      ],
      view,
    ),
    "",
    "Commands:",
    ...formatRows(
      COMMANDS.map(({ name, summary }) => [name, summary]),
      view,
    ),
    "",
    `More: offload COMMAND --help, ${TOPICS.map(({ name }) => `offload help ${name}`).join(", ")}`,
    "Exit codes: 0 done, or all is off; 1 partly; 2 usage or not confirmed, nothing was changed; 3 could not be determined or is not possible here; 130, 143 ended by that signal.",
  ]);
}

/** The help of one command: what it is for, examples, options, what it touches, exit codes. */
export function formatCommandHelp(command: CommandDefinition, view: HelpView): string {
  const { name, summary, examples, effects, exitCodes } = command;
  const layers = effects.map(({ layer, description }) => (layer === "disk" ? description : `${layer}: ${description}`));
  return formatText(view, [
    `${view.paint.strong(`offload ${name}`)}: ${lowercaseFirst(summary)}`,
    ...formatRows(
      examples.slice(0, MAX_EXAMPLES).map(({ command: line, meaning }) => [line, meaning]),
      view,
    ),
    "",
    `Usage: ${formatUsage(command)}`,
    ...formatRows(listOptionRows(command), view),
    `Touches: ${layers.length === 0 ? "nothing, it only looks" : layers.join("; ")}.`,
    `Exit codes: ${Object.entries(exitCodes)
      .map(([code, meaning]) => `${code} ${meaning}`)
      .join("; ")}.`,
  ]);
}

/** One of the topics that concern several commands. */
export function formatTopicHelp({ name, summary }: Topic, view: HelpView): string {
  const lines = name === "targets" ? formatTargetLines(view) : formatFeatureLines(view);
  return formatText(view, [view.paint.strong(summary), "", ...lines]);
}

/** `offload disable [OPTION...] [TARGET...]` */
export function formatUsage({ name, args }: CommandDefinition): string {
  const words = Object.values(args)
    .filter(({ type }) => type === "positional")
    .map((argument) => ` [${formatOptionLabel("", argument)}]`);
  return `offload ${name} [OPTION...]${words.join("")}`;
}

function formatTargetLines(view: HelpView): readonly string[] {
  return [
    ...formatRows(TARGET_DESCRIPTIONS, view),
    "",
    AMBIGUITY_NOTE,
    "",
    '  offload disable "web 1" eth1 vif3.0',
    "  offload disable --vm eth0",
    "  offload disable -- -odd-name",
  ];
}

function formatFeatureLines(view: HelpView): readonly string[] {
  const formatRow = ({ name, kernelPattern, meaning, ...settingLocations }: (typeof FEATURES)[number]) =>
    `  ${name.padEnd(8)}${kernelPattern.padEnd(25)}${meaning.padEnd(32)}${formatSettingObjects(settingLocations)}`;
  return [
    view.paint.strong(`  ${"feature".padEnd(8)}${"in the kernel".padEnd(25)}${"what it does".padEnd(32)}setting on`),
    ...FEATURES.filter(({ byDefault }) => byDefault).map(formatRow),
    "",
    "Only when named with --features:",
    ...FEATURES.filter(({ byDefault }) => !byDefault).map(formatRow),
    "",
    FEATURE_NOTE,
  ];
}

/** The arguments, a row each. */
function listOptionRows({ args }: CommandDefinition): readonly Row[] {
  return Object.entries(args).map(([name, argument]) => [
    formatOptionLabel(name, argument),
    describeArgument(argument),
  ]);
}

/** Two columns; the second goes on under itself. */
function formatRows(pairs: readonly Row[], { columns }: HelpView): readonly string[] {
  const width = Math.max(...pairs.map(([label]) => label.length));
  const textColumns = Math.max(20, Math.min(columns, MAX_COLUMNS) - width - 4);
  return pairs.flatMap(([label, meaning]) =>
    wrap(meaning, textColumns).map((line, index) => `  ${(index === 0 ? label : "").padEnd(width)}  ${line}`.trimEnd()),
  );
}

function formatText({ columns }: HelpView, lines: readonly string[]): string {
  const maxColumns = Math.min(columns, MAX_COLUMNS);
  return lines
    .flatMap((line) => (line.startsWith(" ") ? [line] : wrap(line, maxColumns)))
    .map((line) => `${line}\n`)
    .join("");
}

function lowercaseFirst(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
}
