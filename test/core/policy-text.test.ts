import { afterEach, describe, expect, spyOn, test } from "bun:test";
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

describe("a text that is made", () => {
  test("reads back as what was meant, in printable ASCII", () => {
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

  test("carries control characters and lone surrogates, which XAPI would not", () => {
    const value = "a\u0000\u001b[31m\ud800\u{1f600}é";
    const features = new Map([["tso", feature({ original: { setting: value, live: null } })]]);
    const { key, value: made } = createInterfaceEntry(features, NO_INTERFACE_POLICY);
    expect(made).toMatch(/^[\x20-\x7e]*$/);
    expect(parseInterfaceEntries({ [key]: made }).value).toEqual(features);
  });

  test("has a name of its own each time", () => {
    const names = Array.from({ length: 200 }, () => createHostRuleEntry({ nics: [], vifs: [] }, NO_HOST_RULE));
    expect(new Set(names.map(({ key }) => key)).size).toBe(200);
  });

  test("says a rule that reads back", () => {
    const rule = { nics: ["tso", "rx-gro-hw"], vifs: ["gro"] };
    const { key, value: made } = createHostRuleEntry(rule, NO_HOST_RULE);
    expect(parseHostRuleEntries({ [key]: made }).value).toEqual(rule);
  });
});

describe("the time of a text", () => {
  const clock = spyOn(Date, "now");
  afterEach(() => {
    clock.mockReset();
  });

  test("is later than that of the text that it answers, whatever this host's clock says", () => {
    clock.mockReturnValue(5);
    const before = parseInterfaceEntries({ "offload-1000-a": text({}) });
    expect(createInterfaceEntry(new Map(), before).key).toStartWith("offload-1001-");
    clock.mockReturnValue(2000);
    expect(createInterfaceEntry(new Map(), before).key).toStartWith("offload-2000-");
  });

  test("stays one that can be read, when another text has the last there is", () => {
    clock.mockReturnValue(5);
    const last = parseInterfaceEntries({ "offload-9999999999999-a": text({}) });
    const { key, value: made } = createInterfaceEntry(new Map([["tso", feature()]]), last);
    expect(key).toStartWith("offload-9999999999999-");
    expect(parseInterfaceEntries({ [key]: made }).problem).toBeNull();
  });
});

describe("texts of one object", () => {
  test("are none where no key is offload's", () => {
    expect(parseInterfaceEntries({ "ethtool-tso": "off", offload: "{", "xo:offload-1-a": "{" })).toBe(
      NO_INTERFACE_POLICY,
    );
    expect(parseHostRuleEntries({})).toBe(NO_HOST_RULE);
  });

  test("count all: the oldest for originals, the newest for the rest", () => {
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

  test("are ordered by their names where their times are the same", () => {
    const texts = {
      "offload-1-b": text({ tso: { asked: "on" } }),
      "offload-1-a": text({ tso: { asked: "off", original: { setting: null, live: null } } }),
    };
    expect(parseInterfaceEntries(texts).value.get("tso")?.asked).toBe("on");
    const turned = Object.fromEntries(Object.entries(texts).reverse());
    expect(parseInterfaceEntries(turned).value).toEqual(parseInterfaceEntries(texts).value);
  });

  test("keep what was written last where a newer one says nothing of it", () => {
    const { value } = parseInterfaceEntries({
      "offload-1-a": text({ tso: { asked: "off", wrote: "off" } }),
      "offload-2-a": text({ tso: { asked: "off" } }),
    });
    expect(value.get("tso")?.wrote).toBe("off");
  });

  test("say the same merged into one as they say apart", () => {
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

  test("of a host are its rule: the newest", () => {
    const rule = (nics: readonly string[]) => JSON.stringify({ version: 1, nics, vifs: [] });
    const texts = { "offload-2-a": rule(["tso"]), "offload-1-f": rule(["gro"]) };
    expect(parseHostRuleEntries(texts).value.nics).toEqual(["tso"]);
  });
});

describe("a hostile text excludes its object", () => {
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
  ])("that %s", (_, damaged) => {
    const { value, problem, keys } = parseInterfaceEntries({ ...GOOD, "offload-2-b": damaged });
    expect(problem).toBe("a text of offload is damaged");
    expect([value.size, keys]).toEqual([0, ["offload-1-a", "offload-2-b"]]);
  });

  test.each([0, 2, 1e300])("of version %p, whatever else it says", (version) => {
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
  ])("of the name %p", (name) => {
    expect(problemOf({ ...GOOD, [name]: text({}) })).toBe("the name of a text is not one of offload's");
  });

  test("that is too long, and no sooner", () => {
    const padded = (length: number) => text({}).padEnd(length);
    expect(problemOf({ "offload-1-a": padded(8192) })).toBeNull();
    expect(problemOf({ "offload-1-a": padded(8193) })).toBe("a text of offload is too long");
  });

  test("when there are too many, and no sooner", () => {
    const texts = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, time) => [`offload-${time}-a`, text({})]));
    expect(problemOf(texts(64))).toBeNull();
    expect(problemOf(texts(65))).toBe("it has 65 texts of offload");
  });

  test("of a host, which then has no rule that counts", () => {
    for (const nics of [["tso", 1], "tso", ["a b"], Array.from({ length: 129 }, () => "tso")]) {
      const damaged = JSON.stringify({ version: 1, nics, vifs: [] });
      const { value, problem } = parseHostRuleEntries({ "offload-1-a": damaged });
      expect([value.nics, problem]).toEqual([[], "a text of offload is damaged"]);
    }
  });
});

test("a feature called like a prototype is a name like any other", () => {
  const { value, problem } = parseInterfaceEntries({
    "offload-1-a": '{"version":1,"features":{"__proto__":{"asked":"off"},"constructor":{}}}',
  });
  expect(problem).toBeNull();
  expect(value.get("__proto__")?.asked).toBe("off");
  expect(value.get("constructor")?.asked).toBeNull();
});
