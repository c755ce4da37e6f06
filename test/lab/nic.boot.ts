import { describe, expect } from "bun:test";
import { ALL_NICS_OFF, listNicFeaturesOn } from "./features.ts";
import { NICS } from "./hardware.ts";
import { machineTests } from "./machine-tests.ts";

describe("a machine with real NIC drivers", () => {
  const lab = machineTests({ kind: "plain", units: "absent" });
  let before: Record<string, string[]> = {};

  lab.test("boots with the expected NICs and their offloads on", async ({ machine }) => {
    for (const { name, driver } of NICS) {
      expect(await machine.text(["ethtool", "-i", name])).toStartWith(`driver: ${driver}\n`);
    }
    before = await listNicFeaturesOn(machine);
    const usual = ["tx-checksum-ip-generic", "tx-scatter-gather", "tx-tcp-segmentation"];
    const software = ["generic-segmentation-offload", "generic-receive-offload"];
    for (const { name } of NICS) {
      expect(before[name]).toEqual(expect.arrayContaining([...usual, ...software]));
    }
    expect(before["eth1"]).toContain("tx-tcp6-segmentation");
    expect(before["eth2"]).toEqual(expect.arrayContaining(["rx-checksumming", "large-receive-offload"]));
  });

  lab.test("status shows every NIC and changes nothing", async ({ machine }) => {
    const run = await machine.offload("status");
    expect(run.exitCode).toBe(0);
    for (const { name } of NICS) expect(run.stdout).toContain(name);
    expect(await listNicFeaturesOn(machine)).toEqual(before);
  });

  lab.test("disable ALL turns off everything that can be off", async (dom0) => {
    const run = await dom0.machine.offload("disable", "ALL", "--yes");
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await listNicFeaturesOn(dom0.machine)).toEqual(ALL_NICS_OFF);
    const { PIF } = await dom0.database();
    for (const { name } of NICS) {
      const record = PIF?.[dom0.fixture.pif(name).ref];
      expect(record?.["other_config"]).toMatchObject({
        "ethtool-tso": "off",
        "ethtool-gro": "off",
      });
    }
  });

  lab.test("disable ALL changes nothing in a second run", async ({ machine }) => {
    const features = await machine.text(["ethtool", "-k", "eth0"]);
    expect((await machine.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    expect(await machine.text(["ethtool", "-k", "eth0"])).toBe(features);
  });

  // This is what `persist` is for; were it otherwise, its tests would prove nothing.
  lab.test("turns everything on again at a reboot", async ({ machine }) => {
    await machine.reboot();
    expect(await listNicFeaturesOn(machine)).toEqual(before);
  });
});
