import { describe, expect, test } from "bun:test";
import type { Dom0 } from "../dom0/dom0.ts";
import { PLUGIN, Pool } from "../dom0/pool/pool.ts";
import {
  AS_RECORDED,
  breakAt,
  document,
  gate,
  migrate,
  noJournal,
  running,
  statesOf,
} from "./pool-run.ts";
import { liveState, stillOn } from "./truth.ts";

function configOf(database: Awaited<ReturnType<Pool["simulator"]["database"]>>, ref: string) {
  const value = database["PIF"]?.[ref]?.["other_config"];
  return value !== null && typeof value === "object" ? { ...value } : {};
}

const HOME = "/var/lib/offload";

describe("restore --pool", () => {
  test("puts back what every host has noted, the records too, and is content the second time", async () => {
    await using pool = await Pool.start({ hosts: 3 });
    const states = await Promise.all(pool.hosts.map(liveState));
    const before = await pool.simulator.database();
    await pool.host(1).offload("disable", "--pool", "--yes");
    const foretold = await pool.host(2).offload("restore", "--pool", "--dry-run");
    expect(foretold.stdout).toMatch(/^# xcp-1\nxe pif-param-remove [\s\S]+\n# xcp-2\nxe /);
    const report = await document(pool.host(2), "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
    for (const host of pool.hosts) {
      expect(await host.text(["ls", "/var/lib/offload"])).not.toContain("journal");
    }
    const again = await document(pool.host(0), "restore", "--pool", "--yes");
    expect(again.exitCode).toBe(0);
    expect(
      again.hosts.flatMap((row: { report: { changes: unknown[] } }) => row.report.changes),
    ).toEqual([]);
  });

  test("what one host could not put back now, it can put back later", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const states = await Promise.all(pool.hosts.map(liveState));
    const before = await pool.simulator.database();
    await pool.host(0).offload("disable", "--pool", "--yes");
    await pool.host(1).text(["mv", PLUGIN, "/root/plugin"]);
    const partly = await document(pool.host(0), "restore", "--pool", "--yes");
    expect(partly.exitCode).toBe(1);
    expect(statesOf(partly)).toEqual({ "xcp-1": "done 0", "xcp-2": "plugin-missing 3" });
    await pool.host(1).text(["mv", "/root/plugin", PLUGIN]);
    expect((await document(pool.host(0), "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
  });

  test("a record that somebody else has changed is named, and put back with --force only", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const before = await pool.simulator.database();
    await pool.host(0).offload("disable", "--pool", "--yes");
    const { ref, record } = pool.host(1).world.pif("eth0", pool.host(1).world.host);
    const config = (await pool.simulator.database())["PIF"]?.[ref]?.["other_config"];
    await pool.simulator.set([
      "PIF",
      ref,
      "other_config",
      Object.assign({}, config, { "ethtool-tx": "on" }),
    ]);
    const contested = await document(pool.host(0), "restore", "--pool", "--yes");
    expect(statesOf(contested)).toEqual({ "xcp-1": "done 0", "xcp-2": "partly 1" });
    expect(contested.hosts[1].report.problems).toMatchObject([
      { code: "conflict", uuid: record.uuid },
    ]);
    expect((await document(pool.host(0), "restore", "--pool", "--yes", "--force")).exitCode).toBe(
      0,
    );
    expect(await pool.simulator.database()).toEqual(before);
  });

  test("asks first, naming every host", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    await pool.host(0).offload("disable", "--pool", "--yes");
    const { exitCode, stdout } = await pool
      .host(0)
      .run(["/usr/local/bin/offload", "restore", "--pool"], {
        tty: true,
        answers: [{ when: "on 2 of 2 hosts?", say: "n" }],
      });
    expect(exitCode).toBe(2);
    expect(stdout).toContain("xcp-2: management on eth0; 3 interfaces to be put back");
    expect((await document(pool.host(0), "verify", "--pool")).exitCode).toBe(0);
  });
});

describe("what has happened since the hosts told their notes", () => {
  test.each([
    ["while a host takes its time to tell them", "journal", []],
    ["while one host after the other is put back", "restore", ["--rolling"]],
  ])("a record that somebody changes %s is not overwritten", async (_, held, flags) => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, slow] = [pool.host(0), pool.host(1)];
    await home.offload("disable", "--pool", "--yes");
    const at = await gate(pool, slow, held);
    const restoring = document(home, "restore", "--pool", ...flags, "--yes");
    await at.reached();
    const { ref, record } = home.world.pif("eth0", home.world.host);
    const config = configOf(await pool.simulator.database(), ref);
    await pool.simulator.set(["PIF", ref, "other_config", { ...config, "ethtool-tx": "on" }]);
    await at.open();
    const report = await restoring;
    expect(statesOf(report)).toEqual({ "xcp-1": "partly 1", "xcp-2": "done 0" });
    expect(report.hosts[0].report.problems).toMatchObject([
      { code: "conflict", uuid: record.uuid },
    ]);
    expect(configOf(await pool.simulator.database(), ref)).toMatchObject({ "ethtool-tx": "on" });
  });

  test("what was turned off on a host meanwhile is told as still off, and another run puts it back", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const states = await Promise.all(pool.hosts.map(liveState));
    const before = await pool.simulator.database();
    await home.offload("disable", "eth0", "--features", "tso");
    const at = await gate(pool, other, "restore");
    const restoring = document(home, "restore", "--pool", "--yes");
    await at.reached();
    expect((await other.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    await at.open();
    const report = await restoring;
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "partly 1" });
    expect(report.hosts[1].report.problems).toMatchObject([{ code: "state-failed" }]);
    expect(await stillOn(other, "eth0")).toEqual([]);
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
    await noJournal(...pool.hosts);
  });
});

