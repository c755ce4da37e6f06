import { parseArgs } from "node:util";
import type { ArgDef, ArgsDef, CommandMeta } from "citty";
import { type CommandError, mapCollectingFailures, usageError } from "../core/command-error.ts";
import { DEFAULT_FEATURES, type Feature, parseFeatures } from "../core/features.ts";
import { findClosest } from "../core/find-closest.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { checkSpelling, WHOLE_HOST } from "../core/targets/targets.ts";
import { quote } from "../core/text.ts";
import type { DISABLE } from "./specs/disable.ts";
import type { SHARED_ARGS } from "./specs/shared.ts";
import type { CommandDefinition } from "./specs/spec.ts";

/** What a command line gave, checked against the command's definition. */
export interface ParsedArguments<D extends ArgsDef> {
  /** Whether a boolean flag holds, its default counted in. */
  flag(name: keyof D & string): boolean;
  /** The values of a flag that takes one, in order. */
  values(name: keyof D & string): readonly string[];
  readonly positionals: readonly string[];
}

/** The part of a definition that citty is given: arguments are read here, strictly, and not by citty. */
export function toCittyMeta({ name, summary }: CommandDefinition): { readonly meta: CommandMeta } {
  return { meta: { name, description: summary } };
}

/**
 * Reads a command line strictly. citty itself runs a command whatever flags it is given, takes
 * `--dry-run` for the value of a flag before it, and drops surplus words; with root on a
 * hypervisor each of those is a refusal.
 */
