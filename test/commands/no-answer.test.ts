import { describe, expect, test } from "bun:test";
import { listFeaturesOn, readLiveState } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";

describe("what needs no XAPI", () => {
  test("does not ask it: a device is changed live while every call hangs", async () => {
    await using dom0 = await Dom0.start();
    await dom0.simulator.fault({ fault: "hang" });
    const started = performance.now();
    const run = await dom0.offload("disable", "eth1", "--live-only");
    expect(run.exitCode).toBe(0);
    expect(performance.now() - started).toBeLessThan(3000);
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    await dom0.simulator.fault({ fault: "none" });
    expect(await dom0.simulator.calls()).toEqual([]);
  });

  test.each([
    ["revert of a pending change", ["revert"]],
    ["persist --remove", ["persist", "--remove"]],
  ])("does not ask it: %s", async (_, args) => {
    await using dom0 = await Dom0.start();
    await dom0.simulator.fault({ fault: "hang" });
    const started = performance.now();
    await dom0.offload(...args);
    expect(performance.now() - started).toBeLessThan(3000);
    await dom0.simulator.fault({ fault: "none" });
    expect(await dom0.simulator.calls()).toEqual([]);
  });

  test("still finds the NICs of a bond by asking it", async () => {
    await using dom0 = await Dom0.start();
    const bond = dom0.fixture.pifs.find(({ record }) => record.bond_master_of.length > 0);
    if (bond === undefined) return;
    expect((await dom0.offload("disable", bond.record.device, "--live-only")).exitCode).toBe(0);
    expect((await dom0.simulator.calls()).length).toBeGreaterThan(0);
  });
});

describe("a login that hangs", () => {
  const commands = ["verify", "status", "restore --yes", "persist --yes", "disable eth1", "doctor"];
  test.each(commands)(
    "ends %s after five seconds, with what hangs in the message",
    async (command) => {
      await using dom0 = await Dom0.start({ scenarios: ["member"] });
      await dom0.simulator.fault({ fault: "hang" });
      const started = performance.now();
      const run = await dom0.offload(...command.split(" "));
      expect(performance.now() - started).toBeLessThan(9000);
      const said = `${run.stdout}${run.stderr}`.replaceAll(/\s+/g, " ");
      expect(said).toContain("no reply to session.login_with_password in 5 seconds");
      expect(said).toContain("a pool member's XAPI hangs while its coordinator");
    },
    30_000,
  );
});

describe("a XAPI that starts", () => {
  test.each([
    [{ fault: "loading" }, "does not find its own host yet"],
    [{ fault: "starting", code: "HOST_HAS_NO_MANAGEMENT_IP" }, "its management interface has no address yet"],
    [{ fault: "starting" }, "XAPI is still starting"],
  ] as const)("is called that, and no emergency: %j", async (fault, words) => {
    await using dom0 = await Dom0.start();
    await dom0.simulator.fault(fault);
    for (const args of [["verify"], ["disable", "ALL", "--yes"], ["verify", "--pool"]]) {
      const run = await dom0.offload(...args);
      expect({ args, exitCode: run.exitCode }).toEqual({ args, exitCode: 3 });
      expect(run.stderr).toContain(words);
      expect(run.stderr).toContain("still starting");
      expect(run.stderr).not.toContain("emergency");
      expect(run.stderr).not.toContain("OpaqueRef");
    }
  });
});

describe("a XAPI that answers with nothing", () => {
  /** Removes records of classes, or those that a test picks. */
  async function removeRecords(dom0: Dom0, classNames: readonly string[], isGone: (record: unknown) => boolean) {
    const database = await dom0.simulator.database();
    for (const className of classNames) {
      for (const [ref, record] of Object.entries(database[className] ?? {})) {
        if (isGone(record)) await dom0.simulator.remove([className, ref]);
      }
    }
  }

  async function expectUnknown(dom0: Dom0, words: string): Promise<void> {
    const before = await readLiveState(dom0);
    const nagios = await dom0.offload("verify", "--nagios");
    expect(nagios.exitCode).toBe(3);
    expect(nagios.stdout).toStartWith(`OFFLOAD UNKNOWN: ${words}`);
    for (const args of [["disable", "ALL", "--yes"], ["persist", "ALL", "--yes"], ["verify"], ["verify", "VIFS"]]) {
      const run = await dom0.offload(...args);
      expect({ args, exitCode: run.exitCode }).toEqual({ args, exitCode: 3 });
      expect(run.stderr).toContain(words);
    }
    expect(await readLiveState(dom0)).toBe(before);
  }

  test("ends with 3 and UNKNOWN where it lists no PIF, VM and VIF: a host has NICs", async () => {
    await using dom0 = await Dom0.start();
    await removeRecords(dom0, ["PIF", "VM", "VIF"], () => true);
    await expectUnknown(dom0, "XAPI lists no NIC of this host");
  });

  test("ends with 3 and UNKNOWN where a bond has no slaves", async () => {
    await using dom0 = await Dom0.start({ nics: 4 });
    const bond = dom0.fixture.pifs.find(({ record }) => record.bond_master_of.length > 0);
    expect(bond).toBeDefined();
    const bonds = new Set(bond?.record.bond_master_of);
    const isSlave = (record: unknown) =>
      typeof record === "object" &&
      record !== null &&
      "bond_slave_of" in record &&
      bonds.has(String(record.bond_slave_of));
    await removeRecords(dom0, ["PIF"], isSlave);
    await expectUnknown(dom0, `XAPI lists no slave of "${bond?.record.device}"`);
  });

  test("leaves the boot script as it is", async () => {
    await using dom0 = await Dom0.start();
    await dom0.offload("disable", "ALL", "--yes");
    await dom0.offload("persist", "--yes");
    const script = await dom0.text(["cat", "/etc/offload/disable-offloads"]);
    await removeRecords(dom0, ["PIF", "VM", "VIF"], () => true);
    expect((await dom0.offload("refresh-boot-script")).exitCode).toBe(3);
    expect(await dom0.text(["cat", "/etc/offload/disable-offloads"])).toBe(script);
  });
});
