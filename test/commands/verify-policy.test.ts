import { describe, expect, test } from "bun:test";
import { readOtherConfig } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

async function verified(dom0: Dom0, ...args: string[]) {
  const run = await dom0.offload("verify", ...args, "--json");
  const report = JSON.parse(run.stdout);
  const codesOf = (list: readonly { code: string }[]) => list.map(({ code }) => code);
  return {
    exitCode: run.exitCode,
    problems: codesOf(report.problems),
    notes: codesOf(report.notes),
    advice: report.advice,
    devices: report.devices.map(({ device }: { device: string }) => device),
  };
}

/** Removes the setting of a feature, as someone else would. */
async function removeSetting(dom0: Dom0, device: string, key: string): Promise<void> {
  const { ref } = dom0.fixture.pif(device);
  const { [key]: _, ...rest } = await readOtherConfig(dom0, "PIF", ref);
  await dom0.simulator.set(["PIF", ref, "other_config", rest]);
}

describe("verify of a policy", () => {
  test("exits 0 when tx of one VM was asked for and its setting keeps it off", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "pfSense", "--features", "tx");
    expect(await verified(dom0)).toMatchObject({
      exitCode: 0,
      problems: [],
      advice: [],
      devices: ["vif4.0", "vif4.1"],
    });
    const persisted = await dom0.offload("persist", "--json");
    expect(persisted.exitCode).toBe(0);
    const { uuid } = dom0.fixture.vm("pfSense").record;
    expect(JSON.parse(persisted.stdout).boot.covers).toEqual({
      ...{ nics: [], vifs: [], devices: {} },
      vms: { [uuid]: { features: ["tx"], vifs: {} } },
    });
    expect((await verified(dom0)).exitCode).toBe(0);
    expect((await verified(dom0, "ALL")).exitCode).toBe(1);
  });

  test("advises no more than the policy asks for", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "pfSense", "--features", "tx");
    await dom0.setFeatures("vif4.1", "tx", "on");
    const { exitCode, advice } = await verified(dom0);
    expect({ exitCode, advice }).toEqual({
      exitCode: 1,
      advice: ["offload disable vif4.1 --features tx"],
    });
    expect((await dom0.run(["sh", "-c", command(advice[0])])).exitCode).toBe(0);
    expect((await verified(dom0)).exitCode).toBe(0);
  });

  test("advises one device and one feature after persist ALL when only that is on again", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "ALL", "--yes");
    await dom0.setFeatures("eth1", "gro", "on");
    expect(await verified(dom0)).toMatchObject({
      exitCode: 1,
      problems: ["live-on"],
      advice: ["offload disable eth1 --features gro"],
    });
  });

  test("ignores an exception, and what is off beyond the policy", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("persist", "NICS", "--yes");
    await dom0.offload("restore", "eth1", "--features", "tso");
    await dom0.setFeatures("vif1.0", "gso", "off");
    const { exitCode, problems } = await verified(dom0);
    expect({ exitCode, problems }).toEqual({ exitCode: 0, problems: [] });
    expect((await dom0.ethtool("eth1")).get("tx-tcp-segmentation")?.requested).toBe(true);
  });

  test("exits 1 for gro of VIFs that no boot layer keeps off, and 0 once persist does", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "web 1");
    expect(await verified(dom0)).toMatchObject({
      exitCode: 1,
      problems: ["not-persistent", "not-persistent"],
      advice: ["offload persist"],
    });
    await dom0.offload("persist");
    expect(await verified(dom0)).toMatchObject({ exitCode: 0, problems: [], advice: [] });
  });

  test("is WARNING for Nagios when something will turn on later, CRITICAL when it is on", async () => {
    await using dom0 = await Dom0.start();
    const nagios = async () => {
      const { exitCode, stdout } = await dom0.offload("verify", "--nagios");
      return `${exitCode} ${stdout.split(":")[0]}`;
    };
    await dom0.offload("disable", "web 1");
    expect(await nagios()).toBe("1 OFFLOAD WARNING");
    await dom0.offload("persist");
    expect(await nagios()).toBe("0 OFFLOAD OK");
    await dom0.setFeatures("vif1.0", "tso", "on");
    expect(await nagios()).toBe("2 OFFLOAD CRITICAL");
    // Nothing of the host's other interfaces is in the policy.
    await dom0.offload("disable", "web 1");
    await dom0.setFeatures("eth1", "tso", "on");
    expect(await nagios()).toBe("0 OFFLOAD OK");
  });

  test("counts gro=off in the properties of a bond for its slaves", async () => {
    await using dom0 = await Dom0.start();
    for (const device of ["eth2", "eth3"]) await dom0.setFeatures(device, "gro", "off");
    expect((await verified(dom0, "bond0", "--features", "gro")).exitCode).toBe(1);
    const { ref } = dom0.fixture.pif("bond0");
    await dom0.simulator.set(["PIF", ref, "properties", { gro: "off" }]);
    expect(await verified(dom0, "bond0", "--features", "gro")).toMatchObject({
      exitCode: 0,
      devices: ["eth2", "eth3"],
    });
  });
});

describe("verify of networkd.db", () => {
  test("finds what networkd will turn on for good because no setting overrides it", async () => {
    await using dom0 = await Dom0.start();
    const { ref } = dom0.fixture.pif("eth1");
    await dom0.simulator.set(["PIF", ref, "other_config", { "ethtool-tso": "on" }]);
    await dom0.toolstack.restart();
    await dom0.offload("disable", "eth1", "--features", "tso");
    expect((await verified(dom0)).exitCode).toBe(0);
    await removeSetting(dom0, "eth1", "ethtool-tso");
    const { exitCode, problems, advice } = await verified(dom0);
    expect(exitCode).toBe(1);
    expect(problems).toContain("networkd-turns-on");
    expect(advice).toEqual(["offload disable eth1 --features tso"]);
    // What it says is what happens.
    await dom0.toolstack.restart();
    expect((await dom0.ethtool("eth1")).get("tx-tcp-segmentation")?.active).toBe(true);
  });

  test("notes what networkd will turn on until XAPI plugs the PIF, and exits 0", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1", "--features", "gro");
    expect(await verified(dom0)).toMatchObject({
      exitCode: 0,
      problems: [],
      notes: ["networkd-until-replug", "not-persisted"],
    });
    await dom0.toolstack.restart();
    expect((await dom0.ethtool("eth1")).get("generic-receive-offload")?.active).toBe(false);
    expect((await verified(dom0)).notes).toEqual(["not-persisted"]);
  });

  test("notes what networkd will turn off although nothing asks for it", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1");
    await dom0.toolstack.restart();
    await dom0.offload("restore", "eth1", "--no-replug");
    expect((await verified(dom0, "eth1", "--features", "gro")).notes).toContain("networkd-turns-off");
    const status = await dom0.offload("status", "eth1");
    expect(status.stdout).toContain("eth1: networkd still remembers rx, tx, sg, tso and gso off");
    const doctor = await dom0.offload("doctor", "--json");
    const codes = JSON.parse(doctor.stdout).notes.map(({ code }: { code: string }) => code);
    expect(codes).not.toContain("networkd-unreadable");
  });

  test("says when the file is damaged", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "eth1", "--features", "tso");
    await dom0.text(["sh", "-c", "echo '{' > /var/lib/xcp/networkd.db"]);
    const { exitCode, notes } = await verified(dom0);
    expect(exitCode).toBe(0);
    expect(notes).toContain("networkd-unreadable");
  });
});

/** A command that was advised, as it is called here. */
function command(advised: string): string {
  return advised.replace(/^offload/, OFFLOAD);
}
