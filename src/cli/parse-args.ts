import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { attempt, type CommandError, usageError } from "../core/command-error.ts";
import { findClosest } from "../core/find-closest.ts";
import { quote } from "../core/text.ts";
import type { OutputOptions } from "./output-options.ts";

/** What a command line gave, checked against the command's definition. */
export interface ParsedArguments<D extends ArgsDef> {
  /** Whether a boolean flag holds, its default counted in. */
  flag(name: keyof D & string): boolean;
  /** The values of a flag that takes one, in order. */
  values(name: keyof D & string): readonly string[];
  readonly positionals: readonly string[];
}

/** A command line, read once. */
interface CommandLine<D extends ArgsDef> {
  /** What it says, or why it is refused. */
  readonly args: ParsedArguments<D> | CommandError;
  /** How to answer: known even where the rest of it is refused. */
  readonly output: OutputOptions;
  readonly wantsHelp: boolean;
}

/**
 * Reads a command line strictly. citty itself runs a command whatever flags it is given, takes
 * `--dry-run` for the value of a flag before it, keeps the last of several `--vm`, and drops surplus words; with root
 * on a hypervisor each of those is a refusal.
 */
export function parseCommandLine<D extends ArgsDef>(definition: D, rawArgs: readonly string[]): CommandLine<D> {
  const tokens = joinLists(tokenize(definition, rawArgs), definition);
  const given = listGivenFlags(tokens);
  const has = (flag: string) => given.has(flag) && Object.hasOwn(definition, flag);
  const format = (["nagios", "prometheus"] as const).find(
    (name) => Object.hasOwn(definition, name) && tokens.some((token) => token.name === name),
  );
  return {
    args: attempt(() => readTokens(tokens, definition)),
    output: {
      json: has("json"),
      color: !given.has("no-color"),
      verbose: has("verbose"),
      all: has("all"),
      monitoring: format === undefined ? null : { format, strict: given.has("strict") },
    },
    wantsHelp: has("help"),
  };
}

/** A word of a command line by itself, or a flag with its value. */
type Token =
  | { readonly name: null; readonly value: string }
  | {
      readonly name: string;
      readonly rawName: string;
      readonly value: string | undefined;
      /** It has no value, or a flag where its value belongs. */
      readonly isMissing: boolean;
    };

function tokenize(definition: ArgsDef, rawArgs: readonly string[]): readonly Token[] {
  const { tokens } = parseArgs({
    args: [...rawArgs],
    options: buildParserOptions(definition),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens.flatMap((token): Token[] => {
    if (token.kind === "option-terminator") return [];
    if (token.kind === "positional") return [{ name: null, value: token.value }];
    const { name, rawName, value, inlineValue = false } = token;
    // A flag is never the value of the one before it.
    const isMissing = value === undefined || (!inlineValue && value.startsWith("-"));
    return [{ name, rawName, value, isMissing }];
  });
}

/** A list goes on in the next word after a comma at its end, and before one at the beginning of that word. */
function joinLists(tokens: readonly Token[], definition: ArgsDef): readonly Token[] {
  const joined: Token[] = [];
  for (const token of tokens) {
    const previous = joined.at(-1);
    const isList = previous?.name != null && definition[previous.name]?.valueHint === "list";
    if (isList && token.name === null && previous.value !== undefined && !previous.isMissing) {
      const goesOn = previous.value.trimEnd().endsWith(",") || token.value.trimStart().startsWith(",");
      if (goesOn) {
        joined.splice(-1, 1, { ...previous, value: `${previous.value}${token.value}` });
        continue;
      }
    }
    joined.push(token);
  }
  return joined;
}

/** Flags that are given without a value, those among them that stand where a value belongs. */
function listGivenFlags(tokens: readonly Token[]): ReadonlySet<string> {
  return new Set(
    tokens.flatMap((token) => {
      if (token.name === null || !token.isMissing) return [];
      return token.value === undefined ? [token.name] : [token.name, token.value.replace(/^-+/, "")];
    }),
  );
}

function readTokens<D extends ArgsDef>(tokens: readonly Token[], definition: D): ParsedArguments<D> {
  const flags = new Map<string, boolean>();
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.name === null) {
      positionals.push(token.value);
      continue;
    }
    const { rawName, value, isMissing } = token;
    const { name, isNegated } = resolveFlagName(token.name, definition);
    const type = definition[name]?.type;
    if (name === "" || type === undefined || type === "positional") {
      throw createUnknownFlagError(rawName, token.name, definition);
    }
    if (type === "boolean") {
      if (value !== undefined) {
        const { description = "" } = definition[name] ?? {};
        throw usageError("unexpected-value", `${rawName} takes no value; it means: ${description}`);
      }
      flags.set(name, !isNegated);
      continue;
    }
    if (isMissing || value === undefined) {
      throw usageError("missing-value", `${rawName} needs a value; say ${rawName}=VALUE`);
    }
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return {
    flag: (name) => flags.get(name) ?? definition[name]?.default === true,
    values: (name) => values.get(name) ?? [],
    positionals,
  };
}

function createUnknownFlagError(rawName: string, name: string, definition: ArgsDef): CommandError {
  const suggestion = findClosest(name, listLongNames(definition))[0];
  const hint = suggestion === undefined ? "see --help" : `did you mean --${suggestion}?`;
  return usageError("unknown-flag", `${quote(rawName)} is not a flag of this command; ${hint}`);
}

function buildParserOptions(definition: ArgsDef) {
  const options: Record<string, { type: "boolean" | "string"; short?: string }> = {};
  for (const [name, argument] of Object.entries(definition)) {
    if (argument.type === "positional") continue;
    const aliases = "alias" in argument ? [argument.alias].flat() : [];
    const short = aliases.find((alias) => alias?.length === 1);
    options[name] = {
      type: argument.type === "boolean" ? "boolean" : "string",
      ...(short === undefined ? {} : { short }),
    };
  }
  return options;
}

/** The definition's name of a flag; `--no-x` turns off an `x` that holds by default. */
function resolveFlagName(flag: string, definition: ArgsDef): { name: string; isNegated: boolean } {
  if (Object.hasOwn(definition, flag)) return { name: flag, isNegated: false };
  const positive = flag.replace(/^no-/, "");
  const isNegatable =
    positive !== flag && Object.hasOwn(definition, positive) && definition[positive]?.default === true;
  return isNegatable ? { name: positive, isNegated: true } : { name: "", isNegated: false };
}

function listLongNames(definition: ArgsDef): readonly string[] {
  return Object.entries(definition).flatMap(([name, { type, default: defaultValue }]) => {
    if (type === "positional") return [];
    return defaultValue === true ? [`no-${name}`] : [name];
  });
}
