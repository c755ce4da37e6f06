import { describe, expect, test } from "bun:test";
import {
  DEFAULT_KEYWORDS,
  FEATURES,
  KEYWORDS,
  parseKeywords,
  recordKey,
} from "../../src/core/features.ts";
import { failureOf, valued } from "../builders/hosts.ts";

describe("the table of features", () => {
  test("says of every keyword what the contract says", () => {
    const rows = FEATURES.map(({ keyword, kernel, pifRecord, vifRecord, byDefault }) =>
      [keyword, kernel, pifRecord, vifRecord, byDefault].join(" "),
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
    expect(DEFAULT_KEYWORDS).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"]);
  });

  test("no two keywords are the same, and each says what it means", () => {
    expect(new Set(KEYWORDS).size).toBe(FEATURES.length);
    expect(FEATURES.filter(({ meaning }) => meaning.trim() === "")).toEqual([]);
  });
});

describe("recordKey", () => {
  test("PIFs: the toolstack reads the eight default features", () => {
    const read = KEYWORDS.filter((keyword) => recordKey("pif", keyword) !== null);
    expect(read).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"]);
  });

  test("VIFs: neither gro nor lro is read", () => {
    const read = KEYWORDS.filter((keyword) => recordKey("vif", keyword) !== null);
    expect(read).toEqual(["rx", "tx", "sg", "tso", "ufo", "gso"]);
  });

  test("the key is ethtool- and the keyword", () => {
    expect(recordKey("pif", "gro")).toBe("ethtool-gro");
    expect(recordKey("vif", "tso")).toBe("ethtool-tso");
  });
});

describe("parseKeywords", () => {
  test("reads a list, in the order of the table and each keyword once", () => {
    expect(valued(parseKeywords("gso, tso,rx ,tso"))).toEqual(["rx", "tso", "gso"]);
    expect(valued(parseKeywords("ntuple"))).toEqual(["ntuple"]);
  });

  test.each(["", " ", ",", "tso,", ",tso", "tso,,gso"])(
    "refuses %p, which has an empty word",
    (list) => {
      expect(failureOf(parseKeywords(list))).toMatchObject({
        kind: "usage",
        code: "unknown-feature",
      });
    },
  );

  test.each(["toString", "__proto__", "constructor", "hasOwnProperty", "TSO", "tso gso", "all"])(
    "refuses %p, which is no keyword",
    (list) => {
      expect(failureOf(parseKeywords(list)).code).toBe("unknown-feature");
    },
  );

  test("says which keyword is near, and which there are", () => {
    const { message } = failureOf(parseKeywords("tso,gsoo"));
    expect(message).toBe(
      `"gsoo" is not a feature; did you mean gso? Known are ${KEYWORDS.join(", ")}, separated by commas`,
    );
  });

  test("gives no advice where nothing is near, and does not repeat a huge word", () => {
    const { message } = failureOf(parseKeywords("x".repeat(10_000)));
    expect(message).not.toContain("did you mean");
    expect(message.length).toBeLessThan(300);
  });

  test("one bad word among good ones refuses the whole list", () => {
    expect(parseKeywords("tso,nonsense,gso").ok).toBe(false);
  });
});
