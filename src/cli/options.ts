import type { ArgDef, ArgsDef } from "citty";
import { mapCollectingFailures, usageError } from "../core/command-error.ts";
import { DEFAULT_FEATURES, type Feature, parseFeatures } from "../core/features.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { checkSpelling, WHOLE_HOST } from "../core/targets/targets.ts";
import { quote } from "../core/text.ts";
import type { ParsedArguments } from "./parse-args.ts";

/** A command that has these arguments; what they say of themselves differs between commands. */
type WithArguments<N extends string> = Readonly<Record<N, ArgDef>>;
type TargetArguments = WithArguments<"vm" | "pif" | "host">;
type FeatureArguments = WithArguments<"features">;

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

const SECONDS_BY_UNIT: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["s", 1],
  ["m", 60],
  ["min", 60],
  ["h", 3600],
]);

/** The seconds of a duration: `60`, `60s`, `1m`, `1h`; null for anything else. */
function parseSeconds(text: string): number | null {
  const [, digits = "", unit = ""] = /^(\d{1,6})\s*([a-z]*)$/.exec(text.trim().toLowerCase()) ?? [];
  const factor = SECONDS_BY_UNIT.get(unit);
  return digits === "" || factor === undefined ? null : Number(digits) * factor;
}

/** The seconds of `--wait`: a whole number, 0 unless given. */
export function parseWaitSeconds<D extends WithArguments<"wait">>(args: ParsedArguments<D>): number {
  const [text = "0"] = args.values("wait");
  const seconds = parseSeconds(text);
  if (seconds === null) {
    throw usageError("invalid-seconds", `--wait: ${quote(text)} is not a number of seconds, e.g. --wait 30`);
  }
  return seconds;
}

/** The seconds of `--confirm-within`, 5 to 3600; 0 without it. */
function parseConfirmWithinSeconds<D extends WithArguments<"confirm-within">>(args: ParsedArguments<D>): number {
  const [text] = args.values("confirm-within");
  if (text === undefined) return 0;
  const seconds = parseSeconds(text) ?? 0;
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
export function parsePoolOptions<D extends WithArguments<"pool" | "timeout">>(
  args: ParsedArguments<D>,
  waitSeconds = 0,
): PoolOptions | null {
  const [text] = args.values("timeout");
  if (!args.flag("pool")) {
    if (text !== undefined) throw usageError("requires-pool", "--timeout requires --pool");
    return null;
  }
  const seconds = text ?? String(DEFAULT_TIMEOUT_SECONDS);
  const timeoutSeconds = parseSeconds(seconds) ?? 0;
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
function parseRolling<D extends WithArguments<"rolling">>(args: ParsedArguments<D>, pool: PoolOptions | null): boolean {
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

/** What the commands that change something have in common. */
export interface ChangeOptions extends TargetsAndFeatures {
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Seconds within which the change has to be confirmed; 0 where it has not. */
  readonly confirmWithinSeconds: number;
  /** Seconds to wait for another run. */
  readonly waitSeconds: number;
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
}

type ChangeArguments = TargetArguments &
  FeatureArguments &
  WithArguments<"yes" | "dry-run" | "confirm-within" | "wait" | "pool" | "timeout" | "rolling">;

/** The options that `disable`, `enable`, `persist` and `restore` share. */
export function parseChangeOptions<D extends ChangeArguments>(args: ParsedArguments<D>): ChangeOptions {
  const selection = parseTargetsAndFeatures(args);
  const waitSeconds = parseWaitSeconds(args);
  const confirmWithinSeconds = parseConfirmWithinSeconds(args);
  const pool = parsePoolOptions(args, waitSeconds);
  const rolling = parseRolling(args, pool);
  const [yes, dryRun] = [args.flag("yes"), args.flag("dry-run")];
  return { ...selection, yes, dryRun, confirmWithinSeconds, waitSeconds, pool, rolling };
}

/** Refuses options of `disable` and `enable` that exclude each other, and a line that names nothing to work on. */
export function checkChangeOptions(
  { targets, confirmWithinSeconds, rolling, pool }: ChangeOptions,
  { liveOnly, isPicked }: { readonly liveOnly: boolean; readonly isPicked: boolean },
): void {
  if (confirmWithinSeconds > 0 && liveOnly) {
    throw usageError(
      "conflicting-options",
      "--confirm-within and --live-only exclude each other: a confirmed change is stored",
    );
  }
  if (rolling && confirmWithinSeconds > 0) {
    throw usageError(
      "conflicting-options",
      "--rolling and --confirm-within exclude each other: one answer is for all hosts at once",
    );
  }
  if (!isPicked && pool === null && targets.length === 0) {
    throw usageError("missing-target", "nothing named to work on; name VMs, PIFs or VIFs, or ALL for the whole host");
  }
}

/** A NIC that resets on a change takes a second or two. */
const DEFAULT_TIMEOUT_SECONDS = 30;

/** Bun gives a request up after five minutes, whatever it was given. */
const MAX_TIMEOUT_SECONDS = 240;
