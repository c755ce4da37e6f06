import { describe, expect, test } from "bun:test";
import { listFeaturesOn, listWrites, readLiveState, readOtherConfig } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";

const NICS = ["eth0", "eth1", "eth2", "eth3"];

/** Every PIF and VIF of XAPI, by its handle. */
async function readDatabase(dom0: Dom0) {
  const { PIF, VIF } = await dom0.simulator.database();
  return { PIF, VIF };
}

/** What a script that turns everything off has left: six keys on each PIF and VIF, and live off. */
async function runOldScript(dom0: Dom0): Promise<void> {
  const keys = ["rx", "tx", "sg", "tso", "ufo", "gso"].map((feature) => [`ethtool-${feature}`, "off"]);
  const { PIF = {}, VIF = {} } = await dom0.simulator.database();
  for (const [kind, refs] of [["PIF", Object.keys(PIF)] as const, ["VIF", Object.keys(VIF)] as const]) {
    for (const ref of refs) {
      const before = await readOtherConfig(dom0, kind, ref);
      await dom0.simulator.set([kind, ref, "other_config", { ...before, ...Object.fromEntries(keys) }]);
    }
  }
  for (const device of [...NICS, "vif1.0", "vif2.0"]) {
    for (const feature of ["rx", "tx", "sg", "tso", "gso"]) await dom0.run(["ethtool", "-K", device, feature, "off"]);
  }
}

describe("enable", () => {
  test("turns on what an old script turned off, removes its settings, and changes nothing the second time", async () => {
    await using dom0 = await Dom0.start();
    const live = await Promise.all(NICS.map((device) => listFeaturesOn(dom0, device)));
    await runOldScript(dom0);
    const run = await dom0.offload("enable", "ALL", "--yes");
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(await Promise.all(NICS.map((device) => listFeaturesOn(dom0, device)))).toEqual(live);
    const { ref } = dom0.fixture.vif("db");
    const config = await readOtherConfig(dom0, "VIF", ref);
    expect(Object.keys(config).filter((key) => /^ethtool-(rx|tx|sg|tso|ufo|gso)$/.test(key))).toEqual([]);
    await dom0.simulator.clearCalls();
    const second = await dom0.offload("enable", "ALL", "--yes");
    expect(second.stdout).toContain("Nothing had to be changed.");
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("is undone by restore, byte for byte, settings that nothing reads included", async () => {
    await using dom0 = await Dom0.start();
    await runOldScript(dom0);
    const { ref } = dom0.fixture.vif("db");
    const config = await readOtherConfig(dom0, "VIF", ref);
    const wrong = { "ethtool-gro": "off", ethtooltso: "Off", "ETHTOOL-SG": "0", "ethtool-ntuple": "off", mine: "off" };
    await dom0.simulator.set(["VIF", ref, "other_config", { ...config, ...wrong }]);
    const before = { ...(await readDatabase(dom0)), live: await readLiveState(dom0) };
    expect((await dom0.offload("enable", "ALL", "--yes")).exitCode).toBe(0);
    expect(await readOtherConfig(dom0, "VIF", ref)).not.toContainKeys(["ethtool-gro", "ethtooltso", "ETHTOOL-SG"]);
    expect(await readOtherConfig(dom0, "VIF", ref)).toMatchObject({ "ethtool-ntuple": "off", mine: "off" });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect({ ...(await readDatabase(dom0)), live: await readLiveState(dom0) }).toEqual(before);
  });

  test("after disable gives back what was on, and restore leaves nothing of either", async () => {
    await using dom0 = await Dom0.start();
    const before = { ...(await readDatabase(dom0)), live: await readLiveState(dom0) };
    await dom0.offload("disable", "ALL", "--yes");
    expect((await dom0.offload("enable", "ALL", "--yes")).exitCode).toBe(0);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect({ ...(await readDatabase(dom0)), live: await readLiveState(dom0) }).toEqual(before);
  });

  test("that could not remove what disable wrote does not make restore take that for someone else's", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.pif("eth1");
    await dom0.simulator.set(["PIF", ref, "other_config", { "ethtool-tso": "on", note: "rack 4" }]);
    const before = { ...(await readDatabase(dom0)), live: await readLiveState(dom0) };
    await dom0.offload("disable", "eth1");
    const method = "PIF.remove_from_other_config";
    await dom0.simulator.fault({ fault: "error", method, code: "INTERNAL_ERROR", params: ["Not_found"] });
    for (let n = 0; n < 2; n += 1) expect((await dom0.offload("enable", "eth1")).exitCode).toBe(1);
    await dom0.simulator.fault({ fault: "none" });
    expect(await readOtherConfig(dom0, "PIF", ref)).toMatchObject({ "ethtool-tso": "off", "ethtool-sg": "off" });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect({ ...(await readDatabase(dom0)), live: await readLiveState(dom0) }).toEqual(before);
  });

  test("of one NIC under a rule is an exception, which verify and the boot script know", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "NICS", "--yes");
    expect((await dom0.offload("enable", "eth1")).exitCode).toBe(0);
    expect(await listFeaturesOn(dom0, "eth1")).not.toEqual([]);
    expect((await dom0.offload("verify")).exitCode).toBe(0);
    await dom0.text(["/etc/offload/disable-offloads"]);
    expect(await listFeaturesOn(dom0, "eth1")).not.toEqual([]);
    expect(await listFeaturesOn(dom0, "eth2")).toEqual([]);
  });

  test("ALL takes the rule away, and with it what persist installed", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "ALL", "--yes");
    const run = await dom0.offload("enable", "ALL", "--yes");
    expect(run.stdout).toContain("what persist had installed was removed");
    const host = await readOtherConfig(dom0, "host", dom0.fixture.host.ref);
    expect(Object.keys(host).filter((key) => key.startsWith("offload-"))).toEqual([]);
    expect((await dom0.run(["test", "-e", "/etc/offload"])).exitCode).toBe(1);
  });

  test("refuses ALL without --yes when stdin is not a terminal, and a line without a target", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    await dom0.simulator.clearCalls();
    const all = await dom0.offload("enable", "ALL");
    expect(all.exitCode).toBe(2);
    expect(all.stderr).toContain("--yes");
    expect((await dom0.offload("enable")).exitCode).toBe(2);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("of a running VM is told to xenopsd, so that a reboot from within keeps it", async () => {
    await using dom0 = await Dom0.start();
    const vm = dom0.fixture.vm("pfSense");
    const { ref } = dom0.fixture.vif("pfSense");
    await dom0.offload("disable", "pfSense");
    expect((await dom0.offload("enable", "pfSense")).exitCode).toBe(0);
    expect((await dom0.guests.readXenopsdConfigs(vm))[ref]).not.toContainKey("ethtool-tx");
    const domid = await dom0.guests.reboot(vm, { from: "guest" });
    expect((await dom0.ethtool(`vif${domid}.0`)).get("tx-checksumming")?.active).toBe(true);
  });

  test("with --live-only writes nothing in XAPI", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    await dom0.simulator.clearCalls();
    expect((await dom0.offload("enable", "eth1", "--live-only")).exitCode).toBe(0);
    expect(await listWrites(dom0)).toEqual([]);
    expect(await listFeaturesOn(dom0, "eth1")).not.toEqual([]);
  });

  test("replugs a NIC of which networkd remembers that features are off", async () => {
    await using dom0 = await Dom0.start({ vms: 0 });
    await dom0.offload("disable", "eth1");
    await dom0.toolstack.restart();
    await dom0.toolstack.networkdCommands();
    expect((await dom0.offload("enable", "eth1")).exitCode).toBe(0);
    const commands = await dom0.toolstack.networkdCommands();
    expect(commands.map((command) => command.split(" ")[2])).toContain("eth1");
    const live = await dom0.text(["ethtool", "-k", "eth1"]);
    await dom0.toolstack.restart();
    expect(await dom0.text(["ethtool", "-k", "eth1"])).toBe(live);
    expect(await listFeaturesOn(dom0, "eth1")).not.toEqual([]);
  });

  test("with --confirm-within goes back unless it is confirmed", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    const before = await readDatabase(dom0);
    const run = await dom0.offload("enable", "eth1", "--confirm-within", "5");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("not confirmed");
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    expect(await readDatabase(dom0)).toEqual(before);
  }, 30_000);

  test("with --features touches no other", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    expect((await dom0.offload("enable", "eth1", "--features", "gro")).exitCode).toBe(0);
    const features = await dom0.ethtool("eth1");
    expect(features.get("generic-receive-offload")?.active).toBe(true);
    expect(features.get("tcp-segmentation-offload")?.active).toBe(false);
    expect(await readOtherConfig(dom0, "PIF", dom0.fixture.pif("eth1").ref)).toMatchObject({ "ethtool-tso": "off" });
    expect((await dom0.offload("verify")).exitCode).toBe(0);
  });
});

