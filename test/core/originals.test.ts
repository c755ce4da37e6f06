import { describe, expect, test } from "bun:test";
import type { Feature } from "../../src/core/features.ts";
import type { Interface } from "../../src/core/interface.ts";
import { findOriginals, type OriginalSources, shouldRestoreOn } from "../../src/core/originals.ts";
import type { BitState } from "../builders/hosts.ts";
import {
  BETA,
  config,
  createSnapshot,
  featureSet,
  guest,
  haltedVm,
  KERNEL,
  nic,
  pif,
  vif,
  vm,
} from "../builders/hosts.ts";

const web = vm("web", { domid: 3 });

function originalOf(
  iface: Interface,
  feature: Feature,
  more: { readonly devices?: Parameters<typeof createSnapshot>[0] } & Partial<OriginalSources> = {},
) {
  const evidence: OriginalSources = {
    snapshot: createSnapshot(more.devices ?? {}),
    getKernelBits: () => null,
    isOffAtBoot: () => false,
    ...more,
  };
  return findOriginals(iface, [feature], evidence).get(feature);
}

function gro(state: BitState) {
  return { devices: { eth0: featureSet(KERNEL, { "rx-gro": state }) } };
}

describe("the original of a feature", () => {
  test.each([
    ["on", "on"],
    ["off requested on", "on"],
    ["off", "off"],
    // Nobody asks for what is on here, and so there is nothing to bring back.
    ["on fixed", "off"],
    ["on requested off", "off"],
    ["off fixed", "off"],
  ] as const)("maps the live state %s to %s", (state, live) => {
    expect(originalOf(nic(pif("eth0")), "gro", gro(state))).toEqual({ setting: null, live });
  });

  test("includes the current setting of a feature that has one", () => {
    const settings = { "ethtool-gro": "junk", "ethtool-tso": "on" };
    const eth0 = nic(pif("eth0", { otherConfig: config(settings) }));
    expect(originalOf(eth0, "gro", gro("on"))?.setting).toBe("junk");
    const web0 = guest(vif(web, "0", { otherConfig: config(settings) }));
    expect(originalOf(web0, "gro")?.setting).toBeNull();
    expect(originalOf(web0, "tso")?.setting).toBe("on");
  });

  test("is unknown when a setting or the boot script may have turned it off", () => {
    const eth0 = nic(pif("eth0", { otherConfig: config({ "ethtool-gro": "false" }) }));
    expect(originalOf(eth0, "gro", gro("off"))).toEqual({ setting: "false", live: null });
    expect(originalOf(eth0, "gro", gro("on"))?.live).toBe("on");
    const atBoot = { ...gro("off"), isOffAtBoot: () => true };
    expect(originalOf(nic(pif("eth0")), "gro", atBoot)?.live).toBeNull();
  });

  test("is known to be off when the driver lets nobody change it, whatever the boot script covers", () => {
    const atBoot = { ...gro("off fixed"), isOffAtBoot: () => true };
    expect(originalOf(nic(pif("eth0")), "gro", atBoot)?.live).toBe("off");
  });

  test("is off by the bits of this boot, even where the boot script covers the feature by now", () => {
    const bits = new Map([["rx-gro", { requested: false, active: false }]]);
    const sources = { ...gro("off"), getKernelBits: () => bits, isOffAtBoot: () => true };
    expect(originalOf(nic(pif("eth0")), "gro", sources)?.live).toBe("off");
  });

  test("is unknown without a device on this host", () => {
    const away = vm("away", { domid: 3, residentOn: BETA });
    const devices = { "vif3.0": featureSet(KERNEL, { "rx-gro": "on" }) };
    for (const owner of [haltedVm("db"), away]) {
      expect(originalOf(guest(vif(owner, "0")), "gro", { devices })?.live).toBeNull();
    }
    expect(originalOf(nic(pif("eth0")), "gro")?.live).toBeNull();
    const unreadable = { eth0: { state: "unreadable", reason: "no" } } as const;
    expect(originalOf(nic(pif("eth0")), "gro", { devices: unreadable })?.live).toBeNull();
  });

  test("comes from the bits of this boot when the feature is off by now", () => {
    const bits = new Map([["rx-gro", { requested: true, active: true }]]);
    const eth0 = nic(pif("eth0", { otherConfig: config({ "ethtool-gro": "off" }) }));
    expect(originalOf(eth0, "gro", { ...gro("off"), getKernelBits: () => bits })?.live).toBe("on");
    const others = new Map([["rx-lro", { requested: true, active: true }]]);
    expect(originalOf(nic(pif("eth0")), "gro", { ...gro("off"), getKernelBits: () => others })?.live).toBe("off");
  });
});

test("restores to on when unknown, unless a setting meant off", () => {
  expect(shouldRestoreOn({ setting: null, live: null })).toBe(true);
  expect(shouldRestoreOn({ setting: "junk", live: null })).toBe(true);
  expect(shouldRestoreOn({ setting: "off", live: null })).toBe(false);
  expect(shouldRestoreOn({ setting: "false", live: null })).toBe(false);
  expect(shouldRestoreOn({ setting: "off", live: "on" })).toBe(true);
  expect(shouldRestoreOn({ setting: null, live: "off" })).toBe(false);
});
