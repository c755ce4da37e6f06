import { describe, expect, test } from "bun:test";
import { CommandError } from "../../src/core/command-error.ts";
import {
  DEFAULT_FEATURES,
  FEATURE_NAMES,
  FEATURES,
  findFeature,
  parseFeatures,
  settingKey,
} from "../../src/core/features.ts";
import { failureOf } from "../builders/hosts.ts";

describe("the table of features", () => {
  test("matches the contract for every feature", () => {
    const rows = FEATURES.map(({ name, kernelPattern, pifSetting, vifSetting, byDefault }) =>
      [name, kernelPattern, pifSetting, vifSetting, byDefault].join(" "),
    );
    expect(rows).toEqual([
      "rx rx-checksum true true true",
      "tx tx-checksum-* true true true",
      "sg tx-scatter-gather* true true true",
      "tso tx-tcp*-segmentation true true true",
      "ufo tx-udp-fragmentation true true true",
      "gso tx-generic-segmentation true true true",
      "gro rx-gro true false true",
      "lro rx-lro true false true",
      "rxvlan rx-vlan-hw-parse false false false",
      "txvlan tx-vlan-hw-insert false false false",
      "rxhash rx-hashing false false false",
      "ntuple rx-ntuple-filter false false false",
    ]);
  });

  test("excludes four features from the defaults", () => {
    expect(DEFAULT_FEATURES).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"]);
  });

  test("has unique names, each with a description", () => {
    expect(new Set(FEATURE_NAMES).size).toBe(FEATURES.length);
    expect(FEATURES.filter(({ meaning }) => meaning.trim() === "")).toEqual([]);
  });
});

describe("settingKey", () => {
  test("covers the eight default features on PIFs", () => {
    const read = FEATURE_NAMES.filter((name) => settingKey("pif", name) !== null);
    expect(read).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"]);
  });

  test("excludes gro and lro on VIFs", () => {
    const read = FEATURE_NAMES.filter((name) => settingKey("vif", name) !== null);
    expect(read).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso"]);
  });

  test("prefixes the name with ethtool-", () => {
    expect(settingKey("pif", "gro")).toBe("ethtool-gro");
    expect(settingKey("vif", "tso")).toBe("ethtool-tso");
  });
});

describe("parseFeatures", () => {
  test("returns each name once, in the order of the table", () => {
    expect(parseFeatures("gso, tso,rx ,tso")).toEqual(["rx", "tso", "gso"]);
    expect(parseFeatures("ntuple")).toEqual(["ntuple"]);
  });

  test.each([
    ["TSO", ["tso"]],
    ["Gro,GSO", ["gso", "gro"]],
    ["generic-receive-offload", ["gro"]],
    ["rx-checksumming,TX-Checksumming", ["rx", "tx"]],
    ["scatter-gather, ntuple-filters", ["sg", "ntuple"]],
    ["tx gso", ["tx", "gso"]],
  ] as const)("takes %p for %j", (list, features) => {
    expect(parseFeatures(list)).toEqual(features);
  });

  test.each(["", " ", ",", "tso,", ",tso", "tso,,gso"])("refuses the empty word in %p", (list) => {
    expect(failureOf(() => parseFeatures(list))).toMatchObject({
      kind: "usage",
      code: "unknown-feature",
    });
  });

  test.each(["toString", "__proto__", "constructor", "hasOwnProperty", "generic-offload", "all"])(
    "refuses the unknown name %p",
    (list) => {
      expect(failureOf(() => parseFeatures(list)).code).toBe("unknown-feature");
    },
  );

  test("suggests the closest name and lists all names", () => {
    const { message } = failureOf(() => parseFeatures("tso,gsoo"));
    expect(message).toBe(
      `"gsoo" is not a feature; did you mean gso? Known are ${FEATURE_NAMES.join(", ")}, separated by commas`,
    );
  });

  test("suggests nothing when nothing is near, and shortens a huge word", () => {
    const { message } = failureOf(() => parseFeatures("x".repeat(10_000)));
    expect(message).not.toContain("did you mean");
    expect(message.length).toBeLessThan(300);
  });

  test("refuses the whole list for one bad word", () => {
    expect(() => parseFeatures("tso,nonsense,gso")).toThrow(CommandError);
  });
});

test("finds a feature by its name, ethtool's long name or the kernel's, in any case", () => {
  const words = ["tso", "TSO", "generic-receive-offload", "Rx-Checksumming", "tx-tcp6-segmentation", "rx-gro"];
  expect(words.map(findFeature)).toEqual(["tso", "tso", "gro", "rx", "tso", "gro"]);
  for (const other of ["rx-gro-hw", "rx-udp-gro-forwarding", "hw-tc-offload", "tx-checksum", "", "toString"]) {
    expect(findFeature(other)).toBeNull();
  }
});