describe("a host on which an old script turned everything off", () => {
  test("is told by restore that nothing is offload's own, and how to return", async () => {
    await using dom0 = await Dom0.start();
    await runOldScript(dom0);
    await dom0.simulator.clearCalls();
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(0);
    expect(run.stdout.replaceAll(/\s+/g, " ")).toMatch(
      /offload has nothing of its own to restore; \d+ settings on 4 PIFs and \d+ VIFs that say off were made by others/,
    );
    expect(run.stdout).toContain("offload enable ALL");
    expect(await listWrites(dom0)).toEqual([]);
    expect((await dom0.offload("restore", "eth1")).stdout).toContain("offload enable eth1");
  });

  test("is told nothing of the kind by restore where offload has something to restore", async () => {
    await using dom0 = await Dom0.start();
    await runOldScript(dom0);
    await dom0.offload("disable", "ALL", "--yes");
    expect((await dom0.offload("restore", "--yes")).stdout).not.toContain("offload enable");
  });

  test("is told by doctor who wrote the settings, most likely, and both ways", async () => {
    await using dom0 = await Dom0.start({ vms: 0 });
    await runOldScript(dom0);
    const page = (await dom0.offload("doctor")).stdout.replaceAll(/\s+/g, " ");
    expect(page).toContain("36 settings on 4 PIFs and 2 VIFs say off");
    expect(page).toContain("most likely a script wrote them");
    expect(page).toContain("offload disable ALL");
    expect(page).toContain("offload enable ALL");
  });

  test("is told nothing of the kind by doctor once the policy says off", async () => {
    await using dom0 = await Dom0.start({ vms: 0 });
    await runOldScript(dom0);
    await dom0.offload("disable", "ALL", "--yes");
    expect((await dom0.offload("doctor")).stdout).not.toContain("offload enable");
  });
});
