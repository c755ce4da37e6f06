import { describe, expect, test } from "bun:test";
import {
  bootFindings,
  type Coverage,
  coverageOf,
  coverageRecorded,
  coverageRemembered,
  coveredNics,
} from "../../src/offload/boot.ts";
import { DEFAULT_KEYWORDS } from "../../src/offload/features.ts";
import { nameOf } from "../../src/offload/interface.ts";
import {
  ALPHA,
  BETA,
  config,
  failureOf,
  guest,
  inventory,
  nic,
  pif,
  valued,
  vif,
  vm,
} from "./worlds.ts";

const eth0 = pif("eth0");
const eth1 = pif("eth1");
const elsewhere = pif("eth0", { host: BETA });
const pool = inventory({
  pifs: [
    eth0,
    eth1,
    elsewhere,
    pif("bond0", { role: "bond" }),
    pif("eth0", { role: "vlan", vlan: 7 }),
  ],
});

describe("what targets come to at boot", () => {
  test("the whole host: its NICs by name, and everything that appears", () => {
    const web = guest(vif(vm("web"), "0"));
    expect(valued(coverageOf([nic(eth0), nic(eth1), web], true, ["tso"]))).toEqual({
      keywords: ["tso"],
      devices: ["eth0", "eth1"],
      everything: true,
    });
  });

  test("NICs that are named: just those", () => {
    expect(valued(coverageOf([nic(eth1)], false, ["gro"]))).toEqual({
      keywords: ["gro"],
      devices: ["eth1"],
      everything: false,
    });
  });

  test("a VIF, alone or among NICs, is refused: its device has another name at every start", () => {
    const web = guest(vif(vm("web"), "0"));
    expect(failureOf(coverageOf([web], false, ["tso"])).code).toBe("vif-has-no-boot");
    expect(failureOf(coverageOf([nic(eth0), web], false, ["tso"])).code).toBe("vif-has-no-boot");
  });
});

describe("what was turned off here", () => {
  test("on some NICs: those, with all their features", () => {
    const nics = new Map([[eth1.uuid, ["tso", "gso"] as const]]);
    expect(coverageRemembered({ wholeHost: [], nics }, pool)).toEqual({
      keywords: ["tso", "gso"],
      devices: ["eth1"],
      everything: false,
    });
  });

  test("on the whole host: every NIC of this host, and no other host's", () => {
    expect(coverageRemembered({ wholeHost: ["tso"], nics: new Map() }, pool)).toEqual({
      keywords: ["tso"],
      devices: ["eth0", "eth1"],
      everything: true,
    });
  });

  test("on NICs that are gone: nothing to persist", () => {
    const nics = new Map([["gone", ["tso"] as const]]);
    expect(coverageRemembered({ wholeHost: [], nics }, pool)).toBeNull();
  });
});

describe("what the records say, after a reinstallation", () => {
  const off = (device: string, ...words: readonly string[]) =>
    pif(device, {
      otherConfig: config(Object.fromEntries(words.map((word) => [`ethtool-${word}`, "off"]))),
    });

  test("a record on one NIC of two: that one", () => {
    expect(coverageRecorded(inventory({ pifs: [off("eth0", "tso"), eth1] }))).toEqual({
      keywords: ["tso"],
      devices: ["eth0"],
      everything: false,
    });
  });

  test("on each NIC: it was ALL, with the default features that no NIC here could have recorded", () => {
    const both = inventory({ pifs: [off("eth0", "tso"), off("eth1", "sg")] });
    expect(coverageRecorded(both)).toEqual({
      keywords: [...DEFAULT_KEYWORDS],
      devices: ["eth0", "eth1"],
      everything: true,
    });
  });

  test("none that means off: nothing to persist", () => {
    const on = pif("eth0", { otherConfig: config({ "ethtool-tso": "on", "ethtool-gro": "OFF" }) });
    expect(coverageRecorded(inventory({ pifs: [on] }))).toBeNull();
  });
});

describe("the NICs that the loop may change", () => {
  const existing = new Set(["lo", "xenbr0", "eth1", "eth0", "eth10", "eth9", "vif1.0"]);
  const isNic = (device: string) => device.startsWith("eth");
  const names = (coverage: Coverage) =>
    coveredNics(coverage, pool, existing, isNic).map((one) => `${one.kind} ${nameOf(one)}`);

  test("by name: those that XAPI knows", () => {
    const coverage = { keywords: DEFAULT_KEYWORDS, devices: ["eth1"], everything: false };
    expect(names(coverage)).toEqual(["pif eth1"]);
  });

  test("every one: also what only the kernel knows, but no bridge, no vif, no loopback", () => {
    const coverage = { keywords: DEFAULT_KEYWORDS, devices: ["eth0"], everything: true };
    expect(names(coverage)).toEqual(["pif eth0", "pif eth1", "bare eth9", "bare eth10"]);
  });
});

describe("what is wrong with what is installed", () => {
  const wanted = { keywords: ["tso", "gro"], devices: ["eth0"] } as const;
  const covers = { keywords: ["tso", "gro"], devices: ["eth0"], everything: false } as const;
  const current = { method: "systemd", state: "current", covers } as const;

  test("nothing is: no word", () => {
    expect(bootFindings(current, wanted, true)).toEqual({ problems: [], notes: [] });
  });

  test("absent: advice, and a problem only to the strict", () => {
    const absent = { method: null, state: "absent", covers: null } as const;
    expect(bootFindings(absent, wanted, false).problems).toEqual([]);
    expect(bootFindings(absent, wanted, false).notes[0]?.code).toBe("not-persisted");
    expect(bootFindings(absent, wanted, true).problems[0]?.code).toBe("boot-absent");
  });

  for (const state of [
    "stale",
    "disabled",
    "edited",
    "not-executable",
    "unreachable",
    "incomplete",
  ] as const) {
    test(`${state}: a problem, with the command that mends it`, () => {
      const { problems } = bootFindings({ ...current, state }, wanted, false);
      expect(problems).toHaveLength(1);
      expect(problems[0]?.message).toContain("offload persist");
    });
  }

  test("it covers less than is wanted: what is missing is named", () => {
    const less = { ...current, covers: { ...covers, keywords: ["tso"] } } as const;
    expect(
      bootFindings(less, { ...wanted, devices: ["eth0", "eth1"] }, false).notes[0]?.message,
    ).toContain("gro and eth1");
    const everything = { ...current, covers: { ...covers, everything: true } };
    expect(bootFindings(everything, { ...wanted, devices: ["eth7"] }, false).notes).toEqual([]);
  });
});

test("the same host is meant by its UUID, whatever it is called", () => {
  const renamed = inventory({ ...pool, host: { ...ALPHA, name: "renamed" } });
  expect(
    coverageRemembered({ wholeHost: ["tso"], nics: new Map() }, renamed)?.devices,
  ).toHaveLength(2);
});
