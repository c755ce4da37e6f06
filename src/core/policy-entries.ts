import * as v from "valibot";

/** What was asked for of one feature of one interface: `on` where it was enabled under a wider rule. */
export type PolicyState = "off" | "on";

/** What a feature was before this tool first changed it. */
export interface Original {
  /** The value of its XAPI setting; null where there was none. */
  readonly setting: string | null;
  /** Null where it is not known, because a boot script, a setting or a missing device hid it. */
  readonly live: "on" | "off" | null;
}

/** What the texts of an interface say of one feature. */
export interface StoredFeature {
  readonly asked: PolicyState | null;
  /** Whether the ask was for this one VIF, and says nothing of its VM. */
  readonly alone: boolean;
  /** Null for an exception that was made before anything was changed. */
  readonly original: Original | null;
  /**
   * What the setting was when this tool last wrote or confirmed it, null where it removed it; undefined
   * where it never did either.
   */
  readonly wrote: string | null | undefined;
  /** Settings of the feature that nothing reads, by key, which this tool has removed. */
  readonly ineffective?: ReadonlyMap<string, string>;
}

/** Features by name: a feature of the table, or one by the kernel's own name. */
export type StoredFeatures = ReadonlyMap<string, StoredFeature>;

/** The standing rule of a host: features that are to be off, on every NIC and on every VIF. */
export interface HostRule {
  readonly nics: readonly string[];
  readonly vifs: readonly string[];
}

/** Texts of one object, merged. */
interface StoredPolicy<T> {
  /** The keys of `other_config` that were merged. */
  readonly keys: readonly string[];
  readonly value: T;
  /** Why the object has to be left alone; null where every text was understood. */
  readonly problem: string | null;
  /** The latest time among the names, in milliseconds since 1970; 0 without any. */
  readonly latestTimeMs: number;
}

/** What is stored with a PIF or VIF. */
export type StoredInterfacePolicy = StoredPolicy<StoredFeatures>;

/** What is stored with a host. */
export type StoredHostRule = StoredPolicy<HostRule>;

const KEY_PREFIX = "offload-";
const ENTRY_KEY = /^offload-(\d{1,13})-[0-9a-f]{1,32}$/;
/** The latest time that a name can carry, in milliseconds since 1970: in the year 2286. */
const MAX_TIME_MS = 9_999_999_999_999;
const FORMAT_VERSION = 1;

/** Whoever may edit a VM may write texts: these bounds keep a hostile one from costing anything. */
const MAX_ENTRIES = 64;
const MAX_ENTRY_LENGTH = 8192;
const MAX_SETTING_LENGTH = 64;

const FeatureNameSchema = v.pipe(v.string(), v.regex(/^[a-z0-9_-]{1,31}$/));
/** An object of any keys as a map: `__proto__` is a name like any other. */
const toMap = (document: unknown): unknown =>
  typeof document === "object" && document !== null && !Array.isArray(document)
    ? new Map(Object.entries(document))
    : document;
/** The key of a setting in any spelling: whoever may write texts must not have another key written. */
const IneffectiveKeySchema = v.pipe(v.string(), v.regex(/^ethtool[-_a-z0-9]{1,31}$/i));
const IneffectiveSchema = v.pipe(v.string(), v.maxLength(MAX_SETTING_LENGTH));
const SettingSchema = v.nullable(v.pipe(v.string(), v.maxLength(MAX_SETTING_LENGTH)));
const FeatureSchema = v.strictObject({
  asked: v.exactOptional(v.picklist(["off", "on"])),
  alone: v.exactOptional(v.literal(true)),
  original: v.exactOptional(v.strictObject({ setting: SettingSchema, live: v.nullable(v.picklist(["on", "off"])) })),
  wrote: v.exactOptional(SettingSchema),
  ineffective: v.exactOptional(v.pipe(v.unknown(), v.transform(toMap), v.map(IneffectiveKeySchema, IneffectiveSchema))),
});
const InterfaceEntrySchema = v.strictObject({
  version: v.literal(FORMAT_VERSION),
  features: v.pipe(v.unknown(), v.transform(toMap), v.map(FeatureNameSchema, FeatureSchema)),
});
const FeatureNamesSchema = v.pipe(v.array(FeatureNameSchema), v.maxLength(128));
const HostRuleEntrySchema = v.strictObject({
  version: v.literal(FORMAT_VERSION),
  nics: FeatureNamesSchema,
  vifs: FeatureNamesSchema,
});

const EMPTY_FEATURES: StoredFeatures = new Map();
const EMPTY_HOST_RULE: HostRule = { nics: [], vifs: [] };

/** What an interface has where nothing is stored with it. */
export const NO_INTERFACE_POLICY: StoredInterfacePolicy = {
  keys: [],
  value: EMPTY_FEATURES,
  problem: null,
  latestTimeMs: 0,
};

/** What a host has where nothing is stored with it. */
export const NO_HOST_RULE: StoredHostRule = {
  keys: [],
  value: EMPTY_HOST_RULE,
  problem: null,
  latestTimeMs: 0,
};

/** Whether anything is stored in an `other_config`, understood or not. */
export function hasPolicyEntry(config: Readonly<Record<string, string>>): boolean {
  return Object.keys(config).some((key) => key.startsWith(KEY_PREFIX));
}

