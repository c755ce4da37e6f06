import { afterEach, beforeEach, describe, expect, type Mock, spyOn, test } from "bun:test";
import fc from "fast-check";
import { FEATURE_NAMES } from "../../src/core/features.ts";
import {
  createHostRuleEntry,
  createInterfaceEntry,
  NO_HOST_RULE,
  NO_INTERFACE_POLICY,
  parseHostRuleEntries,
  parseInterfaceEntries,
  type StoredFeature,
  type StoredFeatures,
} from "../../src/core/policy-entries.ts";

const NAME = /^offload-\d{1,13}-[0-9a-f]{16}$/;

function feature(more: Partial<StoredFeature> = {}): StoredFeature {
  return {
    asked: "off",
    alone: false,
    original: { setting: null, live: "on" },
    wrote: "off",
    ...more,
  };
}

/** A text of an interface as another run may have written it. */
function text(features: unknown): string {
  return JSON.stringify({ version: 1, features });
}

function problemOf(texts: Readonly<Record<string, string>>): string | null {
  return parseInterfaceEntries(texts).problem;
}

const settings = fc.option(fc.string({ unit: "binary", maxLength: 32 }));
const stored: fc.Arbitrary<StoredFeatures> = fc
  .dictionary(
    fc.oneof(fc.constantFrom(...FEATURE_NAMES, "__proto__"), fc.stringMatching(/^[a-z0-9_-]{1,31}$/)),
    fc
      .record({
        asked: fc.constantFrom(null, "off" as const, "on" as const),
        alone: fc.boolean(),
        original: fc.option(
          fc.record({
            setting: settings,
            live: fc.constantFrom(null, "on" as const, "off" as const),
          }),
        ),
        wrote: fc.option(settings, { nil: undefined }),
      })
      .map((one): StoredFeature => ({ ...one, alone: one.alone && one.asked !== null })),
    { maxKeys: 6 },
  )
  .map((features) => new Map(Object.entries(features)));

describe("encoding a policy entry", () => {
  test("round-trips in printable ASCII", () => {
    fc.assert(
      fc.property(stored, (features) => {
        const made = createInterfaceEntry(features, NO_INTERFACE_POLICY);
        expect(made.key).toMatch(NAME);
        expect(made.value).toMatch(/^[\x20-\x7e]*$/);
        const read = parseInterfaceEntries({ [made.key]: made.value });
        if (made.value.length > 8192) return;
        expect(read).toMatchObject({ keys: [made.key], problem: null });
        expect(read.value).toEqual(features);
      }),
    );
  });

  test("escapes control characters and lone surrogates, which XAPI would not keep", () => {
    const value = "a\u0000\u001b[31m\ud800\u{1f600}é";
    const features = new Map([["tso", feature({ original: { setting: value, live: null } })]]);
    const { key, value: made } = createInterfaceEntry(features, NO_INTERFACE_POLICY);
    expect(made).toMatch(/^[\x20-\x7e]*$/);
    expect(parseInterfaceEntries({ [key]: made }).value).toEqual(features);
  });

  test("generates a new name each time", () => {
    const names = Array.from({ length: 200 }, () => createHostRuleEntry({ nics: [], vifs: [] }, NO_HOST_RULE));
    expect(new Set(names.map(({ key }) => key)).size).toBe(200);
  });

  test("round-trips a host rule", () => {
    const rule = { nics: ["tso", "rx-gro-hw"], vifs: ["gro"] };
    const { key, value: made } = createHostRuleEntry(rule, NO_HOST_RULE);
    expect(parseHostRuleEntries({ [key]: made }).value).toEqual(rule);
  });
});

describe("the time of a policy entry", () => {
  let clock: Mock<typeof Date.now>;
  beforeEach(() => {
    clock = spyOn(Date, "now");
  });
  afterEach(() => {
    clock.mockRestore();
  });

  test("is later than the entry it replaces, whatever this host's clock says", () => {
    clock.mockReturnValue(5);
    const before = parseInterfaceEntries({ "offload-1000-a": text({}) });
    expect(createInterfaceEntry(new Map(), before).key).toStartWith("offload-1001-");
    clock.mockReturnValue(2000);
    expect(createInterfaceEntry(new Map(), before).key).toStartWith("offload-2000-");
  });

  test("stays readable after an entry with the last possible time", () => {
    clock.mockReturnValue(5);
    const last = parseInterfaceEntries({ "offload-9999999999999-a": text({}) });
    const { key, value: made } = createInterfaceEntry(new Map([["tso", feature()]]), last);
    expect(key).toStartWith("offload-9999999999999-");
    expect(parseInterfaceEntries({ [key]: made }).problem).toBeNull();
  });
});