describe("what is recorded while the hosts are put back", () => {
  test("is put back again where nobody has noted it, and told", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, slow] = [pool.host(0), pool.host(1)];
    await home.offload("disable", "--pool", "--yes");
    const at = await gate(pool, slow, "restore");
    const restoring = document(home, "restore", "--pool", "--yes");
    await at.reached();
    const { ref, record } = home.world.pif("eth0", home.world.host);
    await pool.simulator.set(["PIF", ref, "other_config", { "ethtool-tx": "off" }]);
    await at.open();
    const report = await restoring;
    expect(statesOf(report)).toEqual({ "xcp-1": "partly 1", "xcp-2": "done 0" });
    expect(report.hosts[0].report.problems).toMatchObject([
      { code: "conflict", uuid: record.uuid },
    ]);
    expect(configOf(await pool.simulator.database(), ref)).toEqual({});
  });

  test("is told also where XAPI is away at the end, so that nobody could be asked to strike it out", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, to] = [pool.host(0), pool.host(1)];
    await home.offload("disable", "--pool", "--yes");
    await migrate(pool, running(home), home, to, 77);
    await to.setFeatures("vif77.0", ...AS_RECORDED);
    await pool.simulator.fault({
      fault: "error",
      method: "VM.get_all_records_where",
      after: 3,
      times: 1,
      code: "INTERNAL_ERROR",
    });
    const report = await document(home, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "partly 1", "xcp-2": "done 0" });
    expect(report.hosts[0].report.problems).toMatchObject([{ code: "state-failed" }]);
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    await noJournal(...pool.hosts);
  });
});

