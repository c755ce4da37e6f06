import { describe, expect, test } from "bun:test";
import { planLiveOnly } from "../../src/core/disable/plan.ts";
import { collectPreviousRequests, revertDevices } from "../../src/core/pending-change.ts";
import { readInterfaceFeatures } from "../../src/core/targets/interface-features.ts";
import { featureSet, KERNEL, NIC_ON, nic, pif } from "../builders/hosts.ts";
import { EVERYTHING } from "../fakes/change-host.ts";
import { FakeKernel } from "../fakes/kernel.ts";

const REQUESTED_ON = featureSet(KERNEL, {
  "rx-gro": "on",
  "tx-tcp-segmentation": "off requested on",
  "rx-lro": "off",
});

/** A kernel with two NICs whose change is pending. */
function changed() {
  const kernel = new FakeKernel(KERNEL, { eth0: NIC_ON, eth1: REQUESTED_ON });
  const interfaces = [nic(pif("eth0")), nic(pif("eth1"))];
  const plan = planLiveOnly(interfaces, EVERYTHING, {
    snapshot: readInterfaceFeatures(interfaces, kernel),
    getKernelBits: () => null,
  });
  const change = { devices: collectPreviousRequests(plan.live, plan.before) };
  for (const { device, request } of plan.live) kernel.requestFeatures(device, request);
  kernel.writes.length = 0;
  return { kernel, change };
}

test("a pending change saves the requested bits of what it clears, and no more", () => {
  const { change } = changed();
  expect(Object.fromEntries(change.devices.get("eth1") ?? [])).toEqual({
    "rx-gro": true,
    "tx-tcp-segmentation": true,
  });
});

describe("reverting a pending change", () => {
  test("requests exactly what was requested before, with one write per device", () => {
    const { kernel, change } = changed();
    expect(revertDevices(change, kernel)).toEqual([]);
    expect(kernel.devices.get("eth0")?.requested).toEqual(NIC_ON.requested);
    expect(kernel.devices.get("eth1")?.requested).toEqual(REQUESTED_ON.requested);
    expect(kernel.writes).toEqual(["eth0", "eth1"]);
    expect(revertDevices(change, kernel)).toEqual([]);
    expect(kernel.writes).toHaveLength(2);
  });

  test("ignores a removed device", () => {
    const { kernel, change } = changed();
    kernel.devices.delete("eth0");
    expect(revertDevices(change, kernel)).toEqual([]);
    expect(kernel.devices.get("eth1")?.requested).toEqual(REQUESTED_ON.requested);
  });

  test("reports an unreadable device and a driver that does not comply", () => {
    const { kernel, change } = changed();
    kernel.unreadable.add("eth0");
    kernel.ignoringRequests.add("eth1");
    expect(revertDevices(change, kernel).map(({ device, message }) => [device, message])).toEqual([
      ["eth0", "eth0: not reverted: permission denied"],
      ["eth1", "eth1: not reverted: the driver did not follow"],
    ]);
  });
});
