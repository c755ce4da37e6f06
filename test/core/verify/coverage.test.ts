import { describe, expect, test } from "bun:test";
import { type Coverage, getBootFeatures, isEmptyCoverage, replaceCoverage } from "../../../src/core/verify/coverage.ts";
import { guest, nic, pif, vif, vm } from "../../builders/hosts.ts";

const web = vm("web");
const EMPTY_COVERAGE: Coverage = { nics: [], vifs: [], devices: new Map(), vms: new Map() };
const COVERAGE: Coverage = {
  nics: ["gro"],
  vifs: ["tx"],
  devices: new Map([["eth0", ["tso"]]]),
  vms: new Map([[web.uuid, { features: ["tx", "sg"], vifs: new Map([["1", []]]) }]]),
};

describe("the features that the boot script turns off", () => {
  test("follow the most specific entry as a whole", () => {
    expect(getBootFeatures(COVERAGE, nic(pif("eth0")))).toEqual(["tso"]);
    expect(getBootFeatures(COVERAGE, nic(pif("eth1")))).toEqual(["gro"]);
    expect(getBootFeatures(COVERAGE, guest(vif(web, "0")))).toEqual(["tx", "sg"]);
    expect(getBootFeatures(COVERAGE, guest(vif(web, "1")))).toEqual([]);
    expect(getBootFeatures(COVERAGE, guest(vif(vm("other"), "1")))).toEqual(["tx"]);
  });

  test("are found by device name without XAPI", () => {
    const unmanaged = (device: string, deviceKind: "pif" | "vif") =>
      ({ kind: "unmanaged", device, deviceKind }) as const;
    expect(getBootFeatures(COVERAGE, unmanaged("eth0", "pif"))).toEqual(["tso"]);
    expect(getBootFeatures(COVERAGE, unmanaged("eth1", "pif"))).toEqual(["gro"]);
    expect(getBootFeatures(COVERAGE, unmanaged("vif3.1", "vif"))).toEqual(["tx"]);
  });
});

describe("a coverage", () => {
  test("is empty when it turns nothing off, even with exceptions", () => {
    expect(isEmptyCoverage(EMPTY_COVERAGE)).toBe(true);
    const exceptions: Coverage = {
      ...EMPTY_COVERAGE,
      devices: new Map([["eth0", []]]),
      vms: new Map([[web.uuid, { features: [], vifs: new Map([["0", []]]) }]]),
    };
    expect(isEmptyCoverage(exceptions)).toBe(true);
    expect(isEmptyCoverage({ ...EMPTY_COVERAGE, vms: COVERAGE.vms })).toBe(false);
    expect(isEmptyCoverage({ ...EMPTY_COVERAGE, devices: COVERAGE.devices })).toBe(false);
    expect(isEmptyCoverage({ ...EMPTY_COVERAGE, nics: ["gro"] })).toBe(false);
  });

  test("keeps parts of an older one that the newer has not read", () => {
    const next: Coverage = { ...EMPTY_COVERAGE, vifs: ["gso"], devices: new Map([["eth1", ["rx"]]]) };
    const read = { devices: new Set(["eth0", "eth1"]), vms: new Set<string>() };
    expect(replaceCoverage(COVERAGE, next, read)).toEqual({ ...next, vms: COVERAGE.vms });
    const all = { devices: read.devices, vms: new Set([web.uuid]) };
    expect(replaceCoverage(COVERAGE, next, all)).toEqual(next);
  });
});
