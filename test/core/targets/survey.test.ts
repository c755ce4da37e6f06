import { describe, expect, test } from "bun:test";
import {
  readGuestFeatures,
  readInterfaceFeatures,
  resolveUnmanaged,
  resolveUnmanagedHost,
} from "../../../src/core/targets/interface-features.ts";
import {
  BETA,
  failureOf,
  failuresOf,
  guest,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  VIF_ON,
  vif,
  vm,
} from "../../builders/hosts.ts";
import { FakeKernel } from "../../fakes/kernel.ts";

describe("readInterfaceFeatures", () => {
  const kernel = new FakeKernel(KERNEL, {
    eth0: NIC_ON,
    eth1: NIC_ON,
    "vif3.0": VIF_ON,
    "tap3.0": VIF_ON,
    "vif3.1": VIF_ON,
  });

  test("reads the devices of the interfaces including taps, and no others", () => {
    const interfaces = [nic(pif("eth0")), guest(vif(vm("web", { domid: 3 }), "0"))];
    const { readings } = readInterfaceFeatures(interfaces, kernel);
    expect([...readings.keys()]).toEqual(["eth0", "vif3.0", "tap3.0"]);
  });

  test("reads only what was not read ahead", () => {
    const own = new FakeKernel(KERNEL, { eth0: NIC_ON, "vif3.0": VIF_ON, "tap3.0": VIF_ON });
    const ahead = readGuestFeatures(own);
    expect([...(ahead?.readings.keys() ?? [])]).toEqual(["vif3.0", "tap3.0"]);
    for (const device of own.devices.keys()) own.devices.set(device, NIC_OFF);
    own.devices.set("vif3.1", VIF_ON);
    const web = vm("web", { domid: 3 });
    const interfaces = [nic(pif("eth0")), guest(vif(web, "0")), guest(vif(web, "1"))];
    const { readings } = readInterfaceFeatures(interfaces, own, ahead);
    const readNow = (device: string) => {
      const observation = readings.get(device);
      return observation?.state === "read" ? observation.features : observation;
    };
    expect(readNow("vif3.0")).toBe(VIF_ON);
    expect(readNow("tap3.0")).toBe(VIF_ON);
    expect(readNow("eth0")).toBe(NIC_OFF);
    expect(readNow("vif3.1")).toBe(VIF_ON);
  });

  test("reports a missing device", () => {
    const { readings } = readInterfaceFeatures([nic(pif("eth9"))], kernel);
    expect(readings.get("eth9")).toEqual({ state: "missing" });
  });

  test("does not read vif3.0 for a VM of another host", () => {
    const away = vm("away", { domid: 3, residentOn: BETA });
    expect(readInterfaceFeatures([guest(vif(away, "0"))], kernel).readings.size).toBe(0);
  });
});

/** A kernel in which every eth is a NIC. */
const NO_LOWER = { hasLowerDevices: () => false, isNic: (device: string) => device.startsWith("eth") };

describe("resolveUnmanaged", () => {
  const existing = new Set(["lo", "eth0", "vif3.0", "tap3.0", "xenbr0"]);

  test("accepts devices of the kernel", () => {
    const found = resolveUnmanaged(
      [
        { text: "eth0", kind: "any" },
        { text: "vif3.0", kind: "any" },
        { text: "tap3.0", kind: "pif" },
      ],
      existing,
      NO_LOWER,
    );
    expect(found === null ? null : found).toEqual([
      { kind: "unmanaged", device: "eth0", deviceKind: "pif" },
      { kind: "unmanaged", device: "vif3.0", deviceKind: "vif" },
      { kind: "unmanaged", device: "tap3.0", deviceKind: "vif" },
    ]);
  });

  test.each([
    ["ALL", "any", ["eth0", "tap3.0", "vif3.0"]],
    ["ALL", "host", ["eth0", "tap3.0", "vif3.0"]],
    ["NICS", "any", ["eth0"]],
    ["VIFS", "any", ["tap3.0", "vif3.0"]],
  ] as const)("takes %s (%s) for the kernel's own NICs, vifs and taps", (text, kind, devices) => {
    const found = resolveUnmanaged([{ text, kind }], existing, NO_LOWER) ?? [];
    expect(found.map(({ device }) => device)).toEqual([...devices]);
    const twice =
      resolveUnmanaged(
        [
          { text: "eth0", kind: "any" },
          { text, kind },
        ],
        existing,
        NO_LOWER,
      ) ?? [];
    expect(new Set(twice.map(({ device }) => device)).size).toBe(twice.length);
  });

  test.each([
    ["a VM's name", { text: "web", kind: "any" }],
    ["--vm", { text: "eth0", kind: "vm" }],
  ] as const)("requires XAPI for %s and for targets beside it", (_, one) => {
    expect(resolveUnmanaged([one], existing, NO_LOWER)).toBeNull();
    expect(resolveUnmanaged([{ text: "eth0", kind: "any" }, one], existing, NO_LOWER)).toBeNull();
  });

  test("refuses --pif with an unknown device", () => {
    const resolve = () => resolveUnmanaged([{ text: "eth9", kind: "pif" }], existing, NO_LOWER);
    expect(failureOf(resolve).code).toBe("unknown-target");
  });

  test("checks the spelling of every target", () => {
    const requests = ["all", "", "eth0"].map((text) => ({ text, kind: "any" }) as const);
    const failures = failuresOf(() => resolveUnmanaged(requests, existing, NO_LOWER));
    expect(failures.map(({ code }) => code)).toEqual(["all-must-be-uppercase", "empty-target"]);
  });
});

test("resolveUnmanagedHost returns every device except loopback and the datapath", () => {
  const existing = new Set(["vif10.0", "lo", "eth10", "eth2", "ovs-system", "bonding_masters", "vif9.0"]);
  expect(resolveUnmanagedHost(existing)).toEqual([
    { kind: "unmanaged", device: "eth2", deviceKind: "pif" },
    { kind: "unmanaged", device: "eth10", deviceKind: "pif" },
    { kind: "unmanaged", device: "vif9.0", deviceKind: "vif" },
    { kind: "unmanaged", device: "vif10.0", deviceKind: "vif" },
  ]);
});

test("resolveUnmanagedHost matches the names of guest devices as a whole", () => {
  const found = resolveUnmanagedHost(new Set(["vif1.0x", "xvif1.0", "vif1", "tap1.2.3"]));
  expect(found.map(({ deviceKind }) => deviceKind)).toEqual(["pif", "pif", "pif", "pif"]);
});