describe("a VM that was started or has moved", () => {
  test("halted when it was recorded and running now: what its records turned off is put back where it runs", async () => {
    await using pool = await Pool.start({ hosts: 3, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const before = await pool.simulator.database();
    await home.offload("disable", "--pool", "--yes");
    const archive = halted(home);
    await boot(pool, archive, other, 99);
    const report = await document(pool.host(2), "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    expect(await stillOn(other, "vif99.0")).not.toEqual([]);
    expect((await pool.simulator.database())["VIF"]).toMatchObject(
      Object.fromEntries(
        Object.entries(before["VIF"] ?? {}).map(([ref, { other_config }]) => [
          ref,
          { other_config },
        ]),
      ),
    );
    await noJournal(...pool.hosts);
  });

  test("started on a host that gives no answer: told, and put back once that host answers", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    await home.offload("disable", "--pool", "--yes");
    const archive = halted(home);
    await boot(pool, archive, other, 99);
    await breakAt(pool, other, "journal", 1);
    const report = await document(home, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "failed 3" });
    expect(report.hosts[0].report.notes).toMatchObject([
      { code: "takes-effect-later", uuid: archive.vifs[0]?.record.uuid },
    ]);
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await stillOn(other, "vif99.0")).toContain("tx-tcp-segmentation");
    await noJournal(...pool.hosts);
  });

  test("started on the very host that has just struck it out: that host is told what it had noted", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    await home.offload("disable", "--pool", "--yes");
    const at = await gate(pool, home, "restore");
    const restoring = document(other, "restore", "--pool", "--yes");
    await at.reached();
    await boot(pool, halted(home), home, 99);
    await at.open();
    const report = await restoring;
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0" });
    const on = await stillOn(home, "vif99.0");
    expect(on).toContain("tx-scatter-gather");
    expect(on).toContain("tx-tcp-segmentation");
    await noJournal(...pool.hosts);
  });

  test("there and back again, changed on both hosts: all of it is put back", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const { VIF } = await pool.simulator.database();
    const vm = running(home);
    const former = await home.ethtool(`vif${vm.record.domid}.0`);
    await home.offload("disable", "--pool", "--yes");
    await migrate(pool, vm, home, other, 77);
    await other.setFeatures("vif77.0", ...AS_RECORDED);
    await home.offload("disable", "--pool", "--yes");
    expect(await other.text(["cat", `${HOME}/journal.json`])).toContain(
      vm.vifs[0]?.record.uuid ?? "?",
    );
    await migrate(pool, { ...vm, record: { ...vm.record, domid: 77 } }, other, home, 88);
    await home.setFeatures("vif88.0", ...AS_RECORDED, "gro", "off");
    const report = await document(other, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0" });
    expect(await home.ethtool("vif88.0")).toEqual(former);
    expect((await pool.simulator.database())["VIF"]).toEqual(VIF);
    await noJournal(...pool.hosts);
  });

  test("one that is shut down before the end does not stay in the notes of its former host", async () => {
    await using pool = await Pool.start({ hosts: 3, vms: 1 });
    const [home, from, to] = [pool.host(0), pool.host(1), pool.host(2)];
    const vm = running(from);
    await home.offload("disable", "--pool", "--yes");
    await migrate(pool, vm, from, to, 77);
    const at = await gate(pool, home, "restore");
    const restoring = document(home, "restore", "--pool", "--yes");
    await at.reached();
    for (let n = 0; n < 200 && (await to.text(["ls", HOME])).includes("journal"); n++) {
      await Bun.sleep(20);
    }
    await to.link.remove("vif77.0");
    await pool.simulator.set(
      ["VM", vm.ref, "resident_on", "OpaqueRef:NULL"],
      ["VM", vm.ref, "power_state", "Halted"],
      ["VM", vm.ref, "domid", -1],
    );
    await at.open();
    const report = await restoring;
    expect(report.exitCode).toBe(0);
    await noJournal(...pool.hosts);
  });

  test("one that is migrating all the time is told, stays noted, and is put back where it arrives", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, to] = [pool.host(0), pool.host(1)];
    const vm = running(home);
    const former = await home.ethtool(`vif${vm.record.domid}.0`);
    await home.offload("disable", "--pool", "--yes");
    await pool.simulator.set(["VM", vm.ref, "current_operations", { task: "pool_migrate" }]);
    const report = await document(to, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "partly 1", "xcp-2": "done 0" });
    expect(report.hosts[0].report.problems).toMatchObject([
      { code: "domain-changed", uuid: vm.vifs[0]?.record.uuid },
    ]);
    // The records that it left with are those that its new device comes up by.
    await migrate(pool, vm, home, to, 77);
    await to.setFeatures("vif77.0", ...AS_RECORDED);
    await pool.simulator.set(["VM", vm.ref, "current_operations", {}]);
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await to.ethtool("vif77.0")).toEqual(former);
    await noJournal(...pool.hosts);
  });

  test("where its new host breaks, its former one keeps the note, and another run puts it back", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, to] = [pool.host(0), pool.host(1)];
    const { VIF } = await pool.simulator.database();
    const vm = running(home);
    const former = await home.ethtool(`vif${vm.record.domid}.0`);
    await home.offload("disable", "--pool", "--yes");
    await migrate(pool, vm, home, to, 77);
    await to.setFeatures("vif77.0", ...AS_RECORDED);
    await breakAt(pool, to, "restore", 1);
    const report = await document(home, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "failed 1" });
    expect(await home.text(["cat", `${HOME}/journal.json`])).toContain(
      vm.vifs[0]?.record.uuid ?? "?",
    );
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await to.ethtool("vif77.0")).toEqual(former);
    expect((await pool.simulator.database())["VIF"]).toEqual(VIF);
    await noJournal(...pool.hosts);
  });

  test("where its former host breaks at the very end, that is told, and another run settles it", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, to] = [pool.host(0), pool.host(1)];
    const vm = running(home);
    await home.offload("disable", "--pool", "--yes");
    await migrate(pool, vm, home, to, 77);
    await to.setFeatures("vif77.0", ...AS_RECORDED);
    await breakAt(pool, home, "restore", 2);
    const report = await document(to, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "partly 1", "xcp-2": "done 0" });
    expect(report.hosts[0].report.problems).toMatchObject([{ code: "state-failed" }]);
    expect((await document(to, "restore", "--pool", "--yes")).exitCode).toBe(0);
    await noJournal(...pool.hosts);
  });
});

