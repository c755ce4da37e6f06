import type { ArgDef } from "citty";
import type { ExitCode } from "../../core/problem.ts";

/** What a value stands for: it decides what a shell offers to complete it with. */
type ValueKind = "target" | "restorable" | "vm" | "pif" | "features" | "seconds" | "method" | "shell" | "word";

/** An argument as the parser, the help, the man page and the completions know it. */
export type ArgumentDefinition = ArgDef & {
  /** For the help: a few words, so that a row fits a line. */
  readonly description: string;
  /** For the man page and the reference, where the few words do not say all. */
  readonly details?: string;
  /** What its value stands for; absent where it takes none. */
  readonly valueKind?: ValueKind;
};

/** A command line, and what it is good for. */
interface Example {
  readonly command: string;
  readonly meaning: string;
}

/** What a command changes: one of the three layers, or what this program keeps on disk until the next boot. */
interface CommandEffect {
  readonly layer: "live" | "xapi" | "boot" | "disk";
  readonly description: string;
}

/**
 * Everything there is to say of a command. Parser, help, man page, command reference and completions
 * are all made from it.
 */
export interface CommandDefinition {
  readonly name: string;
  /** An imperative sentence without a full stop. */
  readonly summary: string;
  /** For the man page and the reference: paragraphs, in the order in which questions arise. */
  readonly about: readonly string[];
  readonly args: Readonly<Record<string, ArgumentDefinition>>;
  /** The most useful first. The help shows the first four, none longer than a line. */
  readonly examples: readonly Example[];
  /** What it changes; empty for a command that only looks. */
  readonly effects: readonly CommandEffect[];
  readonly exitCodes: Readonly<Partial<Record<ExitCode, string>>>;
  /** Other words under which people look for it. */
  readonly synonyms: readonly string[];
}

/** How one option is written on a command line: `--features LIST`, `-y, --yes`, `--no-color`. */
export function formatOptionLabel(name: string, argument: ArgumentDefinition): string {
  if (argument.type === "positional") return (argument.valueHint ?? name).toUpperCase();
  const long = `--${getLongName(name, argument)}`;
  const valueLabel = argument.type === "boolean" ? "" : ` ${formatValueHint(argument)}`;
  const short = getShortName(argument);
  return `${short === undefined ? "" : `-${short}, `}${long}${valueLabel}`;
}

/** The name that is typed: what holds by default can only be turned off. */
export function getLongName(name: string, { type, default: defaultValue }: ArgumentDefinition): string {
  return type === "boolean" && defaultValue === true ? `no-${name}` : name;
}

/** The one-letter name of an option, if it has one. */
export function getShortName(argument: ArgumentDefinition): string | undefined {
  const aliases = "alias" in argument ? [argument.alias ?? []].flat() : [];
  return aliases.find((alias) => alias.length === 1);
}

/** What stands for the value: `LIST`; alternatives stay as they are typed. */
export function formatValueHint({ valueHint = "VALUE" }: ArgumentDefinition): string {
  return valueHint.includes("|") ? valueHint : valueHint.toUpperCase();
}

/** What an argument does, in the words that suit how it is typed. */
export function describeArgument(argument: ArgumentDefinition): string {
  return argument.type === "boolean" && argument.default === true
    ? (argument.negativeDescription ?? argument.description)
    : argument.description;
}
