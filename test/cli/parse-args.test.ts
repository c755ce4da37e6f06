import { describe, expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import fc from "fast-check";
import { parseChangeOptions, parseFeaturesOption, parseTargets } from "../../src/cli/options.ts";
import { parseCommandLine } from "../../src/cli/parse-args.ts";
import { DISABLE } from "../../src/cli/specs/disable.ts";
import { SHARED_ARGS } from "../../src/cli/specs/shared.ts";
import { CommandError } from "../../src/core/command-error.ts";
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
  const { args } = parseCommandLine(ARGS, words);
  if (args instanceof CommandError) throw args;
  return args;
}

function outputOf(...words: readonly string[]) {
  return parseCommandLine(ARGS, words).output;
}

function given(...words: readonly string[]) {
  return parse(...words);
}

describe("unknown flags", () => {
  test.each([
    ["--dry-rnu", "did you mean --dry-run?"],
    ["--dryrun", "did you mean --dry-run?"],
    ["--feature=tso", "did you mean --features?"],
    ["--no-relpug", "did you mean --no-replug?"],
    ["--JSON", "did you mean --json?"],
    ["--force", "see --help"],
    ["-x", "see --help"],
  ])("are refused: %s", (flag, advice) => {
    const failure = failureOf(() => parse("web", flag));
    expect(failure).toMatchObject({ kind: "usage", code: "unknown-flag" });
    expect(failure.message).toContain(`"${flag.split("=")[0]}" is not a flag of this command`);
    expect(failure.message).toContain(advice);
  });

  test.each(["toString", "__proto__", "constructor", "hasOwnProperty", "valueOf", "no-__proto__"])(
    "include --%s, a property of every object",
    (name) => {
      expect(failureOf(() => parse(`--${name}`)).code).toBe("unknown-flag");
      expect(failureOf(() => parse(`--${name}=x`)).code).toBe("unknown-flag");
      expect(failureOf(() => parse(`--no-${name}`)).code).toBe("unknown-flag");
    },
  );

  test("include the names of positionals", () => {
    expect(failureOf(() => parse("--target=web")).code).toBe("unknown-flag");
    expect(failureOf(() => parse("--target", "web")).code).toBe("unknown-flag");
  });

  test("are refused in a readable line, even with 10,000 characters", () => {
    const failure = failureOf(() => parse(`--${"x".repeat(10_000)}`));
    expect(failure.code).toBe("unknown-flag");
    expect(failure.message.length).toBeLessThan(200);
  });

  test("in a group of short flags refuse the group", () => {
    expect(failureOf(() => parse("-yx")).code).toBe("unknown-flag");
    expect(failureOf(() => parse("-xy")).code).toBe("unknown-flag");
  });
});

describe("boolean flags", () => {
  test("are true when given, else have their default", () => {
    expect(given().flag("yes")).toBe(false);
    expect(given("--yes").flag("yes")).toBe(true);
    expect(given().flag("replug")).toBe(true);
    expect(given("--replug").flag("replug")).toBe(true);
    expect(given("web", "--dry-run", "db").flag("dry-run")).toBe(true);
  });

  test("accept the short forms -y and -h, alone or together", () => {
    expect(given("-y").flag("yes")).toBe(true);
    expect([given("-yh").flag("yes"), given("-yh").flag("help")]).toEqual([true, true]);
  });

  test("are turned off by --no-replug and --no-color", () => {
    expect(given("--no-replug").flag("replug")).toBe(false);
    expect(given("--no-color").flag("color")).toBe(false);
  });

  test.each(["--no-yes", "--no-dry-run", "--no-json", "--no-host", "--no-features", "--no-no-replug"])(
    "cannot be negated when their default is off: %s",
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
  ])("refuse a value: %s", (flag) => {
    expect(failureOf(() => parse(flag))).toMatchObject({ kind: "usage", code: "unexpected-value" });
  });

  test("do not take the next word as their value", () => {
    const all = given("--yes", "web", "--no-replug", "db", "--json", "eth0");
    expect(all.positionals).toEqual(["web", "db", "eth0"]);
    expect(all.flag("replug")).toBe(false);
  });

  test("may be repeated; the last of a flag and its negation counts", () => {
    expect(given("--yes", "--yes").flag("yes")).toBe(true);
    expect(given("--no-replug", "--replug").flag("replug")).toBe(true);
    expect(given("--replug", "--no-replug").flag("replug")).toBe(false);
  });
});

