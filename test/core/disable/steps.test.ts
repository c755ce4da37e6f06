import { describe, expect, test } from "bun:test";
import {
  listLiveChanges,
  listSettingChanges,
  planLiveSteps,
  planSettings,
  previewSnapshot,
} from "../../../src/core/disable/steps.ts";
import { DEFAULT_FEATURES } from "../../../src/core/features.ts";
import {
  BETA,
  config,
  createSnapshot,
  featureSet,
  guest,
  haltedVm,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  namesOf,
  nic,
  pif,
  pifSettings,
  VIF_ON,
  vif,
  vifSettings,
  vm,
} from "../../builders/hosts.ts";

const web = vm("web", { domid: 3 });
const UNMANAGED = { kind: "unmanaged", device: "eth0", deviceKind: "pif" } as const;

describe("planLiveSteps", () => {
  test("writes each device once with all features, so that a NIC resets once", () => {
    const steps = planLiveSteps([nic(pif("eth0"))], DEFAULT_FEATURES, createSnapshot({ eth0: NIC_ON }));
    expect(steps).toHaveLength(1);
    expect(steps[0]?.device).toBe("eth0");
    expect(steps[0]?.features).toEqual(["rx", "tx", "sg", "tso", "gso", "gro"]);
    expect(namesOf(KERNEL, steps[0]?.request.valid ?? [])).toEqual([
      "tx-scatter-gather",
      "tx-checksum-ipv4",
      "tx-checksum-ipv6",
      "tx-generic-segmentation",
      "rx-gro",
      "tx-tcp-segmentation",
      "tx-tcp6-segmentation",
      "rx-checksum",
    ]);
  });

  test("changes only the requested features", () => {
    const [step] = planLiveSteps([nic(pif("eth0"))], ["tso"], createSnapshot({ eth0: NIC_ON }));
    expect(namesOf(KERNEL, step?.request.valid ?? [])).toEqual(["tx-tcp-segmentation", "tx-tcp6-segmentation"]);
  });

  test("skips a device with nothing on", () => {
    const view = createSnapshot({ eth0: NIC_OFF, eth1: NIC_ON });
    const steps = planLiveSteps([nic(pif("eth0")), nic(pif("eth1"))], DEFAULT_FEATURES, view);
    expect(steps.map(({ device }) => device)).toEqual(["eth1"]);
  });

  test("skips what is fixed on, such as rx of a VIF", () => {
    expect(planLiveSteps([guest(vif(web, "0"))], ["rx"], createSnapshot({ "vif3.0": VIF_ON }))).toEqual([]);
  });

  test("clears what is off but requested on", () => {
    const requestedOn = featureSet(KERNEL, { "tx-tcp-segmentation": "off requested on" });
    const [step] = planLiveSteps([guest(vif(web, "0"))], ["tso"], createSnapshot({ "vif3.0": requestedOn }));
    expect(namesOf(KERNEL, step?.request.valid ?? [])).toEqual(["tx-tcp-segmentation"]);
  });

  test("includes the tap of a vif only if it exists", () => {
    const iface = guest(vif(web, "0"));
    const both = createSnapshot({ "vif3.0": VIF_ON, "tap3.0": VIF_ON });
    expect(planLiveSteps([iface], ["gro"], both).map(({ device }) => device)).toEqual(["vif3.0", "tap3.0"]);
    const alone = planLiveSteps([iface], ["gro"], createSnapshot({ "vif3.0": VIF_ON }));
    expect(alone.map(({ device }) => device)).toEqual(["vif3.0"]);
  });

  test("never includes vif3.0 for a VM with domid 3 on another host", () => {
    const away = vm("away", { domid: 3, residentOn: BETA });
    expect(planLiveSteps([guest(vif(away, "0"))], ["gro"], createSnapshot({ "vif3.0": VIF_ON }))).toEqual([]);
  });

  test("skips devices that are missing or unreadable", () => {
    const view = createSnapshot({
      eth0: { state: "missing" },
      eth1: { state: "unreadable", reason: "permission denied" },
    });
    const interfaces = [nic(pif("eth0")), nic(pif("eth1")), nic(pif("eth2"))];
    expect(planLiveSteps(interfaces, DEFAULT_FEATURES, view)).toEqual([]);
  });

  test("treats an unmanaged device like any other", () => {
    const steps = planLiveSteps([UNMANAGED], DEFAULT_FEATURES, createSnapshot({ eth0: NIC_ON }));
    expect(steps.map(({ device }) => device)).toEqual(["eth0"]);
  });
});

