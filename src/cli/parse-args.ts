import { parseArgs } from "node:util";
import type { ArgDef, ArgsDef, CommandMeta } from "citty";
import { closest } from "../core/closest.ts";
import { DEFAULT_KEYWORDS, type Keyword, parseKeywords } from "../core/features.ts";
import { all, type Result, success, usage } from "../core/result.ts";
import { checkSpelling, type TargetRequest, WHOLE_HOST } from "../core/targets/targets.ts";
import { quoted } from "../core/text.ts";
import type { DISABLE } from "./specs/disable.ts";
import type { SHARED } from "./specs/shared.ts";
import type { CommandDefinition } from "./specs/spec.ts";

/** What a command line gave, checked against the command's definition. */
export interface GivenArguments<D extends ArgsDef> {
  /** Whether a boolean flag holds, its default counted in. */
  flag(name: keyof D & string): boolean;
  /** The values of a flag that takes one, in order. */
  values(name: keyof D & string): readonly string[];
  readonly positionals: readonly string[];
}

/** The part of a definition that citty is given: arguments are read here, strictly, and not by citty. */
export function cittyOf({ name, summary }: CommandDefinition): { readonly meta: CommandMeta } {
  return { meta: { name, description: summary } };
}

/**
 * Reads a command line strictly. citty itself runs a command whatever flags it is given, takes
 * `--dry-run` for the value of a flag before it, and drops surplus words; with root on a
 * hypervisor each of those is a refusal.
 */
export function parseArguments<D extends ArgsDef>(
  definition: D,
  rawArgs: readonly string[],
): Result<GivenArguments<D>> {
  const flags = new Map<string, boolean>();
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const { tokens } = parseArgs({
    args: [...rawArgs],
    options: optionsOf(definition),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { name, negated } = named(token.name, definition);
    const type = definition[name]?.type;
    const shown = token.rawName;
    if (name === "" || type === undefined || type === "positional") {
      return unknownFlag(shown, token.name, definition);
    }
    if (type === "boolean") {
      if (token.value !== undefined) {
        return usage("flag-takes-no-value", `${shown} takes no value`);
      }
      flags.set(name, !negated);
      continue;
    }
    if (token.value === undefined || (!token.inlineValue && token.value.startsWith("-"))) {
      return usage("flag-needs-value", `${shown} needs a value; say ${shown}=VALUE`);
    }
    values.set(name, [...(values.get(name) ?? []), token.value]);
  }
  return success({
    flag: (name) => flags.get(name) ?? definition[name]?.default === true,
    values: (name) => values.get(name) ?? [],
    positionals,
  });
}

function unknownFlag(shown: string, given: string, definition: ArgsDef): Result<never> {
  const near = closest(given, longNames(definition))[0];
  const advice = near === undefined ? "see --help" : `did you mean --${near}?`;
  return usage("unknown-flag", `${quoted(shown)} is not a flag of this command; ${advice}`);
}

function optionsOf(definition: ArgsDef) {
  const options: Record<string, { type: "boolean" | "string"; short?: string }> = {};
  for (const [name, argument] of Object.entries(definition)) {
    if (argument.type === "positional") continue;
    const aliases = "alias" in argument ? [argument.alias].flat() : [];
    const short = aliases.find((one) => one?.length === 1);
    options[name] = {
      type: argument.type === "boolean" ? "boolean" : "string",
      ...(short === undefined ? {} : { short }),
    };
  }
  return options;
}

/** The definition's name of a flag; `--no-x` turns off an `x` that holds by default. */
function named(given: string, definition: ArgsDef): { name: string; negated: boolean } {
  if (Object.hasOwn(definition, given)) return { name: given, negated: false };
  const positive = given.replace(/^no-/, "");
  const negatable =
    positive !== given &&
    Object.hasOwn(definition, positive) &&
    definition[positive]?.default === true;
  return negatable ? { name: positive, negated: true } : { name: "", negated: false };
}

function longNames(definition: ArgsDef): readonly string[] {
  return Object.entries(definition).flatMap(([name, { type, default: value }]) => {
    if (type === "positional") return [];
    return value === true ? [`no-${name}`] : [name];
  });
}

type TargetArguments = Pick<typeof SHARED, "vm" | "pif" | "host">;
/** What is meant without it differs between commands. */
type FeatureArguments = Readonly<Record<"features", ArgDef>>;

/** The targets of a command line: its words, `--vm`, `--pif` and `--host`, checked for spelling. */
export function targetsOf<D extends TargetArguments>(
  given: GivenArguments<D>,
): Result<readonly TargetRequest[]> {
  const requests: TargetRequest[] = [
    ...given.positionals.map((text) => ({ text, kind: "any" }) as const),
    ...given.values("vm").map((text) => ({ text, kind: "vm" }) as const),
    ...given.values("pif").map((text) => ({ text, kind: "pif" }) as const),
  ];
  if (given.flag("host")) requests.push(WHOLE_HOST);
  const checked = all(requests.map(checkSpelling));
  return checked.ok ? success(requests) : checked;
}

/** What a command line says to work on. */
export interface Wanted {
  readonly targets: readonly TargetRequest[];
  readonly features: readonly Keyword[];
  /** Whether the features were named, and not taken by default. */
  readonly named: boolean;
}

/** Targets and features of a command line. */
export function wantedOf<D extends TargetArguments & FeatureArguments>(
  given: GivenArguments<D>,
): Result<Wanted> {
  const targets = targetsOf(given);
  if (!targets.ok) return targets;
  const features = featuresOf(given);
  const named = given.values("features").length > 0;
  return features.ok
    ? success({ targets: targets.value, features: features.value, named })
    : features;
}

/** The features of a command line: `--features`, or the default ones. */
export function featuresOf<D extends FeatureArguments>(
  given: GivenArguments<D>,
): Result<readonly Keyword[]> {
  const lists = given.values("features");
  return lists.length === 0 ? success(DEFAULT_KEYWORDS) : parseKeywords(lists.join(","));
}

/** The seconds of `--wait`: a whole number, 0 unless given. */
export function secondsOf<D extends Pick<typeof SHARED, "wait">>(
  given: GivenArguments<D>,
): Result<number> {
  const [text = "0"] = given.values("wait");
  return /^\d{1,6}$/.test(text)
    ? success(Number(text))
    : usage("bad-seconds", `${quoted(text)} is no number of seconds; say for example --wait 30`);
}

/** The seconds of `--confirm-within`, 5 to 3600; 0 without it. */
export function confirmWithinOf<D extends Pick<typeof DISABLE.args, "confirm-within">>(
  given: GivenArguments<D>,
): Result<number> {
  const [text] = given.values("confirm-within");
  if (text === undefined) return success(0);
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 5 || seconds > 3600) {
    return usage(
      "bad-seconds",
      `--confirm-within: ${quoted(text)} is not 5 to 3600 seconds, e.g. --confirm-within 60`,
    );
  }
  return success(seconds);
}

