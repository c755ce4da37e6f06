import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { generateBootScript, parseBootScriptCoverage } from "../../src/boot/boot-script.ts";
import { FEATURE_NAMES, type Feature } from "../../src/core/features.ts";
import type { Coverage } from "../../src/core/verify/coverage.ts";
import { coverageToJson } from "../../src/core/verify/coverage-json.ts";
import { coverDevices, createCoverage } from "./script/coverages.ts";
import { type Feature as EthtoolFeature, runOldEthtool } from "./script/old-ethtool.ts";
import { createFeature, toFeatureBits } from "./script/old-ethtool-fixture.ts";
import { Scratch, SHELLS } from "./script/shells.ts";

const NASTY = [
  "$(touch hit)",
  "`touch hit`",
  ";touch hit;",
  "' ; touch hit; '",
  '"; touch hit; "',
  ")",
  "(",
  "\n)\ntouch hit\n(",
  "&& touch hit",
  "| touch hit",
  "> hit",
  "*",
  "~",
  "#",
  "-K",
  "--",
  "\\",
  "!",
  "é日本😀",
  "\u001b[31m",
  "%s",
  "a b",
  "",
] as const;

/** Names that the kernel takes, and many that it would not; a NUL cannot be in any file of sh. */
const deviceNames = fc
  .oneof(
    fc.constantFrom(...NASTY),
    fc.stringMatching(/^[a-z0-9.]{1,15}$/),
    fc.string({ unit: "binary", maxLength: 15 }),
    fc.string({ unit: fc.constantFrom(..."'\"$`\\;&|()<>*?[]{}~#! \tab\n"), maxLength: 15 }),
  )
  .filter((name) => !name.includes("\0"));

const keywordLists = fc.subarray([...FEATURE_NAMES]);

const deviceCoverages = fc
  .array(fc.tuple(deviceNames, keywordLists), { maxLength: 8 })
  .map((entries) => new Map(entries));

const vmCoverages = fc.record({
  features: keywordLists,
  vifs: fc.array(fc.tuple(fc.nat(63).map(String), keywordLists), { maxLength: 3 }).map((entries) => new Map(entries)),
});

const coverages: fc.Arbitrary<Coverage> = fc.record({
  nics: keywordLists,
  vifs: keywordLists,
  devices: deviceCoverages,
  vms: fc.array(fc.tuple(fc.uuid(), vmCoverages), { maxLength: 3 }).map((entries) => new Map(entries)),
});

test("every shell can read the boot script of any coverage", () => {
  using scratch = new Scratch();
  fc.assert(
    fc.property(coverages, (coverage) => {
      for (const shell of SHELLS) {
        const ended = scratch.run(generateBootScript(coverage), { shell: [...shell, "-n"] });
        expect(ended).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      }
    }),
    { numRuns: 60 },
  );
});

test("the coverage read from a boot script gives the same script again", () => {
  fc.assert(
    fc.property(coverages, (coverage) => {
      const script = generateBootScript({
        ...coverage,
        devices: withoutEmptyName(coverage.devices),
      });
      const read = parseBootScriptCoverage(script);
      expect(read).not.toBeNull();
      expect(read === null ? "" : generateBootScript(read)).toBe(script);
    }),
  );
});

function withoutEmptyName<T>(devices: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...devices].filter(([name]) => name !== ""));
}

test("ethtool gets hostile device names unchanged, and the shell executes nothing of them", () => {
  using scratch = new Scratch();
  // Names end with a NUL in the log. Reading fails, so the script goes on to the next.
  scratch.executable("ethtool", `#!/bin/sh\nprintf '%s\\0' "$1" "$2" >> log\nexit 1\n`);
  const log = join(scratch.directory, "log");
  fc.assert(
    fc.property(deviceCoverages, fc.constantFrom(...SHELLS), (devices, shell) => {
      writeFileSync(log, "");
      const coverage = createCoverage({ devices });
      const { exitCode } = scratch.run(generateBootScript(coverage), { shell });
      // 1 where a name is, by chance, that of a device of this machine.
      expect([0, 1]).toContain(exitCode);
      const expected = Object.entries(coverageToJson(coverage).devices)
        .filter(([, features]) => features.length > 0)
        .flatMap(([name]) => ["-k", name]);
      expect(readFileSync(log, "utf8")).toBe(expected.map((word) => `${word}\0`).join(""));
      expect([...new Bun.Glob("*").scanSync(scratch.directory)].sort()).toEqual(["ethtool", "log", "script"]);
    }),
    { numRuns: 150 },
  );
});