describe("previewSnapshot", () => {
  test("applies every step and nothing else", () => {
    const view = createSnapshot({ eth0: NIC_ON, eth1: NIC_ON, eth2: { state: "missing" } });
    const steps = planLiveSteps([nic(pif("eth0"))], DEFAULT_FEATURES, view);
    const expected = createSnapshot({ eth0: NIC_OFF, eth1: NIC_ON, eth2: { state: "missing" } });
    expect(previewSnapshot(view, steps).readings).toEqual(expected.readings);
    expect(view.readings.get("eth0")).toEqual({ state: "read", features: NIC_ON });
  });
});

describe("settings of a PIF", () => {
  const eth0 = nic(pif("eth0"));

  test("are written for features that are changeable on that NIC and read back off", () => {
    const steps = planSettings([eth0], DEFAULT_FEATURES, createSnapshot({ eth0: NIC_OFF }), false);
    expect(steps.map(({ key, from }) => [key, from])).toEqual([
      ["ethtool-rx", null],
      ["ethtool-tx", null],
      ["ethtool-sg", null],
      ["ethtool-tso", null],
      ["ethtool-gso", null],
      ["ethtool-gro", null],
    ]);
  });

  test.each(["on", "on requested off", "on fixed", "off fixed", "off requested on"] as const)(
    "are not written for a feature that is %s, because PIF.plug would fail or nothing is gained",
    (state) => {
      const view = createSnapshot({ eth0: featureSet(KERNEL, { "rx-lro": state }) });
      expect(planSettings([eth0], ["lro"], view, false)).toEqual([]);
    },
  );

  test("are not written if part of the feature is fixed on", () => {
    const set = featureSet(KERNEL, { "tx-checksum-ipv4": "on fixed", "tx-checksum-ipv6": "off" });
    expect(planSettings([eth0], ["tx"], createSnapshot({ eth0: set }), false)).toEqual([]);
  });

  test("are not written for a NIC that is missing or cannot be read", () => {
    expect(planSettings([eth0], DEFAULT_FEATURES, createSnapshot({}), false)).toEqual([]);
    const unreadable = createSnapshot({ eth0: { state: "unreadable", reason: "no" } });
    expect(planSettings([eth0], DEFAULT_FEATURES, unreadable, false)).toEqual([]);
  });

  test("are not written for an unmanaged PIF or device", () => {
    const view = createSnapshot({ eth0: NIC_OFF });
    expect(planSettings([nic(pif("eth0", { managed: false }))], DEFAULT_FEATURES, view, false)).toEqual([]);
    expect(planSettings([UNMANAGED], DEFAULT_FEATURES, view, false)).toEqual([]);
  });

  test("are not written for features that nothing reads", () => {
    const set = featureSet(KERNEL, { "rx-vlan-hw-parse": "off", "rx-hashing": "off" });
    expect(planSettings([eth0], ["rxvlan", "rxhash"], createSnapshot({ eth0: set }), false)).toEqual([]);
  });

  test.each(["off", "false"])("are left alone when they say %p", (value) => {
    const iface = nic(pif("eth0", { otherConfig: config(pifSettings(value)) }));
    expect(planSettings([iface], DEFAULT_FEATURES, createSnapshot({ eth0: NIC_OFF }), false)).toEqual([]);
  });

  test.each(["on", "true", "OFF", "0", ""])("are replaced when they say %p", (value) => {
    const iface = nic(pif("eth0", { otherConfig: config({ "ethtool-tso": value }) }));
    const [step, ...more] = planSettings([iface], ["tso"], createSnapshot({ eth0: NIC_OFF }), false);
    expect(more).toEqual([]);
    expect(step).toMatchObject({ key: "ethtool-tso", from: value });
  });

  test("exclude gro when properties:gro is off", () => {
    const iface = nic(pif("eth0", { groProperty: "off" }));
    expect(planSettings([iface], ["gro"], createSnapshot({ eth0: NIC_OFF }), false)).toEqual([]);
  });
});

