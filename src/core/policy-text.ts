import * as v from "valibot";

/** What was asked for of one feature of one interface: `on` where it was enabled under a wider rule. */
export type Asked = "off" | "on";

/** What a feature was before this tool first changed it. */
export interface Original {
  /** The value of its XAPI setting; null where there was none. */
  readonly setting: string | null;
  /** Null where it is not known, because a boot script, a setting or a missing device hid it. */
  readonly live: "on" | "off" | null;
}

/** What the texts of an interface say of one feature. */
export interface StoredFeature {
  readonly asked: Asked | null;
  /** Whether the ask was for this one VIF, and says nothing of its VM. */
  readonly alone: boolean;
  /** Null for an exception that was made before anything was changed. */
  readonly original: Original | null;
  /**
   * What the setting was when this tool last wrote or confirmed it, null where it removed it; undefined
   * where it never did either.
   */
  readonly wrote: string | null | undefined;
}

/** Features by name: a feature of the table, or one by the kernel's own name. */
export type StoredFeatures = ReadonlyMap<string, StoredFeature>;

/** The standing rule of a host: features that are to be off, on every NIC and on every VIF. */
export interface StandingRule {
  readonly nics: readonly string[];
  readonly vifs: readonly string[];
}

/** Texts of one object, merged. */
export interface Stored<T> {
  /** The keys of `other_config` that were merged. */
  readonly names: readonly string[];
  readonly value: T;
  /** Why the object has to be left alone; null where every text was understood. */
  readonly problem: string | null;
  /** The latest time among the names, in milliseconds since 1970; 0 without any. */
  readonly latest: number;
}

/** What is stored with a PIF or VIF. */
export type StoredInterface = Stored<StoredFeatures>;

/** What is stored with a host. */
export type StoredRule = Stored<StandingRule>;

const PREFIX = "offload-";
const NAME = /^offload-(\d{1,13})-[0-9a-f]{1,32}$/;
/** The latest time that a name can carry, in milliseconds since 1970: in the year 2286. */
const MAX_TIME = 9_999_999_999_999;
const VERSION = 1;

/** Whoever may edit a VM may write texts: these bounds keep a hostile one from costing anything. */
const MAX_TEXTS = 64;
const MAX_BYTES = 8192;
const MAX_SETTING = 64;

const FeatureName = v.pipe(v.string(), v.regex(/^[a-z0-9_-]{1,31}$/));
const Setting = v.nullable(v.pipe(v.string(), v.maxLength(MAX_SETTING)));
const FeatureText = v.strictObject({
  asked: v.exactOptional(v.picklist(["off", "on"])),
  alone: v.exactOptional(v.literal(true)),
  original: v.exactOptional(
    v.strictObject({ setting: Setting, live: v.nullable(v.picklist(["on", "off"])) }),
  ),
  wrote: v.exactOptional(Setting),
});
/** An object of any keys as a map: `__proto__` is a name like any other. */
const entriesOf = (document: unknown): unknown =>
  typeof document === "object" && document !== null && !Array.isArray(document)
    ? new Map(Object.entries(document))
    : document;
const InterfaceText = v.strictObject({
  version: v.literal(VERSION),
  features: v.pipe(v.unknown(), v.transform(entriesOf), v.map(FeatureName, FeatureText)),
});
const Names = v.pipe(v.array(FeatureName), v.maxLength(128));
const RuleText = v.strictObject({ version: v.literal(VERSION), nics: Names, vifs: Names });

const NO_FEATURES: StoredFeatures = new Map();
const NO_RULE: StandingRule = { nics: [], vifs: [] };

/** What an interface has where nothing is stored with it. */
export const NOTHING_STORED: StoredInterface = {
  names: [],
  value: NO_FEATURES,
  problem: null,
  latest: 0,
};

/** What a host has where nothing is stored with it. */
export const NO_STANDING_RULE: StoredRule = {
  names: [],
  value: NO_RULE,
  problem: null,
  latest: 0,
};

/** Whether anything is stored in an `other_config`, understood or not. */
export function hasText(config: Readonly<Record<string, string>>): boolean {
  return Object.keys(config).some((key) => key.startsWith(PREFIX));
}

