import { describe, expect, test } from "bun:test";
import { liveState } from "../commands/truth.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { featuresText } from "./judge.ts";

/** Every record of every PIF and VIF. */
async function records(dom0: Dom0): Promise<unknown> {
  const { PIF, VIF } = await dom0.simulator.database();
  return { PIF, VIF };
}

/** Waits until a slow run has written that many records. */
async function untilWritten(dom0: Dom0, count: number): Promise<void> {
  for (;;) {
    const calls = await dom0.simulator.calls();
    if (calls.filter(({ write }) => write).length >= count) return;
    await Bun.sleep(2);
  }
}

describe("a run that has waited for another", () => {
  test("restore behind disable: puts back all of it, or keeps it in the journal", async () => {
    await using dom0 = await Dom0.start();
    const [live, recorded] = [await liveState(dom0), await records(dom0)];
    await dom0.simulator.fault({ fault: "slow", ms: 30 });
    const first = dom0.spawn([OFFLOAD, "disable", "ALL", "--yes"]);
    await untilWritten(dom0, 1);
    const second = dom0.offload("restore", "--yes", "--wait", "60");
    expect((await first.exited).exitCode).toBe(0);
    await second;
    await dom0.simulator.fault({ fault: "none" });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await liveState(dom0)).toBe(live);
    expect(await records(dom0)).toEqual(recorded);
  });

  test("disable behind restore: exit code 0 and off, or it says what is on", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.simulator.fault({ fault: "slow", ms: 30 });
    await dom0.simulator.clearCalls();
    const first = dom0.spawn([OFFLOAD, "restore", "--yes"]);
    await untilWritten(dom0, 1);
    const second = dom0.offload("disable", "eth1", "--no-record", "--wait", "60");
    expect((await first.exited).exitCode).toBe(0);
    const { exitCode } = await second;
    await dom0.simulator.fault({ fault: "none" });
    const { stdout } = await dom0.run(["ethtool", "-k", "eth1"]);
    const isOff = stdout.includes("tcp-segmentation-offload: off");
    expect({ exitCode, isOff }).toEqual({ exitCode: 0, isOff: true });
  });
});

test("restore of a NIC by name while XAPI is dead: not exit code 0 with nothing done", async () => {
  await using dom0 = await Dom0.start();
  const live = await liveState(dom0);
  await dom0.offload("disable", "eth1");
  await dom0.simulator.fault({ fault: "die" });
  const { exitCode } = await dom0.offload("restore", "eth1");
  if (exitCode === 0) expect(await liveState(dom0)).toBe(live);
  else expect(exitCode).toBeOneOf([1, 3]);
});

describe("what was turned off by other ways than disable's own", () => {
  test("persist's loop: restore puts back what it turned off", async () => {
    await using dom0 = await Dom0.start();
    const live = await liveState(dom0);
    await dom0.offload("disable", "eth1", "--features=tso");
    await dom0.offload("disable", "eth2", "--features=sg");
    expect((await dom0.offload("persist")).exitCode).toBe(0);
    expect((await dom0.offload("persist", "--remove")).exitCode).toBe(0);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await liveState(dom0)).toBe(live);
  });

  test("our records, at the start of a VM that was halted: restore turns its device on, or says that it is off", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "backup");
    const { ref } = dom0.world.vm("backup");
    await dom0.link.add("vif60.0");
    const fresh = await featuresText(dom0, "vif60.0");
    // As the hotplug script leaves it, which applies our records.
    await dom0.setFeatures("vif60.0", "tx", "off", "sg", "off", "tso", "off", "gso", "off");
    await dom0.simulator.set(
      ["VIF", dom0.world.vif("backup").ref, "currently_attached", true],
      ["VM", ref, "domid", 60],
      ["VM", ref, "resident_on", dom0.world.host.ref],
      ["VM", ref, "power_state", "Running"],
    );
    const run = await dom0.offload("restore", "--yes");
    const isFresh = (await featuresText(dom0, "vif60.0")) === fresh;
    expect(isFresh || /vif60\.0: .*(?:start|plug)/.test(run.stdout)).toBe(true);
  });
});
