import { describe, expect, test } from "bun:test";
import { planDisable } from "../../src/offload/disable.ts";
import { DEFAULT_KEYWORDS } from "../../src/offload/features.ts";
import { survey } from "../../src/offload/survey.ts";
import { formerRequests, revertDevices, type Trial } from "../../src/offload/trial.ts";
import { MemoryKernel } from "./memory.ts";
import { featureSet, KERNEL, NIC_ON, nic, pif, valued } from "./worlds.ts";

const LATENT = featureSet(KERNEL, {
  "rx-gro": "on",
  "tx-tcp-segmentation": "latent",
  "rx-lro": "off",
});

/** A kernel with two NICs on trial. */
function tried() {
  const kernel = new MemoryKernel(KERNEL, { eth0: NIC_ON, eth1: LATENT });
  const interfaces = [nic(pif("eth0")), nic(pif("eth1"))];
  const plan = planDisable(interfaces, DEFAULT_KEYWORDS, valued(survey(interfaces, kernel)));
  const trial: Trial = {
    deadline: 0,
    bootId: "",
    targets: [],
    keywords: DEFAULT_KEYWORDS,
    devices: formerRequests(plan.live, plan.before),
    journal: new Map(),
  };
  for (const { device, clear } of plan.live) kernel.clear(device, clear);
  kernel.writes.length = 0;
  return { kernel, trial };
}

describe("a trial that is put back", () => {
  test("asks for exactly what was asked for before, with one write a device", () => {
    const { kernel, trial } = tried();
    expect(valued(revertDevices(trial, kernel))).toEqual([]);
    expect(kernel.devices.get("eth0")?.requested).toEqual(NIC_ON.requested);
    expect(kernel.devices.get("eth1")?.requested).toEqual(LATENT.requested);
    expect(kernel.writes).toEqual(["eth0", "eth1"]);
    expect(valued(revertDevices(trial, kernel))).toEqual([]);
    expect(kernel.writes).toHaveLength(2);
  });

  test("a device that has gone took its features along", () => {
    const { kernel, trial } = tried();
    kernel.devices.delete("eth0");
    expect(valued(revertDevices(trial, kernel))).toEqual([]);
    expect(kernel.devices.get("eth1")?.requested).toEqual(LATENT.requested);
  });

  test("one that cannot be read, and one whose driver does not follow: told by name", () => {
    const { kernel, trial } = tried();
    kernel.unreadable.add("eth0");
    kernel.deaf.add("eth1");
    expect(
      valued(revertDevices(trial, kernel)).map(({ device, message }) => [device, message]),
    ).toEqual([
      ["eth0", "eth0: not put back: permission denied"],
      ["eth1", "eth1: not put back: the driver did not follow"],
    ]);
  });
});
