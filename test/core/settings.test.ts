import { describe, expect, test } from "bun:test";
import { FEATURE_NAMES } from "../../src/core/features.ts";
import {
  effectiveKey,
  getOtherConfig,
  ineffectiveSettings,
  parseSetting,
  settingState,
} from "../../src/core/settings.ts";
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
    expect(parseSetting(undefined)).toBeNull();
  });
});

describe("settings that the toolstack reads", () => {
  const honored = (iface: Parameters<typeof effectiveKey>[0]) =>
    FEATURE_NAMES.flatMap((keyword) => effectiveKey(iface, keyword) ?? []);

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
    expect(getOtherConfig(UNMANAGED)).toBeNull();
  });
});

describe("the effective setting", () => {
  test("follows a readable key", () => {
    expect(settingState(nicWith({ "ethtool-tso": "off" }), "tso")).toBe("off");
    expect(settingState(nicWith({ "ethtool-tso": "false" }), "tso")).toBe("off");
    expect(settingState(guestWith({ "ethtool-tso": "true" }), "tso")).toBe("on");
  });

  test("is undefined without a readable key", () => {
    expect(settingState(nicWith({}), "tso")).toBeNull();
    expect(settingState(nicWith({ "ethtool-tso": "OFF" }), "tso")).toBeNull();
  });

  test("ignores a key that the toolstack does not read", () => {
    expect(settingState(guestWith({ "ethtool-gro": "off" }), "gro")).toBeNull();
    expect(settingState(nicWith({ "ethtool-rxvlan": "off" }), "rxvlan")).toBeNull();
    expect(settingState(UNMANAGED, "rx")).toBeNull();
  });

  test("follows properties:gro for gro of a PIF", () => {
    expect(settingState(nic(pif("eth0", { groProperty: "off" })), "gro")).toBe("off");
    expect(settingState(nic(pif("eth0", { groProperty: "on" })), "gro")).toBeNull();
    expect(settingState(nic(pif("eth0", { groProperty: "off" })), "lro")).toBeNull();
  });

  test("follows properties:gro of the bond on its slave", () => {
    const slave = pif("eth1", { groProperty: "off", slaveOf: pif("bond0").uuid });
    expect(settingState(nic(slave), "gro")).toBe("off");
  });

  test("prefers a key to properties:gro, even an unreadable one", () => {
    const parse = (value: string) =>
      nic(pif("eth0", { groProperty: "off", otherConfig: config({ "ethtool-gro": value }) }));
    expect(settingState(parse("on"), "gro")).toBe("on");
    expect(settingState(parse("OFF"), "gro")).toBeNull();
  });
});

describe("ineffective settings", () => {
  test("include keys of PIFs on a VIF", () => {
    expect(ineffectiveSettings(guestWith({ "ethtool-gro": "off", "ethtool-tso": "off" }))).toEqual([
      { key: "ethtool-gro", value: "off", reason: "this key is read on PIFs only" },
    ]);
  });

  test("include keys that nothing reads", () => {
    expect(ineffectiveSettings(nicWith({ "ethtool-rxvlan": "off" }))).toEqual([
      {
        key: "ethtool-rxvlan",
        value: "off",
        reason: "no part of the toolstack reads this key",
      },
    ]);
  });

  test("include mistyped keys, with the right spelling", () => {
    const [dead] = ineffectiveSettings(nicWith({ "Ethtool-TSO": "off" }));
    expect(dead?.reason).toBe("the key is spelled ethtool-tso");
    const [joined] = ineffectiveSettings(guestWith({ ethtooltso: "off" }));
    expect(joined?.reason).toBe("the key is spelled ethtool-tso");
  });

  test("include values that cannot be read", () => {
    expect(ineffectiveSettings(nicWith({ "ethtool-tso": "OFF" }))).toEqual([
      { key: "ethtool-tso", value: "OFF", reason: "only on, off, true and false are read" },
    ]);
  });

  test("include all of an unmanaged PIF and of an SR-IOV VIF", () => {
    const otherConfig = config({ "ethtool-tso": "off" });
    expect(ineffectiveSettings(nic(pif("eth0", { managed: false, otherConfig })))).toHaveLength(1);
    expect(ineffectiveSettings(guest(vif(web, "0", { sriov: true, otherConfig })))).toHaveLength(1);
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
    expect(ineffectiveSettings(nicWith(others))).toEqual([]);
    expect(ineffectiveSettings(UNMANAGED)).toEqual([]);
  });
});
