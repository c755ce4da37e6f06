import { describe, expect, test } from "bun:test";
import { PLUGIN, Pool } from "../dom0/pool/pool.ts";
import {
  AS_RECORDED,
  document,
  holdLock,
  migrate,
  noJournal,
  recordedOff,
  running,
  statesOf,
} from "./pool-run.ts";
import { stillOn } from "./truth.ts";

describe("VMs on the move", () => {
  test("one that migrates while its host is at work is settled on the host that has it then", async () => {
    await using pool = await Pool.start({ hosts: 3, vms: 2 });
    const [home, from, to] = [pool.host(0), pool.host(1), pool.host(2)];
    const vm = running(from);
    // Somebody else has the lock of the VM's host, which therefore comes last.
    const busy = await holdLock(from, 3);
    const disabling = document(home, "disable", "--pool", "--yes", "--wait", "20");
    await Bun.sleep(1500);
    await migrate(pool, vm, from, to, 77);
    const report = await disabling;
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    expect(await stillOn(to, "vif77.0")).toEqual([]);
    const vif = vm.vifs[0]?.record.uuid;
    expect(await recordedOff(pool, "VIF")).toContain(`${vif} ethtool-tx`);
    const devices = report.hosts.map((row: { report: { devices: { uuid: string }[] } }) =>
      row.report.devices.some(({ uuid }) => uuid === vif),
    );
    expect(devices).toEqual([false, false, true]);
    await busy.exited;
  });

  test("nothing is done to a domain that is no longer that VM, whatever XAPI still says", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 2 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const vm = running(other);
    await pool.domain(other, vm.record.domid, "00000000-0000-4000-8000-00000000dead");
    const device = `vif${vm.record.domid}.0`;
    const before = await other.text(["ethtool", "-k", device]);
    const report = await document(home, "disable", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "partly 1" });
    expect(report.hosts[1].report.problems).toMatchObject([{ code: "domain-changed" }]);
    expect(await other.text(["ethtool", "-k", device])).toBe(before);
    expect(
      (await recordedOff(pool, "VIF")).filter((line) =>
        line.startsWith(vm.vifs[0]?.record.uuid ?? "?"),
      ),
    ).toEqual([]);
  });

  test("without xenstore no VIF is touched, and the NICs are", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const other = pool.host(1);
    await other.text(["rm", "/run/xenstored/socket"]);
    const report = await document(pool.host(0), "disable", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "partly 1" });
    expect(await stillOn(other, "eth0")).toEqual([]);
    expect(await stillOn(other, `vif${running(other).record.domid}.0`)).not.toEqual([]);
  });
});

describe("restore --pool, and VMs on the move", () => {
  test("one that has migrated since is put back on the host that has it now", async () => {
    await using pool = await Pool.start({ hosts: 3, vms: 2 });
    const [home, from, to] = [pool.host(0), pool.host(1), pool.host(2)];
    const vm = running(from);
    const former = await from.ethtool(`vif${vm.record.domid}.0`);
    const { VIF } = await pool.simulator.database();
    await document(home, "disable", "--pool", "--yes");
    await migrate(pool, vm, from, to, 77);
    // The new device comes up as the records say.
    await to.setFeatures("vif77.0", ...AS_RECORDED);

    const foretold = await home.offload("restore", "--pool", "--dry-run");
    expect(foretold.stdout).toMatch(/^# xcp-3\n(?:(?!# )[^\n]*\n)*ethtool -K vif77\.0 /m);
    const report = await document(home, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    expect(await to.ethtool("vif77.0")).toEqual(former);
    expect((await pool.simulator.database())["VIF"]).toEqual(VIF);
    const vif = vm.vifs[0]?.record.uuid;
    const devices = report.hosts.map((row: { report: { devices: { uuid: string }[] } }) =>
      row.report.devices.some(({ uuid }) => uuid === vif),
    );
    expect(devices).toEqual([false, false, true]);
    await noJournal(...pool.hosts);
  });

  test("one that migrates while its host is at work is put back on the host that has it then", async () => {
    await using pool = await Pool.start({ hosts: 3, vms: 2 });
    const [home, from, to] = [pool.host(0), pool.host(1), pool.host(2)];
    const vm = running(from);
    const former = await from.ethtool(`vif${vm.record.domid}.0`);
    await document(home, "disable", "--pool", "--yes");
    const busy = await holdLock(from, 3);
    const restoring = document(home, "restore", "--pool", "--yes", "--wait", "20");
    await Bun.sleep(1500);
    await migrate(pool, vm, from, to, 77);
    await to.setFeatures("vif77.0", ...AS_RECORDED);
    const report = await restoring;
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0", "xcp-3": "done 0" });
    expect(await to.ethtool("vif77.0")).toEqual(former);
    await noJournal(...pool.hosts);
    await busy.exited;
  });

  test("one whose new host does not answer is told, stays noted, and is put back once that host answers", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, to] = [pool.host(0), pool.host(1)];
    const vm = running(home);
    const former = await home.ethtool(`vif${vm.record.domid}.0`);
    await document(home, "disable", "--pool", "--yes");
    await migrate(pool, vm, home, to, 77);
    await to.setFeatures("vif77.0", ...AS_RECORDED);
    await to.text(["mv", PLUGIN, "/root/plugin"]);
    const report = await document(home, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "plugin-missing 3" });
    expect(report.hosts[0].report.notes).toMatchObject([
      { code: "takes-effect-later", uuid: vm.vifs[0]?.record.uuid },
    ]);
    await to.text(["mv", "/root/plugin", PLUGIN]);
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await to.ethtool("vif77.0")).toEqual(former);
    await noJournal(...pool.hosts);
  });

  test("nothing is done to a domain that is no longer that VM; a later run puts it back", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const vm = running(other);
    const device = `vif${vm.record.domid}.0`;
    const former = await other.ethtool(device);
    await document(home, "disable", "--pool", "--yes");
    const off = await other.ethtool(device);
    await pool.domain(other, vm.record.domid, "00000000-0000-4000-8000-00000000dead");
    const report = await document(home, "restore", "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "partly 1" });
    expect(report.hosts[1].report.problems).toMatchObject([{ code: "domain-changed" }]);
    expect(await other.ethtool(device)).toEqual(off);
    await pool.domain(other, vm.record.domid, vm.record.uuid);
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect(await other.ethtool(device)).toEqual(former);
    await noJournal(...pool.hosts);
  });
});
