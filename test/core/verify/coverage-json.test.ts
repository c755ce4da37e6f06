import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FEATURE_NAMES } from "../../../src/core/features.ts";
import {
  type Coverage,
  getCoveredNicFeatures,
  getCoveredVifFeatures,
  isEmptyCoverage,
} from "../../../src/core/verify/coverage.ts";
import { coverageToJson, isSameCoverage, parseCoverage } from "../../../src/core/verify/coverage-json.ts";

const features = fc.subarray([...FEATURE_NAMES]);
const maps = <T>(keys: fc.Arbitrary<string>, values: fc.Arbitrary<T>) =>
  fc.array(fc.tuple(keys, values), { maxLength: 4 }).map((entries) => new Map(entries));
const names = fc.oneof(fc.constantFrom("__proto__", "7", "eth0", "é"), fc.string({ minLength: 1 }));
const coverages: fc.Arbitrary<Coverage> = fc.record({
  nics: features,
  vifs: features,
  devices: maps(names, features),
  vms: maps(fc.uuid(), fc.record({ features, vifs: maps(fc.nat(63).map(String), features) })),
});

test("a coverage round-trips through JSON", () => {
  fc.assert(
    fc.property(coverages, (coverage) => {
      const text = JSON.stringify(coverageToJson(coverage));
      const parsed = parseCoverage(JSON.parse(text));
      expect(parsed).toEqual(coverage);
      expect(parsed !== null && isSameCoverage(parsed, coverage)).toBe(true);
    }),
  );
});

test("the order of interfaces makes no difference", () => {
  fc.assert(
    fc.property(coverages, (coverage) => {
      const devices = new Map([...coverage.devices].reverse());
      const vms = new Map([...coverage.vms].reverse());
      expect(isSameCoverage(coverage, { ...coverage, devices, vms })).toBe(true);
    }),
  );
});

test("parseCoverage refuses anything else", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => expect(parseCoverage(value)).toBeNull()));
});

describe("the covered features", () => {
  const coverage: Coverage = {
    nics: ["rx"],
    vifs: ["tx"],
    devices: new Map([["eth1", []]]),
    vms: new Map([["vm", { features: ["gro"], vifs: new Map([["1", []]]) }]]),
  };

  test("of a NIC follow its own entry, or the rule", () => {
    expect(getCoveredNicFeatures(coverage, "eth0")).toEqual(["rx"]);
    expect(getCoveredNicFeatures(coverage, "eth1")).toEqual([]);
  });

  test("of a VIF follow its own entry, its VM's, or the rule", () => {
    expect(getCoveredVifFeatures(coverage, "vm", "1")).toEqual([]);
    expect(getCoveredVifFeatures(coverage, "vm", "0")).toEqual(["gro"]);
    expect(getCoveredVifFeatures(coverage, "other", "1")).toEqual(["tx"]);
  });

  test("are empty when there are only exceptions", () => {
    expect(isEmptyCoverage(coverage)).toBe(false);
    expect(isEmptyCoverage({ ...coverage, nics: [], vifs: [], vms: new Map() })).toBe(true);
  });
});
