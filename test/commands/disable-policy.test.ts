import { describe, expect, test } from "bun:test";
import { listFeaturesOn, listWrites, readLiveState, readOtherConfig, readSettings } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";

/** The texts of this program in an `other_config`, parsed. */
function textsIn(config: Record<string, unknown>): unknown[] {
  return Object.entries(config)
    .filter(([key]) => key.startsWith("offload-"))
    .map(([, text]) => JSON.parse(String(text)));
}

async function ruleOf(dom0: Dom0): Promise<unknown> {
  return textsIn(await readOtherConfig(dom0, "host", dom0.fixture.host.ref)).at(-1);
}

async function isStillOn(dom0: Dom0, devices: readonly string[]): Promise<boolean> {
  const lists = await Promise.all(devices.map((device) => listFeaturesOn(dom0, device)));
  return lists.some((list) => list.length > 0);
}

const NICS = ["eth0", "eth1", "eth2", "eth3"];
const VIFS = ["vif1.0", "vif1.1", "vif2.0", "vif3.0", "tap3.0", "vif4.0", "vif4.1"];

describe("NICS and VIFS", () => {
  test("NICS turns off the NICs and no VIF, and sets the standing rule for NICs", async () => {
    await using dom0 = await Dom0.start();
    const vifs = await Promise.all(VIFS.map((device) => dom0.text(["ethtool", "-k", device])));
    const run = await dom0.offload("disable", "NICS", "--yes", "--features", "tso,gro");
    expect(run.exitCode).toBe(0);
    for (const nic of NICS) {
      const features = await dom0.ethtool(nic);
      expect(features.get("tcp-segmentation-offload")?.active).toBe(false);
      expect(features.get("generic-receive-offload")?.active).toBe(false);
    }
    expect(await Promise.all(VIFS.map((device) => dom0.text(["ethtool", "-k", device])))).toEqual(vifs);
    expect(await ruleOf(dom0)).toEqual({ version: 1, nics: ["tso", "gro"], vifs: [] });
    const written = (await listWrites(dom0)).map(({ method }) => method.split(".")[0]);
    expect(new Set(written)).toEqual(new Set(["PIF", "host"]));
  });

  test("VIFS turns off every guest's VIFs, halted ones included, and no NIC", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("disable", "VIFS", "--yes");
    expect(run.exitCode).toBe(0);
    expect(await isStillOn(dom0, VIFS)).toBe(false);
    for (const nic of NICS) expect(await listFeaturesOn(dom0, nic)).not.toEqual([]);
    const halted = await readSettings(dom0, "VIF", dom0.fixture.vif("backup").ref);
    expect(halted).toMatchObject({ "ethtool-tx": "off", "ethtool-gso": "off" });
    for (const nic of NICS) {
      expect(await readOtherConfig(dom0, "PIF", dom0.fixture.pif(nic).ref)).toEqual({});
    }
    expect(await ruleOf(dom0)).toMatchObject({ nics: [], vifs: expect.arrayContaining(["gro"]) });
  });

  test("NICS VIFS together mean the same as ALL", async () => {
    await using dom0 = await Dom0.start();
    expect((await dom0.offload("disable", "NICS", "VIFS", "--yes")).exitCode).toBe(0);
    expect(await isStillOn(dom0, [...NICS, ...VIFS])).toBe(false);
    await dom0.simulator.clearCalls();
    const all = await dom0.offload("disable", "ALL", "--yes");
    expect(all.stdout).toContain("Nothing had to be changed.");
    expect(await listWrites(dom0)).toEqual([]);
  });

  test.each(["NICS", "VIFS"])("refuses %s without --yes when stdin is not a terminal", async (word) => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = await dom0.offload("disable", word);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(`all ${word}`);
    expect(run.stderr).toContain("--yes");
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test.each(["nics", "Vifs"])("refuses %s, and says that the word is in capital letters", async (word) => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("disable", word, "--yes");
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(word.toUpperCase());
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("a VM named as target sets no standing rule", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "web 1", "eth1");
    expect(await ruleOf(dom0)).toBeUndefined();
  });
});

