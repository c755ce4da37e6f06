import { describe, expect, test } from "bun:test";
import { listFeaturesOn, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { readFeaturesText } from "./expected-findings.ts";

/** Every host, PIF and VIF with all its fields. */
async function records(dom0: Dom0): Promise<unknown> {
  const { host, PIF, VIF } = await dom0.simulator.database();
  return { host, PIF, VIF };
}

/** Waits until a slow run has written that many records. */
async function untilWritten(dom0: Dom0, count: number): Promise<void> {
  for (;;) {
    const calls = await dom0.simulator.calls();
    if (calls.filter(({ write }) => write).length >= count) return;
    await Bun.sleep(2);
  }
}

describe("a run that waited for another run", () => {
  test("restores everything when restore waited for disable", async () => {
    await using dom0 = await Dom0.start();
    const [live, stored] = [await readLiveState(dom0), await records(dom0)];
    await dom0.simulator.fault({ fault: "slow", ms: 30 });
    const first = dom0.spawn([OFFLOAD, "disable", "ALL", "--yes"]);
    await untilWritten(dom0, 1);
    const second = dom0.offload("restore", "--yes", "--wait", "60");
    expect((await first.exited).exitCode).toBe(0);
    expect((await second).exitCode).toBe(0);
    await dom0.simulator.fault({ fault: "none" });
    expect(await readLiveState(dom0)).toBe(live);
    expect(await records(dom0)).toEqual(stored);
  });

  test("turns off what was restored when disable waited for restore", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.simulator.fault({ fault: "slow", ms: 30 });
    await dom0.simulator.clearCalls();
    const first = dom0.spawn([OFFLOAD, "restore", "--yes"]);
    await untilWritten(dom0, 1);
    const second = dom0.offload("disable", "eth1", "--live-only", "--wait", "60");
    expect((await first.exited).exitCode).toBe(0);
    const { exitCode } = await second;
    await dom0.simulator.fault({ fault: "none" });
    const { stdout } = await dom0.run(["ethtool", "-k", "eth1"]);
    const isOff = stdout.includes("tcp-segmentation-offload: off");
    expect({ exitCode, isOff }).toEqual({ exitCode: 0, isOff: true });
  });
});

test("restore of a NIC by name exits 0 with a dead XAPI only when everything is restored", async () => {
  await using dom0 = await Dom0.start();
  const live = await readLiveState(dom0);
  await dom0.offload("disable", "eth1");
  await dom0.simulator.fault({ fault: "die" });
  const { exitCode } = await dom0.offload("restore", "eth1");
  if (exitCode === 0) expect(await readLiveState(dom0)).toBe(live);
  else expect(exitCode).toBeOneOf([1, 3]);
});

describe("restore turns on what something else turned off", () => {
  test("when it was the boot script", async () => {
    await using dom0 = await Dom0.start();
    const live = await readLiveState(dom0);
    await dom0.offload("disable", "eth1", "--features=tso");
    await dom0.offload("disable", "eth2", "--features=sg");
    expect((await dom0.offload("persist")).exitCode).toBe(0);
    expect((await dom0.offload("persist", "--remove")).exitCode).toBe(0);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await readLiveState(dom0)).toBe(live);
  });

  test("when it was the start of a VM with our settings", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "backup");
    const device = `vif${await dom0.guests.start(dom0.fixture.vm("backup"))}.0`;
    // netback has rx fixed on, a veth has not; gro of a VIF is kept off by no setting.
    expect(await listFeaturesOn(dom0, device)).toEqual(["rx-checksumming", "generic-receive-offload"]);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    await dom0.link.add("vif60.0");
    expect(await readFeaturesText(dom0, device)).toBe(await readFeaturesText(dom0, "vif60.0"));
  });
});

describe("after restore", () => {
  test("a toolstack restart leaves every NIC unchanged", async () => {
    await using dom0 = await Dom0.start();
    await dom0.setFeatures("eth1", "gro", "off");
    const live = await readLiveState(dom0);
    await dom0.offload("disable", "NICS", "--yes");
    await dom0.toolstack.restart();
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await readLiveState(dom0)).toBe(live);
    // networkd itself turns gro on, with every plug.
    await dom0.setFeatures("eth1", "gro", "on");
    const before = await readLiveState(dom0);
    await dom0.toolstack.restart();
    expect(await readLiveState(dom0)).toBe(before);
  });

  test("the boot layer stays when XAPI was down", async () => {
    await using dom0 = await Dom0.start();
    expect((await dom0.offload("persist", "NICS", "--yes")).exitCode).toBe(0);
    const before = await dom0.text(["cat", "/etc/offload/disable-offloads"]);
    await dom0.killXapi();
    await dom0.offload("restore", "eth1");
    expect(await dom0.text(["cat", "/etc/offload/disable-offloads"])).toBe(before);
  });
});
