import { describe, expect, test } from "bun:test";
import { FEATURE_NAMES } from "../../src/core/features.ts";
import { getSettings, type Interface } from "../../src/core/interface.ts";
import { parseSetting } from "../../src/core/settings.ts";
import { config, guest, nic, pif, vif, vm } from "../builders/hosts.ts";

const web = vm("web");
const UNMANAGED = { kind: "unmanaged", device: "eth0", deviceKind: "pif" } as const;

function nicWith(entries: Readonly<Record<string, string>>) {
  return nic(pif("eth0", { otherConfig: config(entries) }));
}

function guestWith(entries: Readonly<Record<string, string>>) {
  return guest(vif(web, "0", { otherConfig: config(entries) }));
}

describe("values of a setting", () => {
  test.each([
    ["off", "off"],
    ["false", "off"],
    ["on", "on"],
    ["true", "on"],
  ] as const)("map %p to %s", (value, meaning) => {
    expect(parseSetting(value)).toBe(meaning);
  });

  test.each(["OFF", "Off", "False", "0", " off", "off ", "off\n", "no", "", "ON", "1"])(
    "ignore %p, because the toolstack compares exactly",
    (value) => {
      expect(parseSetting(value)).toBeNull();
    },
  );

  test("include no value", () => {
    expect(parseSetting(null)).toBeNull();
  });
});

describe("settings that the toolstack reads", () => {
  const honored = (iface: Interface) => FEATURE_NAMES.flatMap((keyword) => getSettings(iface).key(keyword) ?? []);

  test("are eight for a managed PIF", () => {
    expect(honored(nicWith({}))).toEqual([
      "ethtool-rx",
      "ethtool-tx",
      "ethtool-sg",
      "ethtool-tso",
      "ethtool-ufo",
      "ethtool-gso",
      "ethtool-gro",
      "ethtool-lro",
    ]);
  });

  test("are none for an unmanaged PIF", () => {
    expect(honored(nic(pif("eth0", { managed: false })))).toEqual([]);
  });

  test("are six for a VIF", () => {
    expect(honored(guestWith({}))).toEqual([
      "ethtool-rx",
      "ethtool-tx",
      "ethtool-sg",
      "ethtool-tso",
      "ethtool-ufo",
      "ethtool-gso",
    ]);
  });

  test("are none for an SR-IOV VIF and an unmanaged device", () => {
    expect(honored(guest(vif(web, "0", { sriov: true })))).toEqual([]);
    expect(honored(UNMANAGED)).toEqual([]);
    expect(getSettings(UNMANAGED).otherConfig.size).toBe(0);
  });
});

describe("the effective setting", () => {
  test("follows a readable key", () => {
    expect(getSettings(nicWith({ "ethtool-tso": "off" })).state("tso")).toBe("off");
    expect(getSettings(nicWith({ "ethtool-tso": "false" })).state("tso")).toBe("off");
    expect(getSettings(guestWith({ "ethtool-tso": "true" })).state("tso")).toBe("on");
  });

  test("is undefined without a readable key", () => {
    expect(getSettings(nicWith({})).state("tso")).toBeNull();
    expect(getSettings(nicWith({ "ethtool-tso": "OFF" })).state("tso")).toBeNull();
  });

  test("ignores a key that the toolstack does not read", () => {
    expect(getSettings(guestWith({ "ethtool-gro": "off" })).state("gro")).toBeNull();
    expect(getSettings(nicWith({ "ethtool-rxvlan": "off" })).state("rxvlan")).toBeNull();
    expect(getSettings(UNMANAGED).state("rx")).toBeNull();
  });

  test("follows properties:gro for gro of a PIF", () => {
    expect(getSettings(nic(pif("eth0", { groProperty: "off" }))).state("gro")).toBe("off");
    expect(getSettings(nic(pif("eth0", { groProperty: "on" }))).state("gro")).toBeNull();
    expect(getSettings(nic(pif("eth0", { groProperty: "off" }))).state("lro")).toBeNull();
  });

  test("follows properties:gro of the bond on its slave", () => {
    const slave = pif("eth1", { groProperty: "off", slaveOf: pif("bond0").uuid });
    expect(getSettings(nic(slave)).state("gro")).toBe("off");
  });

  test("prefers a key to properties:gro, even an unreadable one", () => {
    const parse = (value: string) =>
      nic(pif("eth0", { groProperty: "off", otherConfig: config({ "ethtool-gro": value }) }));
    expect(getSettings(parse("on")).state("gro")).toBe("on");
    expect(getSettings(parse("OFF")).state("gro")).toBeNull();
  });
});

describe("ineffective settings", () => {
  test("include keys of PIFs on a VIF", () => {
    expect(getSettings(guestWith({ "ethtool-gro": "off", "ethtool-tso": "off" })).listIneffective()).toEqual([
      { key: "ethtool-gro", value: "off", reason: "this key is read on PIFs only" },
    ]);
  });

  test("include keys that nothing reads", () => {
    expect(getSettings(nicWith({ "ethtool-rxvlan": "off" })).listIneffective()).toEqual([
      {
        key: "ethtool-rxvlan",
        value: "off",
        reason: "no part of the toolstack reads this key",
      },
    ]);
  });

  test("include mistyped keys, with the right spelling", () => {
    const [dead] = getSettings(nicWith({ "Ethtool-TSO": "off" })).listIneffective();
    expect(dead?.reason).toBe("the key is spelled ethtool-tso");
    const [joined] = getSettings(guestWith({ ethtooltso: "off" })).listIneffective();
    expect(joined?.reason).toBe("the key is spelled ethtool-tso");
  });

  test("include values that cannot be read", () => {
    expect(getSettings(nicWith({ "ethtool-tso": "OFF" })).listIneffective()).toEqual([
      { key: "ethtool-tso", value: "OFF", reason: "only on, off, true and false are read" },
    ]);
  });

  test("include all of an unmanaged PIF and of an SR-IOV VIF", () => {
    const otherConfig = config({ "ethtool-tso": "off" });
    expect(getSettings(nic(pif("eth0", { managed: false, otherConfig }))).listIneffective()).toHaveLength(1);
    expect(getSettings(guest(vif(web, "0", { sriov: true, otherConfig }))).listIneffective()).toHaveLength(1);
  });

  test("exclude speed, duplex and the like on a PIF, and other keys", () => {
    const others = {
      "ethtool-speed": "1000",
      "ethtool-duplex": "full",
      "ethtool-autoneg": "on",
      "ethtool-advertise": "0x20",
      promiscuous: "true",
      "my-ethtool": "off",
    };
    expect(getSettings(nicWith(others)).listIneffective()).toEqual([]);
    expect(getSettings(UNMANAGED).listIneffective()).toEqual([]);
  });
});