/** Reads the texts in the `other_config` of a PIF or VIF: the oldest for originals, the newest for the rest. */
export function readInterfaceTexts(config: Readonly<Record<string, string>>): StoredInterface {
  return readTexts(config, InterfaceText, NOTHING_STORED, (documents) => {
    const merged = new Map<string, StoredFeature>();
    for (const { features } of documents) {
      for (const [name, said] of features) merged.set(name, merge(merged.get(name), said));
    }
    return merged;
  });
}

/** Reads the texts in the `other_config` of a host: the newest is the rule. */
export function readRuleTexts(config: Readonly<Record<string, string>>): StoredRule {
  return readTexts(config, RuleText, NO_STANDING_RULE, (documents) => {
    const { nics, vifs } = documents.at(-1) ?? NO_RULE;
    return { nics, vifs };
  });
}

type Said = v.InferOutput<typeof FeatureText>;

/** `before` is of older texts, so its original holds; what was asked and written last holds. */
function merge(before: StoredFeature | undefined, said: Said): StoredFeature {
  const isAsked = said.asked !== undefined;
  return {
    asked: said.asked ?? null,
    alone: isAsked && said.alone === true,
    original: before?.original ?? said.original ?? null,
    wrote: said.wrote === undefined ? before?.wrote : said.wrote,
  };
}

function readTexts<S extends v.GenericSchema, T>(
  config: Readonly<Record<string, string>>,
  schema: S,
  nothing: Stored<T>,
  join: (documents: readonly v.InferOutput<S>[]) => T,
): Stored<T> {
  const found = Object.entries(config).filter(([key]) => key.startsWith(PREFIX));
  if (found.length === 0) return nothing;
  const names = found.map(([name]) => name);
  const unusable = (problem: string): Stored<T> => ({ ...nothing, names, problem });
  if (found.length > MAX_TEXTS) return unusable(`it has ${found.length} texts of offload`);
  const dated: {
    readonly time: number;
    readonly name: string;
    readonly document: v.InferOutput<S>;
  }[] = [];
  for (const [name, text] of found) {
    const [, digits] = NAME.exec(name) ?? [];
    if (digits === undefined) return unusable("the name of a text is not one of offload's");
    const document = parse(schema, text);
    if (!document.ok) return unusable(document.problem);
    dated.push({ time: Number(digits), name, document: document.value });
  }
  dated.sort((a, b) => a.time - b.time || (a.name < b.name ? -1 : 1));
  const documents = dated.map(({ document }) => document);
  return { names, value: join(documents), problem: null, latest: dated.at(-1)?.time ?? 0 };
}

type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

function parse<S extends v.GenericSchema>(schema: S, text: string): Parsed<v.InferOutput<S>> {
  if (text.length > MAX_BYTES) return { ok: false, problem: "a text of offload is too long" };
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { ok: false, problem: "a text of offload is damaged" };
  }
  const version = v.safeParse(v.looseObject({ version: v.number() }), document);
  if (version.success && version.output.version !== VERSION) {
    return { ok: false, problem: "a text of offload is of another version of offload" };
  }
  const parsed = v.safeParse(schema, document, { abortEarly: true });
  return parsed.success
    ? { ok: true, value: parsed.output }
    : { ok: false, problem: "a text of offload is damaged" };
}

/** One key of `other_config` and its value. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** The text that says all of this of an interface. Each call gives a name that was never used before. */
export function makeInterfaceText(features: StoredFeatures, after: StoredInterface): NamedText {
  const plain = Object.fromEntries(
    [...features].map(([name, { asked, alone, original, wrote }]) => [
      name,
      {
        ...(asked === null ? {} : { asked }),
        ...(alone ? { alone } : {}),
        ...(original === null ? {} : { original }),
        ...(wrote === undefined ? {} : { wrote }),
      },
    ]),
  );
  return { name: freshName(after.latest), text: asAscii({ version: VERSION, features: plain }) };
}

/** The text that says this rule of a host. */
export function makeRuleText(rule: StandingRule, after: StoredRule): NamedText {
  const text = asAscii({ version: VERSION, nics: rule.nics, vifs: rule.vifs });
  return { name: freshName(after.latest), text };
}

/** Clocks of hosts differ: what answers a text is dated after it all the same. */
function freshName(latest: number): string {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  return `${PREFIX}${Math.min(Math.max(Date.now(), latest + 1), MAX_TIME)}-${random}`;
}

/**
 * JSON in pure ASCII: XAPI cuts a value at the first control character and answers 500 to a lone
 * surrogate.
 */
function asAscii(document: unknown): string {
  return JSON.stringify(document).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
