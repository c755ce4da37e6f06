import { describe, expect, test } from "bun:test";
import { CommandError } from "../../src/core/command-error.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES, FEATURES, parseFeatures, settingKey } from "../../src/core/features.ts";
import { failureOf } from "../builders/hosts.ts";

describe("the table of features", () => {
  test("says of every name what the contract says", () => {
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

  test("the default list leaves out the four that are meant only when named", () => {
    expect(DEFAULT_FEATURES).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"]);
  });

  test("no two keywords are the same, and each says what it means", () => {
    expect(new Set(FEATURE_NAMES).size).toBe(FEATURES.length);
    expect(FEATURES.filter(({ meaning }) => meaning.trim() === "")).toEqual([]);
  });
});

describe("recordKey", () => {
  test("PIFs: the toolstack reads the eight default features", () => {
    const read = FEATURE_NAMES.filter((name) => settingKey("pif", name) !== null);
    expect(read).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"]);
  });

  test("VIFs: neither gro nor lro is read", () => {
    const read = FEATURE_NAMES.filter((name) => settingKey("vif", name) !== null);
    expect(read).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso"]);
  });

  test("the key is ethtool- and the name", () => {
    expect(settingKey("pif", "gro")).toBe("ethtool-gro");
    expect(settingKey("vif", "tso")).toBe("ethtool-tso");
  });
});

describe("parseKeywords", () => {
  test("reads a list, in the order of the table and each name once", () => {
    expect(parseFeatures("gso, tso,rx ,tso")).toEqual(["rx", "tso", "gso"]);
    expect(parseFeatures("ntuple")).toEqual(["ntuple"]);
  });

  test.each(["", " ", ",", "tso,", ",tso", "tso,,gso"])("refuses %p, which has an empty word", (list) => {
    expect(failureOf(() => parseFeatures(list))).toMatchObject({
      kind: "usage",
      code: "unknown-feature",
    });
  });

  test.each(["toString", "__proto__", "constructor", "hasOwnProperty", "TSO", "tso gso", "all"])(
    "refuses %p, which is no name",
    (list) => {
      expect(failureOf(() => parseFeatures(list)).code).toBe("unknown-feature");
    },
  );

  test("says which name is near, and which there are", () => {
    const { message } = failureOf(() => parseFeatures("tso,gsoo"));
    expect(message).toBe(
      `"gsoo" is not a feature; did you mean gso? Known are ${FEATURE_NAMES.join(", ")}, separated by commas`,
    );
  });

  test("gives no advice where nothing is near, and does not repeat a huge word", () => {
    const { message } = failureOf(() => parseFeatures("x".repeat(10_000)));
    expect(message).not.toContain("did you mean");
    expect(message.length).toBeLessThan(300);
  });

  test("one bad word among good ones refuses the whole list", () => {
    expect(() => parseFeatures("tso,nonsense,gso")).toThrow(CommandError);
  });
});
