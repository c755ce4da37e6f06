import { describe, expect, test } from "bun:test";
import {
  listAllFeaturesOn,
  listFeaturesOn,
  listWrites,
  readLiveState,
  readOtherConfig,
} from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

/** Every PIF, VIF and host as XAPI has it, to see that nothing of them changed. */
async function records(dom0: Dom0): Promise<unknown> {
  const { PIF, VIF, host } = await dom0.simulator.database();
  return { PIF, VIF, host };
}

/** The keys of an `other_config` that are settings. */
function settingsIn(config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !key.startsWith("offload-")));
}

/** The live state of one device, letter by letter. */
function deviceState(dom0: Dom0, device: string): Promise<string> {
  return dom0.text(["ethtool", "-k", device]);
}

async function fileNames(dom0: Dom0): Promise<string[]> {
  const { stdout } = await dom0.run(["ls", "-A", "/var/lib/offload"]);
  return stdout.split("\n").filter((name) => name !== "");
}

describe("restore", () => {
  test("restores kernel and XAPI byte for byte after disable ALL, and leaves no file", async () => {
    await using dom0 = await Dom0.start();
    const [live, stored] = [await readLiveState(dom0), await records(dom0)];
    await dom0.offload("disable", "ALL", "--yes");
    expect(await readLiveState(dom0)).not.toBe(live);
    const run = await dom0.offload("restore", "--yes");
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(await readLiveState(dom0)).toBe(live);
    expect(await records(dom0)).toEqual(stored);
    expect(await fileNames(dom0)).toEqual([]);
  });

  test("ignores the state that a second disable finds", async () => {
    await using dom0 = await Dom0.start();
    const live = await readLiveState(dom0);
    await dom0.offload("disable", "ALL", "--yes", "--features", "tso");
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("restore", "--yes");
    expect(await readLiveState(dom0)).toBe(live);
  });

  test("restores off and requested-on features as they were", async () => {
    await using dom0 = await Dom0.start();
    await dom0.setFeatures("vif1.0", "sg", "off");
    await dom0.setFeatures("eth1", "gro", "off", "rx", "off");
    const live = await readLiveState(dom0);
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("restore", "--yes");
    expect(await readLiveState(dom0)).toBe(live);
  });

  test("restores only the named targets", async () => {
    await using dom0 = await Dom0.start();
    const live = await readLiveState(dom0);
    await dom0.offload("disable", "ALL", "--yes");
    expect((await dom0.offload("restore", "eth1", "web 1")).exitCode).toBe(0);
    expect(await listFeaturesOn(dom0, "eth1")).not.toEqual([]);
    expect(await listFeaturesOn(dom0, "vif1.0")).not.toEqual([]);
    expect(await listFeaturesOn(dom0, "eth0")).toEqual([]);
    await dom0.offload("restore", "--yes");
    expect(await readLiveState(dom0)).toBe(live);
  });

  test("asks before it restores everything, and refuses without a terminal", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    for (const targets of [[], ["ALL"], ["NICS"]]) {
      expect((await dom0.offload("restore", ...targets)).exitCode).toBe(2);
    }
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    const asked = await dom0.run([OFFLOAD, "restore"], {
      tty: true,
      answers: [{ prompt: /Restore \d+ devices and \d+ settings in XAPI\?/, input: "y" }],
    });
    expect(asked.exitCode).toBe(0);
    expect(asked.stdout).toContain("XAPI replugs: eth0 (management), eth1 and bond0");
    expect(await listAllFeaturesOn(dom0)).not.toEqual([]);
  });

  test("prints commands with the same effect with --dry-run, and changes nothing", async () => {
    await using dom0 = await Dom0.start();
    const live = await readLiveState(dom0);
    await dom0.offload("disable", "eth1", "--live-only");
    const { stdout } = await dom0.offload("restore", "eth1", "--dry-run");
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    expect((await dom0.run(["sh", "-e"], { stdin: stdout })).exitCode).toBe(0);
    expect(await readLiveState(dom0)).toBe(live);
  });

  test("keeps a setting that someone else has changed since, reports it, and restores it with --force", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    const { ref } = dom0.fixture.pif("eth1");
    const config = await readOtherConfig(dom0, "PIF", ref);
    await dom0.simulator.set(["PIF", ref, "other_config", { ...config, "ethtool-tso": "on" }]);
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain(
      'eth1: ethtool-tso was absent originally, and was changed to "on" by someone else; --force restores it',
    );
    expect(settingsIn(await readOtherConfig(dom0, "PIF", ref))).toEqual({ "ethtool-tso": "on" });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(1);
    expect((await dom0.offload("restore", "--yes", "--force")).exitCode).toBe(0);
    expect(await readOtherConfig(dom0, "PIF", ref)).toEqual({});
    expect(await fileNames(dom0)).toEqual([]);
  });

  test("restores the rest of a VM when one of its VIFs was deleted", async () => {
    await using dom0 = await Dom0.start();
    const live = await deviceState(dom0, "vif1.0");
    await dom0.offload("disable", "web 1");
    await dom0.simulator.remove(["VIF", dom0.fixture.vif("web 1", 1).ref]);
    await dom0.link.remove("vif1.1");
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(0);
    expect(await readOtherConfig(dom0, "VIF", dom0.fixture.vif("web 1").ref)).toEqual({});
    expect(await deviceState(dom0, "vif1.0")).toBe(live);
    expect(await fileNames(dom0)).toEqual([]);
  });

  test("says when there is nothing to restore, and writes nothing", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("Nothing had to be changed.");
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("restores without XAPI what was changed without XAPI, and says that it did not ask XAPI", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["dead"] });
    const live = await readLiveState(dom0);
    await dom0.offload("disable", "eth1", "--live-only");
    const run = await dom0.offload("restore", "--yes");
    expect(await readLiveState(dom0)).toBe(live);
    expect(await fileNames(dom0)).toEqual([]);
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("XAPI");
  });

  test("completes in the next run what a crash of XAPI left undone", async () => {
    await using dom0 = await Dom0.start();
    const [live, stored] = [await readLiveState(dom0), await records(dom0)];
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.simulator.fault({ fault: "die", method: "VIF.remove_from_other_config", after: 5 });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(1);
    await dom0.simulator.fault({ fault: "none" });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await readLiveState(dom0)).toBe(live);
    expect(await records(dom0)).toEqual(stored);
    expect(await fileNames(dom0)).toEqual([]);
  });

  test("restores the named features, and keeps the rest of the policy", async () => {
    await using dom0 = await Dom0.start();
    const stored = await records(dom0);
    await dom0.offload("disable", "eth1", "web 1");
    const run = await dom0.offload("restore", "eth1", "web 1", "--features", "tso,gro");
    expect(run.exitCode).toBe(0);
    const { ref } = dom0.fixture.pif("eth1");
    expect(Object.keys(settingsIn(await readOtherConfig(dom0, "PIF", ref))).sort()).toEqual([
      "ethtool-gso",
      "ethtool-rx",
      "ethtool-sg",
      "ethtool-tx",
    ]);
    const features = await dom0.ethtool("eth1");
    expect(features.get("generic-receive-offload")?.active).toBe(true);
    // It needs sg, which is off.
    expect(features.get("tx-tcp-segmentation")).toMatchObject({ active: false, requested: true });
    expect(features.get("generic-segmentation-offload")?.active).toBe(false);
    expect((await dom0.offload("verify", "eth1")).exitCode).toBe(0);
    await dom0.offload("restore", "--yes");
    expect(await records(dom0)).toEqual(stored);
  });

  test("turns on what the boot script turned off on an unmanaged NIC", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["unmanaged"] });
    const live = await readLiveState(dom0);
    await dom0.offload("persist", "ALL", "--yes");
    expect(await readLiveState(dom0)).not.toBe(live);
    const run = await dom0.offload("restore", "--yes");
    expect(run.exitCode).toBe(0);
    expect(await readLiveState(dom0)).toBe(live);
    expect(run.stdout).toContain("what persist had installed was removed");
  });

  test("keeps third-party keys in other_config, whatever they look like", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.pif("eth1");
    const others = { offload: "x", "xo:ethtool-tx": "off", "ethtool-wol": "g", mtu: "9000" };
    await dom0.simulator.set(["PIF", ref, "other_config", others]);
    await dom0.offload("disable", "eth1");
    const disabled = await readOtherConfig(dom0, "PIF", ref);
    expect(disabled).toMatchObject({ ...others, "ethtool-tx": "off" });
    expect(Object.keys(disabled).filter((key) => key.startsWith("offload-"))).toHaveLength(1);
    await dom0.simulator.set(["PIF", ref, "other_config", { ...disabled, later: "1" }]);
    expect((await dom0.offload("restore", "eth1")).exitCode).toBe(0);
    expect(await readOtherConfig(dom0, "PIF", ref)).toEqual({ ...others, later: "1" });
  });
});