describe("an existing setting", () => {
  test("is announced to xenopsd when someone else wrote it, so that it survives a reboot from within the guest", async () => {
    await using dom0 = await Dom0.start();
    const vm = dom0.fixture.vm("pfSense");
    const { ref } = dom0.fixture.vif("pfSense");
    const before = await readOtherConfig(dom0, "VIF", ref);
    // What `xe vif-param-set … other-config:ethtool-tx=off` does: xenopsd hears nothing of it.
    await dom0.simulator.set(["VIF", ref, "other_config", { ...before, "ethtool-tx": "off" }]);
    const other = dom0.fixture.vif("pfSense", 1).ref;
    await dom0.simulator.set(["VIF", other, "other_config", { "ethtool-tx": "off" }]);
    expect((await dom0.guests.readXenopsdConfigs(vm))[ref]).toMatchObject({ "ethtool-tx": "true" });

    const run = await dom0.offload("disable", "pfSense", "--features", "tx");

    expect(run.exitCode).toBe(0);
    expect((await dom0.guests.readXenopsdConfigs(vm))[ref]).toMatchObject({ "ethtool-tx": "off" });
    const domid = await dom0.guests.reboot(vm, { from: "guest" });
    for (const device of [`vif${domid}.0`, `vif${domid}.1`]) {
      const tx = (await dom0.ethtool(device)).get("tx-checksumming");
      expect({ device, active: tx?.active }).toEqual({ device, active: false });
    }
  });

  test("is announced only once: a second run writes nothing and tells xenopsd nothing", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.vif("db");
    await dom0.simulator.set(["VIF", ref, "other_config", { "ethtool-tx": "off" }]);
    await dom0.offload("disable", "db", "--features", "tx");
    const injected = (await dom0.simulator.calls()).filter(({ method }) => method === "event.inject");
    expect(injected).toHaveLength(1);
    await dom0.simulator.clearCalls();
    const second = await dom0.offload("disable", "db", "--features", "tx");
    expect(second.exitCode).toBe(0);
    expect(second.stdout).toContain("Nothing had to be changed.");
    expect(await listWrites(dom0)).toEqual([]);
  });
});

describe("a stored text that cannot be used", () => {
  const HOSTILE = '{"version":1,"features":{"\u001b[2J\u202etso; reboot":{"asked":"off"}}}';

  test.each([
    ["of another version", `offload-1-ab`, '{"version":2,"features":{}}', "another version"],
    ["that is damaged", `offload-1-ab`, '{"version":1,', "damaged"],
    ["of a strange name", `offload-\u001b[31m`, '{"version":1,"features":{}}', "the name of a text"],
    ["that was written to do harm", `offload-1-ab`, HOSTILE, "damaged"],
  ])("%s excludes its own object only", async (_, name, text, reason) => {
    await using dom0 = await Dom0.start();
    const { ref, record } = dom0.fixture.vif("db");
    await dom0.simulator.set(["VIF", ref, "other_config", { [name]: text }]);
    const before = await dom0.text(["ethtool", "-k", "vif2.0"]);

    const run = await dom0.offload("disable", "ALL", "--yes");

    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain(`vif2.0 (db): left alone, because`);
    expect(run.stdout).toContain(reason);
    expect(run.stdout).toContain(`xe vif-param-get uuid=${record.uuid} param-name=other-config`);
    expect(await readOtherConfig(dom0, "VIF", ref)).toEqual({ [name]: text });
    expect(await dom0.text(["ethtool", "-k", "vif2.0"])).toBe(before);
    expect(await isStillOn(dom0, [...NICS, ...VIFS.filter((device) => device !== "vif2.0")])).toBe(false);
  });

  test("never reaches the terminal unescaped", async () => {
    await using dom0 = await Dom0.start();
    const config = {
      "offload-1-ab": JSON.stringify({
        version: 1,
        features: {
          tso: { asked: "off", original: { setting: "\u001b[2J\u202eowned\nline", live: "on" } },
        },
      }),
      "offload-\u001b]0;owned\u0007": "x",
    };
    const { ref } = dom0.fixture.vif("db");
    for (const part of Object.entries(config)) {
      await dom0.simulator.set(["VIF", ref, "other_config", Object.fromEntries([part])]);
      for (const args of [
        ["status"],
        ["verify"],
        ["doctor"],
        ["disable", "db", "--dry-run"],
        ["restore", "db", "--dry-run"],
        ["disable", "db"],
        ["status", "--json"],
        ["restore", "db"],
      ]) {
        const run = await dom0.offload(...args);
        expect({ args, exitCode: run.exitCode }).not.toMatchObject({ exitCode: 3 });
        expect(run.stdout + run.stderr).not.toMatch(/[^\P{C}\n]/u);
        expect(run.stdout + run.stderr).not.toMatch(/^line/m);
      }
    }
  });

  test("is left alone on the host, and the interfaces are turned off", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.host;
    const broken = { "offload-1-ab": '{"version":2}' };
    await dom0.simulator.set(["host", ref, "other_config", broken]);
    const run = await dom0.offload("disable", "ALL", "--yes");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("the standing rule of this host could not be stored");
    expect(await readOtherConfig(dom0, "host", ref)).toEqual(broken);
    expect(await isStillOn(dom0, [...NICS, ...VIFS])).toBe(false);
  });

  test("makes the standing rule unknown when it is on the host, and verify says so", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const { ref } = dom0.fixture.host;
    await dom0.simulator.set(["host", ref, "other_config", { "offload-1-ab": '{"version":2}' }]);
    const run = await dom0.offload("verify");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("the standing rule of this host cannot be read");
  });
});
