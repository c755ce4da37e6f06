import { describe, expect, test } from "bun:test";
import { listAllFeaturesOn, listFeaturesOn, readLiveState, readOtherConfig } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";
import { INSTALLED, Pool } from "../dom0/pool/pool.ts";
import type { SimulatorControl } from "../dom0/simulator/control.ts";

/** The features of a device, letter by letter, without its name. */
async function featuresOf(dom0: Dom0, device: string): Promise<string> {
  return (await dom0.text(["ethtool", "-k", device])).replace(/^.*\n/, "");
}

/** Every PIF, VIF and host as XAPI has it. */
async function records(dom0: Dom0): Promise<unknown> {
  const { PIF, VIF, host } = await dom0.simulator.database();
  return { PIF, VIF, host };
}

/** `other_config` of the VIFs of a VM. */
async function vifConfigs(simulator: SimulatorControl, vm: { readonly ref: string }) {
  const { VIF = {} } = await simulator.database();
  const own = Object.values(VIF).filter((vif) => vif["VM"] === vm.ref);
  return own.map((vif) => vif["other_config"]);
}

async function filesOf(dom0: Dom0): Promise<string> {
  return (await dom0.run(["sh", "-c", "ls /var/lib/offload | grep -v '^lock$'"])).stdout;
}

