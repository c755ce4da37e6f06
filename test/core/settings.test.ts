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
const BARE = { kind: "unmanaged", device: "eth0", deviceKind: "pif" } as const;

function nicWith(entries: Readonly<Record<string, string>>) {
  return nic(pif("eth0", { otherConfig: config(entries) }));
}

function guestWith(entries: Readonly<Record<string, string>>) {
  return guest(vif(web, "0", { otherConfig: config(entries) }));
}

describe("what the toolstack makes of a value", () => {
  test.each([
    ["off", "off"],
    ["false", "off"],
    ["on", "on"],
    ["true", "on"],
  ] as const)("%p means %s", (value, meaning) => {
    expect(parseSetting(value)).toBe(meaning);
  });

  test.each(["OFF", "Off", "False", "0", " off", "off ", "off\n", "no", "", "ON", "1"])(
    "%p is ignored: it compares letter by letter",
    (value) => {
      expect(parseSetting(value)).toBeNull();
    },
  );

  test("no value means nothing", () => {
    expect(parseSetting(undefined)).toBeNull();
  });
});

describe("which records are honored", () => {
  const honored = (subject: Parameters<typeof effectiveKey>[0]) =>
    FEATURE_NAMES.flatMap((keyword) => effectiveKey(subject, keyword) ?? []);

  test("of a managed PIF: eight", () => {
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

  test("of a PIF that the toolstack does not manage: none", () => {
    expect(honored(nic(pif("eth0", { managed: false })))).toEqual([]);
  });

  test("of a VIF: six", () => {
    expect(honored(guestWith({}))).toEqual([
      "ethtool-rx",
      "ethtool-tx",
      "ethtool-sg",
      "ethtool-tso",
      "ethtool-ufo",
      "ethtool-gso",
    ]);
  });

  test("of an SR-IOV VIF and of a bare device: none", () => {
    expect(honored(guest(vif(web, "0", { sriov: true })))).toEqual([]);
    expect(honored(BARE)).toEqual([]);
    expect(getOtherConfig(BARE)).toBeNull();
  });
});

describe("what is recorded", () => {
  test("is what a readable key says", () => {
    expect(settingState(nicWith({ "ethtool-tso": "off" }), "tso")).toBe("off");
    expect(settingState(nicWith({ "ethtool-tso": "false" }), "tso")).toBe("off");
    expect(settingState(guestWith({ "ethtool-tso": "true" }), "tso")).toBe("on");
  });

  test("is nothing without a key, or with one that cannot be read", () => {
    expect(settingState(nicWith({}), "tso")).toBeNull();
    expect(settingState(nicWith({ "ethtool-tso": "OFF" }), "tso")).toBeNull();
  });

  test("is nothing under a key that is not honored", () => {
    expect(settingState(guestWith({ "ethtool-gro": "off" }), "gro")).toBeNull();
    expect(settingState(nicWith({ "ethtool-rxvlan": "off" }), "rxvlan")).toBeNull();
    expect(settingState(BARE, "rx")).toBeNull();
  });

  test("properties:gro counts as gro of a PIF", () => {
    expect(settingState(nic(pif("eth0", { groProperty: "off" })), "gro")).toBe("off");
    expect(settingState(nic(pif("eth0", { groProperty: "on" })), "gro")).toBeNull();
    expect(settingState(nic(pif("eth0", { groProperty: "off" })), "lro")).toBeNull();
  });

  test("properties:gro of the bond counts on its slave", () => {
    const slave = pif("eth1", { groProperty: "off", slaveOf: pif("bond0").uuid });
    expect(settingState(nic(slave), "gro")).toBe("off");
  });

  test("a key overrides properties:gro, even one that cannot be read", () => {
    const says = (value: string) =>
      nic(pif("eth0", { groProperty: "off", otherConfig: config({ "ethtool-gro": value }) }));
    expect(settingState(says("on"), "gro")).toBe("on");
    expect(settingState(says("OFF"), "gro")).toBeNull();
  });
});

describe("records without effect", () => {
  test("keys that only PIFs have, on a VIF", () => {
    expect(ineffectiveSettings(guestWith({ "ethtool-gro": "off", "ethtool-tso": "off" }))).toEqual([
      { key: "ethtool-gro", value: "off", reason: "this key is read on PIFs only" },
    ]);
  });

  test("keys that nothing reads", () => {
    expect(ineffectiveSettings(nicWith({ "ethtool-rxvlan": "off" }))).toEqual([
      {
        key: "ethtool-rxvlan",
        value: "off",
        reason: "no part of the toolstack reads this key",
      },
    ]);
  });

  test("keys that are mistyped, with the right spelling", () => {
    const [dead] = ineffectiveSettings(nicWith({ "Ethtool-TSO": "off" }));
    expect(dead?.reason).toBe("the key is spelled ethtool-tso");
    const [joined] = ineffectiveSettings(guestWith({ ethtooltso: "off" }));
    expect(joined?.reason).toBe("the key is spelled ethtool-tso");
  });

  test("values that cannot be read", () => {
    expect(ineffectiveSettings(nicWith({ "ethtool-tso": "OFF" }))).toEqual([
      { key: "ethtool-tso", value: "OFF", reason: "only on, off, true and false are read" },
    ]);
  });

  test("all of a PIF that is not managed, and of an SR-IOV VIF", () => {
    const records = config({ "ethtool-tso": "off" });
    expect(ineffectiveSettings(nic(pif("eth0", { managed: false, otherConfig: records })))).toHaveLength(1);
    expect(ineffectiveSettings(guest(vif(web, "0", { sriov: true, otherConfig: records })))).toHaveLength(1);
  });

  test("neither speed, duplex and their like on a PIF nor keys of others", () => {
    const others = {
      "ethtool-speed": "1000",
      "ethtool-duplex": "full",
      "ethtool-autoneg": "on",
      "ethtool-advertise": "0x20",
      promiscuous: "true",
      "my-ethtool": "off",
    };
    expect(ineffectiveSettings(nicWith(others))).toEqual([]);
    expect(ineffectiveSettings(BARE)).toEqual([]);
  });
});