describe("flags with a value", () => {
  test("take it after an equals sign, or as the next word", () => {
    expect(given("--vm=web").values("vm")).toEqual(["web"]);
    expect(given("--vm", "web", "db").values("vm")).toEqual(["web"]);
    expect(given("--vm", "web", "db").positionals).toEqual(["db"]);
  });

  test("never take another flag as their value: --features --dry-run is refused", () => {
    for (const next of ["--dry-run", "-y", "--", "-"]) {
      const failure = failureOf(() => parse("web", "--features", next));
      expect(failure).toMatchObject({ kind: "usage", code: "missing-value" });
      expect(failure.message).toContain("--features=VALUE");
    }
  });

  test("are refused at the end of the line", () => {
    expect(failureOf(() => parse("--vm")).code).toBe("missing-value");
  });

  test("take a value that begins with a dash after an equals sign", () => {
    expect(given("--vm=-web").values("vm")).toEqual(["-web"]);
    expect(given("--vm=--yes").values("vm")).toEqual(["--yes"]);
    expect(given("--vm=--yes").flag("yes")).toBe(false);
    expect(given("--vm=a=b").values("vm")).toEqual(["a=b"]);
  });

  test("may be repeated: each value counts", () => {
    expect(given("--vm", "a", "--vm=b", "--vm", "c").values("vm")).toEqual(["a", "b", "c"]);
  });

  test("are empty when not given", () => {
    expect(given("web").values("vm")).toEqual([]);
  });
});

describe("positional words", () => {
  test("are targets, in their order, wherever they stand", () => {
    expect(given("a", "--yes", "b", "--vm", "c", "d").positionals).toEqual(["a", "b", "d"]);
  });

  test("after -- are targets whatever they look like", () => {
    const all = given("a", "--", "--yes", "-y", "--nonsense", "--");
    expect(all.positionals).toEqual(["a", "--yes", "-y", "--nonsense", "--"]);
    expect(all.flag("yes")).toBe(false);
  });

  test("may be a single dash", () => {
    expect(given("-").positionals).toEqual(["-"]);
  });

  test("are kept unchanged: empty, long or nonsense", () => {
    for (const word of ["", " ", "x".repeat(10_000), "a\nb", "'; reboot; '", "日本 😀"]) {
      expect(given("--", word).positionals).toEqual([word]);
      expect(given(`--vm=${word}`).values("vm")).toEqual([word]);
    }
  });
});

describe("targets of a command line", () => {
  const targets = (...words: readonly string[]) => parseTargets(given(...words));

  test("come from words, --vm, --pif and --host, each with its kind", () => {
    expect(targets("--pif", "eth0", "web", "--vm=eth0", "--host", "--vm", "ALL")).toEqual([
      { text: "web", kind: "any" },
      { text: "eth0", kind: "vm" },
      { text: "ALL", kind: "vm" },
      { text: "eth0", kind: "pif" },
      { text: "ALL", kind: "host" },
    ]);
  });

  test("are empty when none are given", () => {
    expect(targets()).toEqual([]);
  });

  test.each(["", " ", "--vm=", "--pif=", "--vm= ", "--pif=\t"])("must not be empty: %p", (word) => {
    expect(failureOf(() => targets(word)).code).toBe("empty-target");
    expect(failureOf(() => targets("web", word)).code).toBe("empty-target");
  });

  test.each(["all", "All", "nics", "Nics", "vifs", "ViFs"])("are refused before anything is read: %s", (word) => {
    const failure = failureOf(() => targets(word));
    expect(failure.code).toBe("all-must-be-uppercase");
    expect(failure.message).toContain(word.toUpperCase());
  });

  test("include NICS and VIFS, while --vm selects VMs of these names", () => {
    expect(targets("NICS", "VIFS", "--vm=NICS")).toEqual([
      { text: "NICS", kind: "any" },
      { text: "VIFS", kind: "any" },
      { text: "NICS", kind: "vm" },
    ]);
    expect(targets("--vm=all")).toEqual([{ text: "all", kind: "vm" }]);
  });

  test("are all reported when several are invalid", () => {
    expect(failuresOf(() => targets("all", "web", "", "All"))).toHaveLength(3);
  });
});

