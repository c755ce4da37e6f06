import { COMMANDS } from "../cli/specs/commands.ts";
import { type CommandDefinition, describe, GROUPS, labelOf } from "../cli/specs/spec.ts";
import {
  AMBIGUITY,
  FEATURE_NOTE,
  settingOn,
  TARGETS,
  TOPICS,
  type Topic,
} from "../cli/specs/topics.ts";
import { FEATURES } from "../core/features.ts";
import type { View } from "./view.ts";
import { wrapped } from "./wrap.ts";

/** Help is never wider, however wide the terminal: long lines are hard to read. */
const WIDEST = 80;

/** How many examples of a command fit its screen. */
const EXAMPLES = 4;

/** Where and how help is shown. */
export type HelpView = Pick<View, "paint" | "columns">;

type Row = readonly [label: string, text: string];

/** The help of the whole program: what to run first, the commands, the exit codes. */
export function programHelp(version: string, view: HelpView): string {
  const { strong } = view.paint;
  return text(view, [
    `${strong("offload")} ${version}: turns TCP and NIC offloads off on a Xen dom0, and keeps them off`,
    ...rows(
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
    ...rows(
      COMMANDS.map(({ name, summary }) => [name, summary]),
      view,
    ),
    "",
    `More: offload COMMAND --help, ${TOPICS.map(({ name }) => `offload help ${name}`).join(", ")}`,
    "Exit codes: 0 done, or all is off; 1 partly; 2 usage or not confirmed, nothing was changed; 3 could not be determined or is not possible here; 130, 143 ended by that signal.",
  ]);
}

/** The help of one command: what it is for, examples, options, what it touches, exit codes. */
export function commandHelp(command: CommandDefinition, view: HelpView): string {
  const { name, summary, examples, touches, exits } = command;
  const layers = touches.map(({ layer, what }) => (layer === "disk" ? what : `${layer}: ${what}`));
  return text(view, [
    `${view.paint.strong(`offload ${name}`)}: ${lowered(summary)}`,
    ...rows(
      examples.slice(0, EXAMPLES).map(({ command: line, meaning }) => [line, meaning]),
      view,
    ),
    "",
    `Usage: ${usageOf(command)}`,
    ...rows(optionRows(command), view),
    `Touches: ${layers.length === 0 ? "nothing, it only looks" : layers.join("; ")}.`,
    `Exit codes: ${Object.entries(exits)
      .map(([code, meaning]) => `${code} ${meaning}`)
      .join("; ")}.`,
  ]);
}

/** One of the topics that concern several commands. */
export function topicHelp({ name, summary }: Topic, view: HelpView): string {
  const lines = name === "targets" ? targetLines(view) : featureLines(view);
  return text(view, [view.paint.strong(summary), "", ...lines]);
}

/** `offload disable [OPTION...] [TARGET...]` */
export function usageOf({ name, args }: CommandDefinition): string {
  const words = Object.values(args)
    .filter(({ type }) => type === "positional")
    .map((argument) => ` [${labelOf("", argument)}]`);
  return `offload ${name} [OPTION...]${words.join("")}`;
}

function targetLines(view: HelpView): readonly string[] {
  return [
    ...rows(TARGETS, view),
    "",
    AMBIGUITY,
    "",
    '  offload disable "web 1" eth1 vif3.0',
    "  offload disable --vm eth0",
    "  offload disable -- -odd-name",
  ];
}

function featureLines(view: HelpView): readonly string[] {
  const row = ({ keyword, kernel, meaning, ...where }: (typeof FEATURES)[number]) =>
    `  ${keyword.padEnd(8)}${kernel.padEnd(25)}${meaning.padEnd(32)}${settingOn(where)}`;
  return [
    view.paint.strong(
      `  ${"feature".padEnd(8)}${"in the kernel".padEnd(25)}${"what it does".padEnd(32)}setting on`,
    ),
    ...FEATURES.filter(({ byDefault }) => byDefault).map(row),
    "",
    "Only when named with --features:",
    ...FEATURES.filter(({ byDefault }) => !byDefault).map(row),
    "",
    FEATURE_NOTE,
  ];
}

/** The arguments as rows; those of one group share one. */
function optionRows({ args }: CommandDefinition): readonly Row[] {
  const entries = Object.entries(args);
  const seen = new Set<string>();
  return entries.flatMap(([name, argument]): Row[] => {
    const { group } = argument;
    if (group === undefined) return [[labelOf(name, argument), describe(argument)]];
    const members = entries.filter(([, other]) => other.group === group);
    if (members.length === 1) return [[labelOf(name, argument), describe(argument)]];
    if (seen.has(group)) return [];
    seen.add(group);
    return [[members.map(([key, one]) => labelOf(key, one)).join(", "), GROUPS[group]]];
  });
}

/** Two columns; the second goes on under itself. */
function rows(pairs: readonly Row[], { columns }: HelpView): readonly string[] {
  const width = Math.max(...pairs.map(([label]) => label.length));
  const room = Math.max(20, Math.min(columns, WIDEST) - width - 4);
  return pairs.flatMap(([label, meaning]) =>
    wrapped(meaning, room).map((line, at) =>
      `  ${(at === 0 ? label : "").padEnd(width)}  ${line}`.trimEnd(),
    ),
  );
}

function text({ columns }: HelpView, lines: readonly string[]): string {
  const room = Math.min(columns, WIDEST);
  return lines
    .flatMap((line) => (line.startsWith(" ") ? [line] : wrapped(line, room)))
    .map((line) => `${line}\n`)
    .join("");
}

function lowered(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
}