/** Reads the texts in the `other_config` of a PIF or VIF: the oldest for originals, the newest for the rest. */
export function parseInterfaceEntries(config: Readonly<Record<string, string>>): StoredInterfacePolicy {
  return parseEntries(config, InterfaceEntrySchema, NO_INTERFACE_POLICY, (documents) => {
    const merged = new Map<string, StoredFeature>();
    for (const { features } of documents) {
      for (const [name, newer] of features) merged.set(name, mergeFeature(merged.get(name), newer));
    }
    return merged;
  });
}

/** Reads the texts in the `other_config` of a host: the newest is the rule. */
export function parseHostRuleEntries(config: Readonly<Record<string, string>>): StoredHostRule {
  return parseEntries(config, HostRuleEntrySchema, NO_HOST_RULE, (documents) => {
    const { nics, vifs } = documents.at(-1) ?? EMPTY_HOST_RULE;
    return { nics, vifs };
  });
}

type ParsedFeature = v.InferOutput<typeof FeatureSchema>;

/** `before` is of older texts, so its original holds; what was asked and written last holds. */
function mergeFeature(older: StoredFeature | undefined, newer: ParsedFeature): StoredFeature {
  const isAsked = newer.asked !== undefined;
  const ineffective = new Map([...(newer.ineffective ?? []), ...(older?.ineffective ?? [])]);
  return {
    asked: newer.asked ?? null,
    alone: isAsked && newer.alone === true,
    original: older?.original ?? newer.original ?? null,
    wrote: newer.wrote === undefined ? older?.wrote : newer.wrote,
    ...(ineffective.size === 0 ? {} : { ineffective }),
  };
}

function parseEntries<S extends v.GenericSchema, T>(
  config: Readonly<Record<string, string>>,
  schema: S,
  empty: StoredPolicy<T>,
  mergeDocuments: (documents: readonly v.InferOutput<S>[]) => T,
): StoredPolicy<T> {
  const entries = Object.entries(config).filter(([key]) => key.startsWith(KEY_PREFIX));
  if (entries.length === 0) return empty;
  const keys = entries.map(([name]) => name);
  const reject = (problem: string): StoredPolicy<T> => ({ ...empty, keys, problem });
  if (entries.length > MAX_ENTRIES) return reject(`it has ${entries.length} texts of offload`);
  const parsedEntries: {
    readonly timeMs: number;
    readonly key: string;
    readonly document: v.InferOutput<S>;
  }[] = [];
  for (const [key, text] of entries) {
    const [, digits] = ENTRY_KEY.exec(key) ?? [];
    if (digits === undefined) return reject("the name of a text is not one of offload's");
    const document = parseEntry(schema, text);
    if (!document.ok) return reject(document.problem);
    parsedEntries.push({ timeMs: Number(digits), key, document: document.value });
  }
  parsedEntries.sort((a, b) => a.timeMs - b.timeMs || (a.key < b.key ? -1 : 1));
  const documents = parsedEntries.map(({ document }) => document);
  return {
    keys,
    value: mergeDocuments(documents),
    problem: null,
    latestTimeMs: parsedEntries.at(-1)?.timeMs ?? 0,
  };
}

type ParseResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

function parseEntry<S extends v.GenericSchema>(schema: S, text: string): ParseResult<v.InferOutput<S>> {
  if (text.length > MAX_ENTRY_LENGTH) return { ok: false, problem: "a text of offload is too long" };
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { ok: false, problem: "a text of offload is damaged" };
  }
  const version = v.safeParse(v.looseObject({ version: v.number() }), document);
  if (version.success && version.output.version !== FORMAT_VERSION) {
    return { ok: false, problem: "a text of offload is of another version of offload" };
  }
  const parsed = v.safeParse(schema, document, { abortEarly: true });
  return parsed.success ? { ok: true, value: parsed.output } : { ok: false, problem: "a text of offload is damaged" };
}

/** One key of `other_config` and its value. */
export interface PolicyEntry {
  readonly key: string;
  readonly value: string;
}

/** The text that says all of this of an interface. Each call gives a name that was never used before. */
export function createInterfaceEntry(features: StoredFeatures, previous: StoredInterfacePolicy): PolicyEntry {
  const plainFeatures = Object.fromEntries(
    [...features].map(([name, { asked, alone, original, wrote, ineffective }]) => [
      name,
      {
        ...(asked === null ? {} : { asked }),
        ...(alone ? { alone } : {}),
        ...(original === null ? {} : { original }),
        ...(wrote === undefined ? {} : { wrote }),
        ...(ineffective === undefined ? {} : { ineffective: Object.fromEntries(ineffective) }),
      },
    ]),
  );
  return {
    key: createEntryKey(previous.latestTimeMs),
    value: toAsciiJson({ version: FORMAT_VERSION, features: plainFeatures }),
  };
}

/** The text that says this rule of a host. */
export function createHostRuleEntry(rule: HostRule, previous: StoredHostRule): PolicyEntry {
  const value = toAsciiJson({ version: FORMAT_VERSION, nics: rule.nics, vifs: rule.vifs });
  return { key: createEntryKey(previous.latestTimeMs), value };
}

/** Clocks of hosts differ: what answers a text is dated after it all the same. */
function createEntryKey(latestTimeMs: number): string {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  return `${KEY_PREFIX}${Math.min(Math.max(Date.now(), latestTimeMs + 1), MAX_TIME_MS)}-${random}`;
}

/**
 * JSON in pure ASCII: XAPI cuts a value at the first control character and answers 500 to a lone
 * surrogate.
 */
function toAsciiJson(document: unknown): string {
  return JSON.stringify(document).replaceAll(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
