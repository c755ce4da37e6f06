import { describe, expect, test } from "bun:test";
import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";

describe("verify", () => {
  test("exits 1 on a fresh host, says what is wrong and what to run, and changes nothing", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = await dom0.offload("verify");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("rx, tx, sg, tso, gso and gro on");
    expect(run.stdout).toContain("Run: offload disable ALL");
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("exits 0 after persist ALL, and prints a few lines even on a large host", async () => {
    await using dom0 = await Dom0.start({ vms: 100, vifs: 2 });
    const drift = await dom0.offload("verify");
    expect(drift.stdout.split("\n").length).toBeLessThan(25);
    await dom0.offload("persist", "ALL", "--yes");
    const run = await dom0.offload("verify");
    expect(run.exitCode).toBe(0);
    expect(run.stdout.split("\n").length).toBeLessThan(12);
  });

  test("finds a single feature that is on again on a single device", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.setFeatures("eth1", "gro", "on");
    const run = await dom0.offload("verify");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("eth1: gro on");
  });

  test("finds a setting that someone removed or set to on", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    const { ref } = dom0.fixture.pif("eth1");
    await dom0.simulator.set(["PIF", ref, "other_config", { "ethtool-tso": "on" }]);
    const run = await dom0.offload("verify", "eth1");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("eth1: the setting of tso says on");
    expect(run.stdout).toContain("no setting keeps rx, tx, sg and gso off");
  });

  test("finds requested-on features", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.setFeatures("vif1.0", "sg", "on", "tso", "on", "tx", "on");
    await dom0.setFeatures("vif1.0", "sg", "off");
    const run = await dom0.offload("verify", "web 1", "--features", "gso,tso,sg");
    expect(run.exitCode).toBe(1);
    const json = await dom0.offload("verify", "web 1", "--features", "gso,tso,sg", "--json");
    const codes = JSON.parse(json.stdout).problems.map(({ code }: { code: string }) => code);
    expect(codes).toContainAnyValues(["live-on", "requested-on"]);
    await dom0.offload("persist", "web 1");
    expect((await dom0.offload("verify", "web 1")).exitCode).toBe(0);
  });

  test("finds requested-on tx and tso of a tap whose guest is not connected yet", async () => {
    await using dom0 = await Dom0.start();
    const run = await dom0.offload("verify", "mail é");
    expect(run.stdout).toContain("tap3.0 (mail é): tx and tso off now, but will turn on by itself");
  });

  test("finds GRO that networkd will turn on, unless the PIF's property is off", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.pif("eth1");
    await dom0.setFeatures("eth1", "gro", "off");
    const before = await dom0.offload("verify", "eth1", "--features", "gro");
    expect(before.stdout).toContain("networkd turns it on at every plug");
    expect(before.exitCode).toBe(1);
    await dom0.simulator.set(["PIF", ref, "properties", { gro: "off" }]);
    expect((await dom0.offload("verify", "eth1", "--features", "gro")).exitCode).toBe(0);
  });

  test("finds ineffective settings: keys, spellings and values", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.vif("db");
    await dom0.simulator.set([
      "VIF",
      ref,
      "other_config",
      { "ethtool-gro": "off", ethtoolrx: "off", "ethtool-sgo": "off", "ethtool-tx": "OFF" },
    ]);
    const run = await dom0.offload("verify", "db");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("the setting of tx is not valid");
    expect(run.stdout).toContain("ethtool-gro=off (this key is read on PIFs only)");
    expect(run.stdout).toContain("ethtoolrx=off (the key is spelled ethtool-rx)");
    expect(run.stdout).toContain("ethtool-sgo=off (no part of the toolstack reads this key)");
    expect(run.stdout).toContain("ethtool-tx=OFF (only on, off, true and false are read)");
  });

  test("finds a setting that the NIC cannot apply, because a later plug will fail", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["fixed"] });
    await dom0.offload("disable", "ALL", "--yes");
    const { ref, record } = dom0.fixture.pif("eth1");
    await dom0.simulator.set(["PIF", ref, "other_config", { "ethtool-rx": "off" }]);
    const run = await dom0.offload("verify", "eth1", "--features", "rx");
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("ethtool-rx cannot be applied by this NIC: PIF.plug will fail");
    expect(run.stdout).toContain(`xe pif-param-remove uuid=${record.uuid}`);
  });

  test("counts a feature that is fixed on only with --strict", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["fixed"] });
    await dom0.offload("persist", "ALL", "--yes");
    expect((await dom0.offload("verify")).exitCode).toBe(0);
    const strict = await dom0.offload("verify", "--strict");
    expect(strict.exitCode).toBe(1);
    expect(strict.stdout).toContain("the driver does not let it be changed");
  });

  test("exits 3 when a device is missing", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "ALL", "--yes");
    await dom0.link.remove("vif2.0");
    const run = await dom0.offload("verify", "db");
    expect(run.exitCode).toBe(3);
    expect(run.stdout).toContain("vif2.0 (db): is not there");
  });

  test("exits 1 for a known problem, even when something else is unknown", async () => {
    await using dom0 = await Dom0.start();
    await dom0.link.remove("vif2.0");
    expect((await dom0.offload("verify")).exitCode).toBe(1);
  });

  test("exits 3 for a VM on another host, whose settings alone it can see", async () => {
    await using dom0 = await Dom0.start({ scenarios: ["coordinator"] });
    const { fixture } = dom0;
    const away = fixture.vms.find(
      ({ record, vifs }) => record.resident_on === fixture.other?.ref && !record.is_control_domain && vifs.length > 0,
    );
    const name = away?.record.name_label ?? "";
    await dom0.offload("disable", name);
    expect((await dom0.offload("verify", name)).exitCode).toBe(3);
  });
});