describe("restore", () => {
  test("restores everything after a host reboot, which loses the kernel bits on disk", async () => {
    await using dom0 = await Dom0.start({ vms: 1 });
    const vm = dom0.fixture.vm("web 1");
    const live = await featuresOf(dom0, "vif1.0");
    const nics = await Promise.all(["eth0", "eth1", "eth2", "eth3"].map((d) => featuresOf(dom0, d)));
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.guests.shutdown(vm);
    await dom0.toolstack.reboot();
    const domid = await dom0.guests.start(vm);
    expect((await dom0.ethtool(`vif${domid}.0`)).get("tx-checksum-ip-generic")?.active).toBe(false);
    const run = await dom0.offload("restore", "--yes");
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(await featuresOf(dom0, `vif${domid}.0`)).toBe(live);
    const after = await Promise.all(["eth0", "eth1", "eth2", "eth3"].map((d) => featuresOf(dom0, d)));
    expect(after).toEqual(nics);
    expect(await vifConfigs(dom0.simulator, vm)).toEqual([{}, {}]);
    expect(await filesOf(dom0)).toBe("");
  });

  test("restores everything after a reinstallation, including taps of guests", async () => {
    await using dom0 = await Dom0.start();
    const [live, stored] = [await readLiveState(dom0), await records(dom0)];
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.run(["rm", "-rf", "/var/lib/offload"]);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    // Feature by feature: that a part of the tap's tso was not requested is forgotten with the bits.
    const wholly = (state: string) => state.replaceAll(/(mangleid.*off) \[requested on\]/g, "$1");
    expect(wholly(await readLiveState(dom0))).toBe(wholly(live));
    expect(await records(dom0)).toEqual(stored);
  });

  test("restores devices that a guest's own reboot has created anew", async () => {
    await using dom0 = await Dom0.start();
    const live = await featuresOf(dom0, "vif2.0");
    const before = await readOtherConfig(dom0, "VIF", dom0.fixture.vif("db").ref);
    await dom0.offload("disable", "db");
    const domid = await dom0.guests.reboot(dom0.fixture.vm("db"), { from: "guest" });
    expect((await dom0.ethtool(`vif${domid}.0`)).get("tx-checksum-ip-generic")?.active).toBe(false);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await featuresOf(dom0, `vif${domid}.0`)).toBe(live);
    expect(await readOtherConfig(dom0, "VIF", dom0.fixture.vif("db").ref)).toEqual(before);
    // What was kept of its previous device is gone with that device.
    expect(await filesOf(dom0)).toBe("");
  });

  test("restores a clone alone, and leaves the original VM unchanged", async () => {
    await using dom0 = await Dom0.start();
    const { guests, simulator, fixture } = dom0;
    const vm = fixture.vm("pfSense");
    const before = await vifConfigs(simulator, vm);
    await dom0.offload("disable", "pfSense");
    const disabled = await vifConfigs(simulator, vm);
    const clone = await guests.clone(vm, "copy");
    const domid = await guests.start(clone);
    expect((await dom0.ethtool(`vif${domid}.0`)).get("tx-checksum-ip-generic")?.active).toBe(false);
    expect((await dom0.offload("restore", "copy")).exitCode).toBe(0);
    expect(await vifConfigs(simulator, clone)).toEqual(before);
    expect(await listFeaturesOn(dom0, `vif${domid}.0`)).not.toEqual([]);
    expect(await vifConfigs(simulator, vm)).toEqual(disabled);
    expect(await listFeaturesOn(dom0, "vif4.0")).toEqual([]);
  });

  test("restores a VM that was reverted to a snapshot, and the snapshot by UUID", async () => {
    await using dom0 = await Dom0.start();
    const { guests, simulator, fixture } = dom0;
    const vm = fixture.vm("db");
    const before = await vifConfigs(simulator, vm);
    await dom0.offload("disable", "db");
    const snapshot = await guests.snapshot(vm, "db, later");
    await dom0.offload("restore", "db");
    await guests.revert(snapshot);
    expect(await vifConfigs(simulator, vm)).not.toEqual(before);
    expect((await dom0.offload("restore", "db")).exitCode).toBe(0);
    expect(await vifConfigs(simulator, vm)).toEqual(before);
    const { VM = {} } = await simulator.database();
    expect((await dom0.offload("restore", String(VM[snapshot.ref]?.["uuid"]))).exitCode).toBe(0);
    expect(await vifConfigs(simulator, snapshot)).toEqual(before);
  });

  test("restores an exported VM in the pool that imported it", async () => {
    await using dom0 = await Dom0.start();
    await using other = await Dom0.start({ nics: 1, vms: 0, seed: 2 });
    const vm = dom0.fixture.vm("pfSense");
    const before = await vifConfigs(dom0.simulator, vm);
    await dom0.offload("disable", "pfSense");
    const imported = await other.guests.import(await dom0.guests.export(vm));
    const domid = await other.guests.start(imported);
    expect((await other.offload("restore", "pfSense")).exitCode).toBe(0);
    expect(await vifConfigs(other.simulator, imported)).toEqual(before);
    expect(await listFeaturesOn(other, `vif${domid}.0`)).not.toEqual([]);
  });

  test("completes on the host that a VM has migrated to, and says so on the previous one", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [from, to] = [pool.host(0), pool.host(1)];
    const vm = from.fixture.vm("vm 1-1");
    await from.run([INSTALLED, "disable", "vm 1-1"]);
    const domid = await pool.guests.migrate(vm, to);
    expect(await listFeaturesOn(to, `vif${domid}.0`)).not.toContain("tx-checksum-ip-generic");
    const early = await from.run([INSTALLED, "restore", "vm 1-1"]);
    expect(early.exitCode).toBe(1);
    expect(early.stdout).toContain('its VM runs on "xcp-2"; run offload restore there');
    const [between] = await vifConfigs(pool.simulator, vm);
    expect(Object.keys(between ?? {})).toEqual([expect.stringMatching(/^offload-/)]);
    expect((await to.run([INSTALLED, "restore", "--yes"])).exitCode).toBe(0);
    expect(await vifConfigs(pool.simulator, vm)).toEqual([{}]);
    expect(await listFeaturesOn(to, `vif${domid}.0`)).toContain("tx-checksum-ip-generic");
  });

  test("works on any host of the pool for a VM that is not running", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 0 });
    const vm = pool.host(0).fixture.vm("archive");
    await pool.host(0).run([INSTALLED, "disable", "archive"]);
    expect(await vifConfigs(pool.simulator, vm)).not.toEqual([{}]);
    expect((await pool.host(1).run([INSTALLED, "restore", "archive"])).exitCode).toBe(0);
    expect(await vifConfigs(pool.simulator, vm)).toEqual([{}]);
  });

  test("counts the VMs that run on other hosts, which it leaves out", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["coordinator"] });
    await dom0.offload("disable", "ALL", "--yes");
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain('2 VMs left out, which run on "xcp-2"');
    expect(await listAllFeaturesOn(dom0)).not.toEqual([]);
  });
});