/** How a command is run on a whole pool. */
export interface PoolOptions {
  /** How long a host may take to answer. */
  readonly timeoutSeconds: number;
}

/** `--pool` and what goes with it; null without it. `wait`: how long each host waits for its lock. */
export function parsePool<D extends Pick<typeof SHARED, "pool" | "timeout">>(
  given: GivenArguments<D>,
  wait = 0,
): Result<PoolOptions | null> {
  const [text] = given.values("timeout");
  if (!given.flag("pool")) {
    return text === undefined ? success(null) : usage("needs-pool", "--timeout requires --pool");
  }
  const seconds = text ?? String(DEFAULT_TIMEOUT_SECONDS);
  const timeoutSeconds = /^\d{1,3}$/.test(seconds) ? Number(seconds) : 0;
  if (timeoutSeconds < 1 || timeoutSeconds > MAX_TIMEOUT_SECONDS) {
    return usage(
      "bad-seconds",
      `--timeout: ${quoted(seconds)} is not a number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}`,
    );
  }
  return wait < timeoutSeconds
    ? success({ timeoutSeconds })
    : usage(
        "wait-too-long",
        `--wait: a host that waits ${wait} seconds does not answer within ${timeoutSeconds}; pass a longer --timeout or a shorter --wait`,
      );
}

/** `--rolling`: whether one host comes after the other; only where there is a pool. */
export function parseRolling<D extends Pick<typeof SHARED, "rolling">>(
  given: GivenArguments<D>,
  pool: PoolOptions | null,
): Result<boolean> {
  const rolling = given.flag("rolling");
  return rolling && pool === null
    ? usage("needs-pool", "--rolling requires --pool")
    : success(rolling);
}

/** These options as they were given, for other hosts to read. */
export function passOptions<D extends ArgsDef>(
  given: GivenArguments<D>,
  definition: D,
  names: readonly (keyof D & string)[],
): readonly string[] {
  return names.flatMap((name) => {
    const { type, default: preset } = definition[name] ?? {};
    if (type !== "boolean") return given.values(name).map((value) => `--${name}=${value}`);
    if (given.flag(name) === (preset === true)) return [];
    return [preset === true ? `--no-${name}` : `--${name}`];
  });
}

/** A NIC that resets on a change takes a second or two. */
const DEFAULT_TIMEOUT_SECONDS = 30;

/** Bun gives a request up after five minutes, whatever it was told. */
const MAX_TIMEOUT_SECONDS = 240;