describe("features of a command line", () => {
  const features = (...words: readonly string[]) => parseFeaturesOption(given(...words));

  test("are the defaults when none are named", () => {
    expect(features()).toEqual(DEFAULT_FEATURES);
  });

  test("combine all lists that are given", () => {
    expect(features("--features=tso,rx")).toEqual(["rx", "tso"]);
    expect(features("--features=tso", "--features=gro,tso")).toEqual(["tso", "gro"]);
    expect(features("--features", FEATURE_NAMES.join(","))).toEqual(FEATURE_NAMES);
  });

  test.each(["--features=", "--features=,", "--features= ", "--features=tso,", "--features=nosuch"])(
    "are refused, not replaced by the defaults: %s",
    (flag) => {
      expect(failureOf(() => features(flag)).code).toBe("unknown-feature");
      expect(failureOf(() => features("--features=tso", flag)).code).toBe("unknown-feature");
    },
  );
});

describe("output options", () => {
  test("are known even when the command line is invalid", () => {
    const plain = { json: false, color: true, verbose: false, all: false, monitoring: null };
    expect(outputOf("web")).toEqual(plain);
    expect(outputOf("--nonsense", "--json", "--no-color")).toEqual({
      ...plain,
      json: true,
      color: false,
    });
    for (const word of ["--verbose", "-v", "-yv", "-vy"]) {
      expect(outputOf("web", word)).toEqual({ ...plain, verbose: true });
    }
    expect(outputOf("--", "--json", "--no-color", "--verbose", "-v")).toEqual(plain);
    expect(outputOf("vm-v", "-y")).toEqual(plain);
  });
});

test("any words are parsed or refused, never lost", () => {
  const word = fc.oneof(
    fc.constantFrom("--yes", "-y", "--vm", "--vm=x", "--", "-", "--no-replug", "--features", "a", ""),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      const parsed = parseCommandLine(ARGS, words).args;
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

describe("a list of features", () => {
  test.each([
    [["--features", "tx,", "gso", "eth0"]],
    [["eth0", "--features=tx,", "gso"]],
    [["--features", "tx", ",", "gso", "eth0"]],
    [["--features", "tx", ",gso", "eth0"]],
    [["--features", "tx", "eth0", "--features", "gso"]],
  ])("goes on behind a comma and a blank: %j", (words) => {
    expect(parseFeaturesOption(parse(...words))).toEqual(["tx", "gso"]);
    expect(parse(...words).positionals).toEqual(["eth0"]);
  });

  test("ends where no comma is", () => {
    expect(parse("--features", "tx", "eth0", "eth1").positionals).toEqual(["eth0", "eth1"]);
    expect(parse("--vm", "a,", "eth0").positionals).toEqual(["eth0"]);
  });
});

describe("durations", () => {
  const CHANGE_ARGS = { ...ARGS, "confirm-within": DISABLE.args["confirm-within"] } as const;
  const parseDurations = (...words: readonly string[]) => {
    const { args } = parseCommandLine(CHANGE_ARGS, words);
    if (args instanceof CommandError) throw args;
    const { waitSeconds, confirmWithinSeconds } = parseChangeOptions(args);
    return [waitSeconds, confirmWithinSeconds];
  };

  test.each([
    ["60", 60],
    ["60s", 60],
    ["1m", 60],
    ["1min", 60],
    ["1 M", 60],
    ["1h", 3600],
  ])("take %p for %d seconds", (text, seconds) => {
    expect(parseDurations("--wait", text, "--confirm-within", text)).toEqual([seconds, seconds]);
  });

  test.each(["", "m", "1d", "1.5m", "-1", "0x10", "1m30"])("refuse %p", (text) => {
    expect(failureOf(() => parseDurations(`--wait=${text}`)).code).toBe("invalid-seconds");
    expect(failureOf(() => parseDurations(`--confirm-within=${text}`)).code).toBe("invalid-seconds");
  });
});

test("a value for a flag that takes none is refused with what the flag means", () => {
  const failure = failureOf(() => parse("--host=xcp-2"));
  expect(failure).toMatchObject({ kind: "usage", code: "unexpected-value" });
  expect(failure.message).toBe("--host takes no value; it means: this whole host, where a VM is called ALL");
});