describe("settings of a VIF", () => {
  test("cover what netback can change, and other features only when named", () => {
    const keys = (named: boolean) =>
      planSettings([guest(vif(web, "0"))], DEFAULT_FEATURES, createSnapshot({ "vif3.0": VIF_ON }), named).map(
        ({ key }) => key,
      );
    expect(keys(false)).toEqual(["ethtool-tx", "ethtool-sg", "ethtool-tso", "ethtool-gso"]);
    expect(keys(true)).toEqual(Object.keys(vifSettings("off")));
  });

  test("are written with or without a device", () => {
    const away = vm("away", { residentOn: BETA });
    const interfaces = [guest(vif(haltedVm("db"), "0")), guest(vif(away, "0"))];
    expect(planSettings(interfaces, ["tso"], createSnapshot({}), false)).toHaveLength(2);
  });

  test("are not written on an SR-IOV network, where nothing reads them", () => {
    expect(planSettings([guest(vif(web, "0", { sriov: true }))], ["tso"], createSnapshot({}), false)).toEqual([]);
  });

  test("are left alone when they mean off, else replaced", () => {
    const otherConfig = config({ "ethtool-tx": "false", "ethtool-tso": "true", mine: "1" });
    const steps = planSettings(
      [guest(vif(web, "0", { otherConfig }))],
      ["tx", "tso", "gso"],
      createSnapshot({ "vif3.0": VIF_ON }),
      false,
    );
    expect(steps.map(({ key, from }) => [key, from])).toEqual([
      ["ethtool-tso", "true"],
      ["ethtool-gso", null],
    ]);
  });
});

describe("reported changes", () => {
  test("list live states before and after per device", () => {
    const eth0 = pif("eth0");
    const before = createSnapshot({ eth0: NIC_ON });
    const after = createSnapshot({ eth0: NIC_OFF });
    expect(listLiveChanges([nic(eth0)], ["tso", "lro"], before, after)).toEqual([
      { device: "eth0", uuid: eth0.uuid, feature: "tso", layer: "live", from: "on", to: "off" },
    ]);
  });

  test("omit devices that cannot be read before or after", () => {
    const gone = createSnapshot({ eth0: { state: "missing" } });
    expect(listLiveChanges([nic(pif("eth0"))], ["tso"], createSnapshot({ eth0: NIC_ON }), gone)).toEqual([]);
  });

  test("list settings with the replaced value, and the device if there is one", () => {
    const here = vif(web, "0", { otherConfig: config({ "ethtool-tso": "on" }) });
    const there = vif(haltedVm("db"), "0");
    const view = createSnapshot({ "vif3.0": VIF_ON });
    const steps = planSettings([guest(here), guest(there)], ["tso"], view, false);
    expect(listSettingChanges(steps, view.existing)).toEqual([
      {
        device: "vif3.0",
        uuid: here.uuid,
        feature: "tso",
        layer: "xapi",
        from: "on",
        to: "off",
      },
      { device: null, uuid: there.uuid, feature: "tso", layer: "xapi", from: null, to: "off" },
    ]);
  });

  test("list each setting once", () => {
    const iface = guest(vif(web, "0"));
    const steps = planSettings([iface, nic(pif("eth0"))], ["tso", "gso"], createSnapshot({ eth0: NIC_OFF }), false);
    expect(steps).toHaveLength(4);
  });
});
