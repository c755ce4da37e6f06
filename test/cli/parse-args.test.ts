import { describe, expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import fc from "fast-check";
import { parseOutputOptions } from "../../src/cli/command.ts";
import { parseArguments, parseFeaturesOption, parseTargets } from "../../src/cli/parse-args.ts";
import { SHARED_ARGS } from "../../src/cli/specs/shared.ts";
import { attempt, CommandError } from "../../src/core/command-error.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES } from "../../src/core/features.ts";
import { failureOf, failuresOf } from "../builders/hosts.ts";

/** A command with flags of every sort. */
const ARGS = {
  ...SHARED_ARGS,
  yes: { type: "boolean", alias: "y", description: "" },
  "dry-run": { type: "boolean", description: "" },
  replug: { type: "boolean", default: true, description: "" },
} as const satisfies ArgsDef;

function parse(...words: readonly string[]) {
  return parseArguments(ARGS, words);
}

function given(...words: readonly string[]) {
  return parse(...words);
}

describe("flags that a command does not have", () => {
  test.each([
    ["--dry-rnu", "did you mean --dry-run?"],
    ["--dryrun", "did you mean --dry-run?"],
    ["--feature=tso", "did you mean --features?"],
    ["--no-relpug", "did you mean --no-replug?"],
    ["--JSON", "did you mean --json?"],
    ["--force", "see --help"],
    ["-x", "see --help"],
  ])("%s", (flag, advice) => {
    const failure = failureOf(() => parse("web", flag));
    expect(failure).toMatchObject({ kind: "usage", code: "unknown-flag" });
    expect(failure.message).toContain(`"${flag.split("=")[0]}" is not a flag of this command`);
    expect(failure.message).toContain(advice);
  });

  test.each(["toString", "__proto__", "constructor", "hasOwnProperty", "valueOf", "no-__proto__"])(
    "--%s is none, though every object knows it",
    (name) => {
      expect(failureOf(() => parse(`--${name}`)).code).toBe("unknown-flag");
      expect(failureOf(() => parse(`--${name}=x`)).code).toBe("unknown-flag");
      expect(failureOf(() => parse(`--no-${name}`)).code).toBe("unknown-flag");
    },
  );

  test("positionals have no flag of their name", () => {
    expect(failureOf(() => parse("--target=web")).code).toBe("unknown-flag");
    expect(failureOf(() => parse("--target", "web")).code).toBe("unknown-flag");
  });

  test("one of 10,000 characters is refused in a line that can be read", () => {
    const failure = failureOf(() => parse(`--${"x".repeat(10_000)}`));
    expect(failure.code).toBe("unknown-flag");
    expect(failure.message.length).toBeLessThan(200);
  });

  test("an unknown one in a group of short ones refuses the group", () => {
    expect(failureOf(() => parse("-yx")).code).toBe("unknown-flag");
    expect(failureOf(() => parse("-xy")).code).toBe("unknown-flag");
  });
});

describe("flags that hold or do not", () => {
  test("hold when they are given, else as by default", () => {
    expect(given().flag("yes")).toBe(false);
    expect(given("--yes").flag("yes")).toBe(true);
    expect(given().flag("replug")).toBe(true);
    expect(given("--replug").flag("replug")).toBe(true);
    expect(given("web", "--dry-run", "db").flag("dry-run")).toBe(true);
  });

  test("-y is --yes, -h is --help, alone or together", () => {
    expect(given("-y").flag("yes")).toBe(true);
    expect([given("-yh").flag("yes"), given("-yh").flag("help")]).toEqual([true, true]);
  });

  test("--no-replug and --no-color turn off what holds by default", () => {
    expect(given("--no-replug").flag("replug")).toBe(false);
    expect(given("--no-color").flag("color")).toBe(false);
  });

  test.each(["--no-yes", "--no-dry-run", "--no-json", "--no-host", "--no-features", "--no-no-replug"])(
    "%s is no flag: there is nothing to turn off",
    (flag) => {
      expect(failureOf(() => parse(flag)).code).toBe("unknown-flag");
    },
  );

  test.each([
    "--yes=1",
    "--yes=true",
    "--yes=false",
    "--yes=",
    "--dry-run=no",
    "--replug=false",
    "--no-replug=1",
    "--json=x",
  ])("%s is refused: they take no value", (flag) => {
    expect(failureOf(() => parse(flag))).toMatchObject({ kind: "usage", code: "unexpected-value" });
  });

  test("the word behind one is no value of it", () => {
    const all = given("--yes", "web", "--no-replug", "db", "--json", "eth0");
    expect(all.positionals).toEqual(["web", "db", "eth0"]);
    expect(all.flag("replug")).toBe(false);
  });

  test("twice is once; of a flag and its negation the last one counts", () => {
    expect(given("--yes", "--yes").flag("yes")).toBe(true);
    expect(given("--no-replug", "--replug").flag("replug")).toBe(true);
    expect(given("--replug", "--no-replug").flag("replug")).toBe(false);
  });
});

describe("flags that take a value", () => {
  test("take it behind an equals sign, or as the next word", () => {
    expect(given("--vm=web").values("vm")).toEqual(["web"]);
    expect(given("--vm", "web", "db").values("vm")).toEqual(["web"]);
    expect(given("--vm", "web", "db").positionals).toEqual(["db"]);
  });

  test("never take a flag for their value: --features --dry-run is refused", () => {
    for (const next of ["--dry-run", "-y", "--", "-"]) {
      const failure = failureOf(() => parse("web", "--features", next));
      expect(failure).toMatchObject({ kind: "usage", code: "missing-value" });
      expect(failure.message).toContain("--features=VALUE");
    }
  });

  test("need one: at the end of the line it is refused", () => {
    expect(failureOf(() => parse("--vm")).code).toBe("missing-value");
  });

  test("take one that begins with a dash behind an equals sign", () => {
    expect(given("--vm=-web").values("vm")).toEqual(["-web"]);
    expect(given("--vm=--yes").values("vm")).toEqual(["--yes"]);
    expect(given("--vm=--yes").flag("yes")).toBe(false);
    expect(given("--vm=a=b").values("vm")).toEqual(["a=b"]);
  });

  test("may be given several times, each value counts", () => {
    expect(given("--vm", "a", "--vm=b", "--vm", "c").values("vm")).toEqual(["a", "b", "c"]);
  });

  test("are empty when they are not given", () => {
    expect(given("web").values("vm")).toEqual([]);
  });
});

describe("words", () => {
  test("are targets, in their order, wherever they stand", () => {
    expect(given("a", "--yes", "b", "--vm", "c", "d").positionals).toEqual(["a", "b", "d"]);
  });

  test("behind -- are targets whatever they look like", () => {
    const all = given("a", "--", "--yes", "-y", "--nonsense", "--");
    expect(all.positionals).toEqual(["a", "--yes", "-y", "--nonsense", "--"]);
    expect(all.flag("yes")).toBe(false);
  });

  test("a lone dash is a word", () => {
    expect(given("-").positionals).toEqual(["-"]);
  });

  test("are kept as they are: empty, long, or full of nonsense", () => {
    for (const word of ["", " ", "x".repeat(10_000), "a\nb", "'; reboot; '", "日本 😀"]) {
      expect(given("--", word).positionals).toEqual([word]);
      expect(given(`--vm=${word}`).values("vm")).toEqual([word]);
    }
  });
});

describe("the targets of a command line", () => {
  const targets = (...words: readonly string[]) => parseTargets(given(...words));

  test("are its words, --vm, --pif and --host, with what each pins down", () => {
    expect(targets("--pif", "eth0", "web", "--vm=eth0", "--host", "--vm", "ALL")).toEqual([
      { text: "web", kind: "any" },
      { text: "eth0", kind: "vm" },
      { text: "ALL", kind: "vm" },
      { text: "eth0", kind: "pif" },
      { text: "ALL", kind: "host" },
    ]);
  });

  test("none are none", () => {
    expect(targets()).toEqual([]);
  });

  test.each(["", " ", "--vm=", "--pif=", "--vm= ", "--pif=\t"])("an empty one is refused: %p", (word) => {
    expect(failureOf(() => targets(word)).code).toBe("empty-target");
    expect(failureOf(() => targets("web", word)).code).toBe("empty-target");
  });

  test.each(["all", "All", "nics", "Nics", "vifs", "ViFs"])("%s is refused before anything is read", (word) => {
    const failure = failureOf(() => targets(word));
    expect(failure.code).toBe("all-must-be-uppercase");
    expect(failure.message).toContain(word.toUpperCase());
  });

  test("NICS and VIFS are words, and VMs of these names are named by --vm", () => {
    expect(targets("NICS", "VIFS", "--vm=NICS")).toEqual([
      { text: "NICS", kind: "any" },
      { text: "VIFS", kind: "any" },
      { text: "NICS", kind: "vm" },
    ]);
    expect(targets("--vm=all")).toEqual([{ text: "all", kind: "vm" }]);
  });

  test("every bad one is told of", () => {
    expect(failuresOf(() => targets("all", "web", "", "All"))).toHaveLength(3);
  });
});

describe("the features of a command line", () => {
  const features = (...words: readonly string[]) => parseFeaturesOption(given(...words));

  test("are the default ones when none are named", () => {
    expect(features()).toEqual(DEFAULT_FEATURES);
  });

  test("are those that are named, in all lists together", () => {
    expect(features("--features=tso,rx")).toEqual(["rx", "tso"]);
    expect(features("--features=tso", "--features=gro,tso")).toEqual(["tso", "gro"]);
    expect(features("--features", FEATURE_NAMES.join(","))).toEqual(FEATURE_NAMES);
  });

  test.each(["--features=", "--features=,", "--features= ", "--features=tso,", "--features=nosuch"])(
    "%s is refused, never taken for the default",
    (flag) => {
      expect(failureOf(() => features(flag)).code).toBe("unknown-feature");
      expect(failureOf(() => features("--features=tso", flag)).code).toBe("unknown-feature");
    },
  );
});

describe("how to answer", () => {
  test("is known before the command line is known to be right", () => {
    const plain = { json: false, color: true, verbose: false };
    expect(parseOutputOptions(["web"])).toEqual(plain);
    expect(parseOutputOptions(["--nonsense", "--json", "--no-color"])).toEqual({
      ...plain,
      json: true,
      color: false,
    });
    for (const word of ["--verbose", "-v", "-yv", "-vy"]) {
      expect(parseOutputOptions(["web", word])).toEqual({ ...plain, verbose: true });
    }
    expect(parseOutputOptions(["--", "--json", "--no-color", "--verbose", "-v"])).toEqual(plain);
    expect(parseOutputOptions(["vm-v", "-y"])).toEqual(plain);
  });
});

test("any words at all are read or refused, and never lost", () => {
  const word = fc.oneof(
    fc.constantFrom("--yes", "-y", "--vm", "--vm=x", "--", "-", "--no-replug", "--features", "a", ""),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      const parsed = attempt(() => parseArguments(ARGS, words));
      if (parsed instanceof CommandError) {
        expect(parsed.failures.every(({ kind }) => kind === "usage")).toBe(true);
        return;
      }
      const end = words.indexOf("--");
      const plain = (end < 0 ? words : words.slice(0, end)).filter((one) => !one.startsWith("-") || one === "-");
      const taken = [...parsed.positionals, ...parsed.values("vm")];
      taken.push(...parsed.values("features"), ...parsed.values("pif"));
      for (const one of plain) expect(taken).toContain(one);
      for (const one of end < 0 ? [] : words.slice(end + 1)) {
        expect(parsed.positionals).toContain(one);
      }
    }),
  );
});