describe("policy entries of one object", () => {
  test("are empty when no key is offload's", () => {
    expect(parseInterfaceEntries({ "ethtool-tso": "off", offload: "{", "xo:offload-1-a": "{" })).toBe(
      NO_INTERFACE_POLICY,
    );
    expect(parseHostRuleEntries({})).toBe(NO_HOST_RULE);
  });

  test("use the oldest for originals and the newest for the rest", () => {
    const older = { asked: "off", original: { setting: "on", live: "on" }, wrote: "off" };
    const newer = { asked: "on", original: { setting: "off", live: null }, wrote: null };
    const { value, keys, latestTimeMs } = parseInterfaceEntries({
      "offload-20-b": text({ tso: newer, gso: newer }),
      "offload-3-a": text({ tso: older, sg: older }),
    });
    expect(value.get("tso")).toEqual({
      asked: "on",
      alone: false,
      original: { setting: "on", live: "on" },
      wrote: null,
    });
    expect([...value.keys()].sort()).toEqual(["gso", "sg", "tso"]);
    expect([keys.length, latestTimeMs]).toEqual([2, 20]);
  });

  test("are ordered by name when their times are equal", () => {
    const texts = {
      "offload-1-b": text({ tso: { asked: "on" } }),
      "offload-1-a": text({ tso: { asked: "off", original: { setting: null, live: null } } }),
    };
    expect(parseInterfaceEntries(texts).value.get("tso")?.asked).toBe("on");
    const turned = Object.fromEntries(Object.entries(texts).reverse());
    expect(parseInterfaceEntries(turned).value).toEqual(parseInterfaceEntries(texts).value);
  });

  test("keep the last written value when a newer entry has none", () => {
    const { value } = parseInterfaceEntries({
      "offload-1-a": text({ tso: { asked: "off", wrote: "off" } }),
      "offload-2-a": text({ tso: { asked: "off" } }),
    });
    expect(value.get("tso")?.wrote).toBe("off");
  });

  test("mean the same merged as apart", () => {
    fc.assert(
      fc.property(fc.array(stored, { minLength: 1, maxLength: 3 }), (all) => {
        const texts: Record<string, string> = {};
        for (const features of all) {
          const { key, value: made } = createInterfaceEntry(features, parseInterfaceEntries(texts));
          texts[key] = made;
        }
        const merged = parseInterfaceEntries(texts);
        if (merged.problem !== null) return;
        const one = createInterfaceEntry(merged.value, merged);
        fc.pre(one.value.length <= 8192);
        expect(parseInterfaceEntries({ [one.key]: one.value }).value).toEqual(merged.value);
        expect(parseInterfaceEntries({ ...texts, [one.key]: one.value }).value).toEqual(merged.value);
      }),
    );
  });

  test("use the newest for the rule of a host", () => {
    const rule = (nics: readonly string[]) => JSON.stringify({ version: 1, nics, vifs: [] });
    const texts = { "offload-2-a": rule(["tso"]), "offload-1-f": rule(["gro"]) };
    expect(parseHostRuleEntries(texts).value.nics).toEqual(["tso"]);
  });
});

describe("an invalid policy entry excludes its object", () => {
  const GOOD = { "offload-1-a": text({ tso: { asked: "off" } }) };

  test.each([
    ["is no JSON", "{"],
    ["is empty", ""],
    ["is nested without end", "[".repeat(8000)],
    ["is null", "null"],
    ["is a list", "[]"],
    ["has no features", '{"version":1}'],
    ["has a list of features", text([])],
    ["has something besides", '{"version":1,"features":{},"more":1}'],
    ["has a prototype", '{"version":1,"features":{},"__proto__":{"x":1}}'],
    ["has a feature of a strange name", text({ "tso; reboot": {} })],
    ["has a feature without a name", text({ "": {} })],
    ["has a feature of a long name", text({ ["x".repeat(32)]: {} })],
    ["has a feature in capitals", text({ TSO: {} })],
    ["has a feature that is null", text({ tso: null })],
    ["has a feature with a prototype", '{"version":1,"features":{"tso":{"__proto__":{}}}}'],
    ["asks for something else", text({ tso: { asked: "maybe" } })],
    ["is alone and not", text({ tso: { alone: false } })],
    ["has an original without a live state", text({ tso: { original: { setting: null } } })],
    ["has a setting that is no text", text({ tso: { wrote: 1 } })],
    ["has a setting that is too long", text({ tso: { wrote: "x".repeat(65) } })],
  ])("when it %s", (_, damaged) => {
    const { value, problem, keys } = parseInterfaceEntries({ ...GOOD, "offload-2-b": damaged });
    expect(problem).toBe("a text of offload is damaged");
    expect([value.size, keys]).toEqual([0, ["offload-1-a", "offload-2-b"]]);
  });

  test.each([0, 2, 1e300])("when it has version %p", (version) => {
    expect(problemOf({ ...GOOD, "offload-2-b": JSON.stringify({ version }) })).toBe(
      "a text of offload is of another version of offload",
    );
  });

  test.each([
    "offload-",
    "offload-1",
    "offload-1-",
    "offload-1-g",
    "offload--1-a",
    "offload-1-a\n",
    "offload-12345678901234-a",
    `offload-1-${"a".repeat(33)}`,
    "offload-1-A",
    "offload-me",
  ])("when it is named %p", (name) => {
    expect(problemOf({ ...GOOD, [name]: text({}) })).toBe("the name of a text is not one of offload's");
  });

  test("when it exceeds the maximum length, not at it", () => {
    const padded = (length: number) => text({}).padEnd(length);
    expect(problemOf({ "offload-1-a": padded(8192) })).toBeNull();
    expect(problemOf({ "offload-1-a": padded(8193) })).toBe("a text of offload is too long");
  });

  test("when there are more entries than the maximum, not at it", () => {
    const texts = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, time) => [`offload-${time}-a`, text({})]));
    expect(problemOf(texts(64))).toBeNull();
    expect(problemOf(texts(65))).toBe("it has 65 texts of offload");
  });

  test("on a host, which then has no rule", () => {
    for (const nics of [["tso", 1], "tso", ["a b"], Array.from({ length: 129 }, () => "tso")]) {
      const damaged = JSON.stringify({ version: 1, nics, vifs: [] });
      const { value, problem } = parseHostRuleEntries({ "offload-1-a": damaged });
      expect([value.nics, problem]).toEqual([[], "a text of offload is damaged"]);
    }
  });
});

test("accepts features named like properties of a prototype", () => {
  const { value, problem } = parseInterfaceEntries({
    "offload-1-a": '{"version":1,"features":{"__proto__":{"asked":"off"},"constructor":{}}}',
  });
  expect(problem).toBeNull();
  expect(value.get("__proto__")?.asked).toBe("off");
  expect(value.get("constructor")?.asked).toBeNull();
});
