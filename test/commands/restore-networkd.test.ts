import { describe, expect, test } from "bun:test";
import { listFeaturesOn, readLiveState, readOtherConfig } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";

const isOn = async (dom0: Dom0, device: string, feature: string) => (await dom0.ethtool(device)).get(feature)?.active;

/** The keys of a NIC's `other_config`. */
async function keysOf(dom0: Dom0, device: string): Promise<readonly string[]> {
  return Object.keys(await readOtherConfig(dom0, "PIF", dom0.fixture.pif(device).ref));
}

/** The devices that networkd has configured since the last time. */
async function configured(dom0: Dom0): Promise<readonly string[]> {
  const commands = await dom0.toolstack.networkdCommands();
  return commands.map((command) => command.split(" ")[2] ?? "");
}

describe("restore with networkd", () => {
  test("keeps everything on after a toolstack restart, on every NIC and bond slave", async () => {
    await using dom0 = await Dom0.start({ vms: 0 });
    const live = await readLiveState(dom0);
    await dom0.offload("disable", "NICS", "--yes");
    // A plug, so that networkd remembers.
    await dom0.toolstack.restart();
    await dom0.toolstack.networkdCommands();
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(new Set(await configured(dom0))).toEqual(new Set(["eth0", "xenbr0", "eth1", "eth2", "eth3"]));
    expect(await readLiveState(dom0)).toBe(live);
    await dom0.toolstack.restart();
    expect(await readLiveState(dom0)).toBe(live);
  });

  test("plugs PIFs for that, while disable and persist plug none", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("persist", "--yes");
    expect(await dom0.toolstack.networkdCommands()).toEqual([]);
  });

  test("restores what plugging a bond changed on the other slave", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth2");
    await dom0.offload("disable", "eth3", "--features", "gro", "--live-only");
    expect((await dom0.offload("restore", "eth2")).exitCode).toBe(0);
    expect(await configured(dom0)).toContain("eth3");
    expect(await isOn(dom0, "eth3", "generic-receive-offload")).toBe(false);
    expect(await isOn(dom0, "eth2", "generic-receive-offload")).toBe(true);
  });

  test("turns off GRO that was off before and that the plug turned on", async () => {
    await using dom0 = await Dom0.start();
    await dom0.setFeatures("eth1", "gro", "off");
    await dom0.offload("disable", "eth1");
    expect((await dom0.offload("restore", "eth1")).exitCode).toBe(0);
    expect(await configured(dom0)).toContain("eth1");
    expect(await isOn(dom0, "eth1", "generic-receive-offload")).toBe(false);
  });

  test("keeps what is stored when a plug fails, and completes in the next run", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    const fault = { fault: "error", method: "PIF.plug", code: "PIF_CONFIGURATION_ERROR" } as const;
    await dom0.simulator.fault(fault);
    const run = await dom0.offload("restore", "eth1");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("XAPI did not plug eth1");
    expect(await keysOf(dom0, "eth1")).toEqual([expect.stringMatching(/^offload-/)]);
    await dom0.simulator.fault({ fault: "none" });
    expect((await dom0.offload("restore", "eth1")).exitCode).toBe(0);
    expect(await configured(dom0)).toContain("eth1");
    expect(await keysOf(dom0, "eth1")).toEqual([]);
    expect(await listFeaturesOn(dom0, "eth1")).not.toEqual([]);
  });

  test("plugs nothing with --no-replug, and says what networkd will do later", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    await dom0.toolstack.restart();
    await dom0.toolstack.networkdCommands();
    const run = await dom0.offload("restore", "eth1", "--no-replug");
    expect(run.exitCode).toBe(0);
    expect(await configured(dom0)).toEqual([]);
    expect(run.stdout).toContain(
      "eth1: networkd still remembers rx, tx, sg, tso and gso off and turns them off at its next start",
    );
    expect(await isOn(dom0, "eth1", "tx-checksum-ip-generic")).toBe(true);
    await dom0.toolstack.restart();
    expect(await isOn(dom0, "eth1", "tx-checksum-ip-generic")).toBe(false);
  });

  test("does not plug a PIF whose plug would remove its address", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth0");
    const address = ["192.0.2.99/24", "dev", "xenbr0"];
    await dom0.text(["ip", "address", "add", ...address]);
    const run = await dom0.offload("restore", "eth0");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("192.0.2.99/24 of xenbr0");
    expect(await configured(dom0)).toEqual([]);
    expect(await dom0.text(["ip", "-o", "address", "show", "xenbr0"])).toContain("192.0.2.99/24");
    expect(await keysOf(dom0, "eth0")).toEqual([expect.stringMatching(/^offload-/)]);
    await dom0.text(["ip", "address", "delete", ...address]);
    expect((await dom0.offload("restore", "eth0")).exitCode).toBe(0);
    expect(await keysOf(dom0, "eth0")).toEqual([]);
  });

  test("does not plug a PIF that is not attached", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.pif("eth1");
    await dom0.offload("disable", "eth1");
    await dom0.simulator.set(["PIF", ref, "currently_attached", false]);
    expect((await dom0.offload("restore", "eth1")).exitCode).toBe(0);
    expect(await configured(dom0)).toEqual([]);
    const { PIF } = await dom0.simulator.database();
    expect(PIF?.[ref]?.["currently_attached"]).toBe(false);
    expect(await listFeaturesOn(dom0, "eth1")).not.toEqual([]);
  });
});