export function parseArguments<D extends ArgsDef>(definition: D, rawArgs: readonly string[]): ParsedArguments<D> {
  const flags = new Map<string, boolean>();
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const { tokens } = parseArgs({
    args: [...rawArgs],
    options: buildParserOptions(definition),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { name, isNegated } = resolveFlagName(token.name, definition);
    const type = definition[name]?.type;
    const rawName = token.rawName;
    if (name === "" || type === undefined || type === "positional") {
      throw createUnknownFlagError(rawName, token.name, definition);
    }
    if (type === "boolean") {
      if (token.value !== undefined) {
        throw usageError("unexpected-value", `${rawName} takes no value`);
      }
      flags.set(name, !isNegated);
      continue;
    }
    if (token.value === undefined || (!token.inlineValue && token.value.startsWith("-"))) {
      throw usageError("missing-value", `${rawName} needs a value; say ${rawName}=VALUE`);
    }
    values.set(name, [...(values.get(name) ?? []), token.value]);
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

type TargetArguments = Pick<typeof SHARED_ARGS, "vm" | "pif" | "host">;
/** What is meant without it differs between commands. */
type FeatureArguments = Readonly<Record<"features", ArgDef>>;

/** The targets of a command line: its words, `--vm`, `--pif` and `--host`, checked for spelling. */
export function parseTargets<D extends TargetArguments>(args: ParsedArguments<D>): readonly TargetRequest[] {
  const requests: TargetRequest[] = [
    ...args.positionals.map((text) => ({ text, kind: "any" }) as const),
    ...args.values("vm").map((text) => ({ text, kind: "vm" }) as const),
    ...args.values("pif").map((text) => ({ text, kind: "pif" }) as const),
  ];
  if (args.flag("host")) requests.push(WHOLE_HOST);
  mapCollectingFailures(requests, checkSpelling);
  return requests;
}

/** What a command line says to work on. */
export interface TargetsAndFeatures {
  readonly targets: readonly TargetRequest[];
  readonly features: readonly Feature[];
  /** Whether the features were named, and not taken by default. */
  readonly hasExplicitFeatures: boolean;
}

/** Targets and features of a command line. */
export function parseTargetsAndFeatures<D extends TargetArguments & FeatureArguments>(
  args: ParsedArguments<D>,
): TargetsAndFeatures {
  const targets = parseTargets(args);
  const features = parseFeaturesOption(args);
  const hasExplicitFeatures = args.values("features").length > 0;
  return { targets, features, hasExplicitFeatures };
}

/** The features of a command line: `--features`, or the default ones. */
export function parseFeaturesOption<D extends FeatureArguments>(args: ParsedArguments<D>): readonly Feature[] {
  const lists = args.values("features");
  return lists.length === 0 ? DEFAULT_FEATURES : parseFeatures(lists.join(","));
}

/** The seconds of `--wait`: a whole number, 0 unless given. */
export function parseWaitSeconds<D extends Pick<typeof SHARED_ARGS, "wait">>(args: ParsedArguments<D>): number {
  const [text = "0"] = args.values("wait");
  if (!/^\d{1,6}$/.test(text)) {
    throw usageError("invalid-seconds", `${quote(text)} is no number of seconds; say for example --wait 30`);
  }
  return Number(text);
}

/** The seconds of `--confirm-within`, 5 to 3600; 0 without it. */
export function parseConfirmWithinSeconds<D extends Pick<typeof DISABLE.args, "confirm-within">>(
  args: ParsedArguments<D>,
): number {
  const [text] = args.values("confirm-within");
  if (text === undefined) return 0;
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 5 || seconds > 3600) {
    throw usageError(
      "invalid-seconds",
      `--confirm-within: ${quote(text)} is not 5 to 3600 seconds, e.g. --confirm-within 60`,
    );
  }
  return seconds;
}

/** How a command is run on a whole pool. */
export interface PoolOptions {
  /** How long a host may take to answer. */
  readonly timeoutSeconds: number;
}

/** `--pool` and what goes with it; null without it. `wait`: how long each host waits for its lock. */
export function parsePoolOptions<D extends Pick<typeof SHARED_ARGS, "pool" | "timeout">>(
  args: ParsedArguments<D>,
  waitSeconds = 0,
): PoolOptions | null {
  const [text] = args.values("timeout");
  if (!args.flag("pool")) {
    if (text !== undefined) throw usageError("requires-pool", "--timeout requires --pool");
    return null;
  }
  const seconds = text ?? String(DEFAULT_TIMEOUT_SECONDS);
  const timeoutSeconds = /^\d{1,3}$/.test(seconds) ? Number(seconds) : 0;
  if (timeoutSeconds < 1 || timeoutSeconds > MAX_TIMEOUT_SECONDS) {
    throw usageError(
      "invalid-seconds",
      `--timeout: ${quote(seconds)} is not a number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}`,
    );
  }
  if (waitSeconds >= timeoutSeconds) {
    throw usageError(
      "wait-too-long",
      `--wait: a host that waits ${waitSeconds} seconds does not answer within ${timeoutSeconds}; pass a longer --timeout or a shorter --wait`,
    );
  }
  return { timeoutSeconds };
}

/** `--rolling`: whether one host comes after the other; only where there is a pool. */
export function parseRolling<D extends Pick<typeof SHARED_ARGS, "rolling">>(
  args: ParsedArguments<D>,
  pool: PoolOptions | null,
): boolean {
  const rolling = args.flag("rolling");
  if (rolling && pool === null) throw usageError("requires-pool", "--rolling requires --pool");
  return rolling;
}

/** These options as they were given, for other hosts to read. */
export function formatForwardedOptions<D extends ArgsDef>(
  args: ParsedArguments<D>,
  definition: D,
  names: readonly (keyof D & string)[],
): readonly string[] {
  return names.flatMap((name) => {
    const { type, default: defaultValue } = definition[name] ?? {};
    if (type !== "boolean") return args.values(name).map((value) => `--${name}=${value}`);
    if (args.flag(name) === (defaultValue === true)) return [];
    return [defaultValue === true ? `--no-${name}` : `--${name}`];
  });
}

/** A NIC that resets on a change takes a second or two. */
const DEFAULT_TIMEOUT_SECONDS = 30;

/** Bun gives a request up after five minutes, whatever it was told. */
const MAX_TIMEOUT_SECONDS = 240;