describe("a record that two hosts have noted", () => {
  test.each([0, 1])(
    "is put back as the host has it on which the VM runs, and once (the VM comes from host %i)",
    async (first) => {
      await using pool = await Pool.start({ hosts: 2, vms: 1 });
      const [from, to] = [pool.host(first), pool.host(1 - first)];
      const vm = running(from);
      const vif = vm.vifs[0];
      if (vif === undefined) throw new Error("it has a VIF");
      await from.offload("disable", "--pool", "--yes");
      await migrate(pool, vm, from, to, 77);
      await to.setFeatures("vif77.0", ...AS_RECORDED);
      await pool.simulator.set(["VIF", vif.ref, "other_config", { "ethtool-tx": "on" }]);
      await to.setFeatures("vif77.0", "tx", "on");
      await from.offload("disable", "--pool", "--yes");
      const report = await document(from, "restore", "--pool", "--yes");
      expect((await pool.simulator.database())["VIF"]?.[vif.ref]).toMatchObject({
        other_config: { "ethtool-tx": "on" },
      });
      const changes = report.hosts.flatMap((row: { report: { changes: object[] } }) =>
        row.report.changes.filter(
          (one) =>
            "uuid" in one &&
            one.uuid === vif.record.uuid &&
            "layer" in one &&
            one.layer === "recorded",
        ),
      );
      expect(changes).toHaveLength(6);
    },
  );
});

describe("a dry run", () => {
  test("tells how much is to be put back, and not of NICs of other hosts that they are gone", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    await pool.host(0).offload("disable", "--pool", "--yes");
    const foretold = await document(pool.host(0), "restore", "--pool", "--dry-run");
    const told = foretold.hosts.map(
      ({ message, report }: { message: string; report: { notes: unknown[] } }) => [
        message,
        report.notes,
      ],
    );
    expect(told).toEqual([
      ["3 devices and 24 records to be put back", []],
      ["3 devices and 18 records to be put back", []],
    ]);
  });

  test("tells of what a host has noted without XAPI, as it is then put back", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const state = await liveState(other);
    await pool.simulator.fault({ fault: "die" });
    const run = await other.offload("disable", "eth1", "--no-record");
    expect(run).toMatchObject({ exitCode: 0 });
    await pool.simulator.fault({ fault: "none" });
    const foretold = await home.offload("restore", "--pool", "--dry-run");
    expect(foretold.stdout).toMatch(/^# xcp-1\n# xcp-2\nethtool -K eth1 [^\n]+\n$/);
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await liveState(other)).toBe(state);
    await noJournal(other);
  });
});

function halted(host: Dom0) {
  const vm = host.world.vms.find(({ record }) => record.power_state === "Halted");
  if (vm === undefined) throw new Error("every VM runs");
  return vm;
}

/** Starts a halted VM: its devices come up as the records say. */
async function boot(pool: Pool, vm: ReturnType<typeof halted>, host: Dom0, domid: number) {
  await host.link.add(`vif${domid}.0`);
  await host.setFeatures(`vif${domid}.0`, ...AS_RECORDED);
  await pool.domain(host, domid, vm.record.uuid);
  const vif = vm.vifs[0];
  if (vif === undefined) throw new Error("it has no VIF");
  await pool.simulator.set(
    ["VIF", vif.ref, "currently_attached", true],
    ["VM", vm.ref, "resident_on", host.world.host.ref],
    ["VM", vm.ref, "domid", domid],
    ["VM", vm.ref, "power_state", "Running"],
  );
}