const NAMES = [
  ["rx-checksum"],
  ["tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6", "tx-checksum-sctp"],
  ["tx-scatter-gather", "tx-scatter-gather-fraglist"],
  ["tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-accecn-segmentation"],
  ["tx-udp-fragmentation"],
  ["tx-generic-segmentation"],
  ["rx-gro", "rx-gro-hw", "rx-gro-list"],
  ["rx-lro"],
  ["rx-vlan-hw-parse", "tx-vlan-hw-insert"],
  ["rx-ntuple-filter"],
  ["rx-hashing"],
  ["highdma", "tx-udp-segmentation", "tx-nocache-copy"],
].flat();

/** Any kernel, down to one that names a single part of a group, and any state of its features. */
const devices: fc.Arbitrary<readonly EthtoolFeature[]> = fc
  .subarray(NAMES)
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc
          .constantFrom(
            "on" as const,
            "off" as const,
            "on fixed" as const,
            "off fixed" as const,
            "requested-on" as const,
          )
          .map((state) => createFeature(name, state)),
      ),
    ),
  );

test("the boot script asks ethtool to turn off what the program itself would clear", () => {
  using scratch = new Scratch();
  scratch.executable(
    "ethtool",
    `#!/bin/sh
case $1 in
-k) exec cat "./$2.txt" ;;
-K) echo "$*" >> log ;;
esac
`,
  );
  const log = join(scratch.directory, "log");
  fc.assert(
    fc.property(
      fc.array(devices, { minLength: 30, maxLength: 30 }),
      keywordLists,
      fc.constantFrom(...SHELLS),
      (all, keywords, shell) => {
        writeFileSync(log, "");
        all.forEach((features, at) => {
          const state = {
            version: "4.19" as const,
            unknown: [],
            calls: [],
            devices: { it: { features: [...features], forced: [], withheld: [], refusals: 0 } },
          };
          const { stdout } = runOldEthtool(state, ["-k", "it"]);
          writeFileSync(join(scratch.directory, `d${at}.txt`), stdout);
        });
        // In the order in which the script goes through them.
        const names = all.map((_, at) => `d${at}`);
        const script = generateBootScript(coverDevices(names, keywords));
        const { exitCode, stderr } = scratch.run(script, { shell });
        const first = new Map<string, string>();
        for (const line of readFileSync(log, "utf8").split("\n")) {
          const [, device = "", ...words] = line.split(" ");
          if (!first.has(device)) first.set(device, sorted(words.filter((word) => word !== "off")));
        }
        const wanted = all.map((features) => sorted(clearable(features, keywords)));
        expect(names.map((name) => first.get(name) ?? "")).toEqual(wanted);
        // Nothing changes here, so it all has to be reported.
        const complaints = all.flatMap((features, at) =>
          clearable(features, keywords).map((word) => `offload: d${at}: ${word} could not be turned off`),
        );
        expect(sorted(stderr.trim().split("\n"))).toBe(sorted(complaints));
        expect(exitCode).toBe(complaints.length > 0 ? 1 : 0);
      },
    ),
    { numRuns: 25 },
  );
}, 120_000);

function clearable(features: readonly EthtoolFeature[], keywords: readonly Feature[]): readonly Feature[] {
  const { features: set } = toFeatureBits(features);
  return keywords.filter((keyword) => !set.planOff([keyword]).isEmpty);
}

function sorted(words: readonly string[]): string {
  return [...words].sort().join("\n");
}
