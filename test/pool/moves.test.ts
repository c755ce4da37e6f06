import { describe, expect, test } from "bun:test";
import { listFeaturesOn } from "../assertions/ethtool.ts";
import { Pool } from "../dom0/pool/pool.ts";
import { answerWith, commandsOf, document, gate, migrate, place, recordedOff, running, statesOf } from "./fixtures.ts";

/** The names of the hosts that were asked, in order. */
async function asked(pool: Pool): Promise<string[]> {
  return (await commandsOf(pool)).map((line) => line.split(" ")[0] ?? "");
}

describe("a VM that moves during the run", () => {
  test("is changed on its final host, and only that host is called again", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 2 });
    const [from, to] = [pool.host(1), pool.host(2)];
    const vm = running(from);
    const at = await gate(pool, from);
    const disabling = document(pool.host(0), "disable", "--pool", "--yes");
    await at.reached();
    for (let n = 0; n < 200 && (await recordedOff(pool, "PIF")).length < 12; n++) await Bun.sleep(20);
    await migrate(pool, vm, from, to, 77);
    await at.open();
    const report = await disabling;
    expect(statesOf(report)).toEqual({ "xcp-1": "ok 0", "xcp-2": "ok 0", "xcp-3": "ok 0" });
    expect((await asked(pool)).toSorted()).toEqual(["xcp-1", "xcp-2", "xcp-3", "xcp-3"]);
    expect(await listFeaturesOn(to, "vif77.0")).toEqual([]);
    const vif = vm.vifs[0]?.record.uuid;
    expect(await recordedOff(pool, "VIF")).toContain(`${vif} ethtool-tx`);
    // What the host did at first is not forgotten when it is asked again.
    const devices = report.hosts[2].report.changes.map(({ device }: { device: string }) => device);
    expect(new Set(devices)).toContain("eth0");
    expect(new Set(devices)).toContain("vif77.0");
  });

  test("is followed to a host that had no work before, when it was named", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 2 });
    const [from, to] = [pool.host(1), pool.host(2)];
    const vm = running(from);
    const at = await gate(pool, from);
    const disabling = document(pool.host(0), "disable", "vm 2-1", "--pool", "--yes");
    await at.reached();
    await migrate(pool, vm, from, to, 77);
    await at.open();
    const report = await disabling;
    expect(report.hosts.at(-1)).toMatchObject({ name: "xcp-3", state: "ok" });
    expect(await listFeaturesOn(to, "vif77.0")).toEqual([]);
    expect(await listFeaturesOn(to, `vif${running(to).record.domid}.0`)).not.toEqual([]);
  });

  test("is changed on the host where it is started during the run", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const [local, to] = [pool.host(0), pool.host(1)];
    const vm = local.fixture.vms.find(({ record }) => record.name_label === "archive");
    if (vm === undefined) throw new Error("no halted VM");
    const at = await gate(pool, local);
    const disabling = document(local, "disable", "--pool", "--yes");
    await at.reached();
    for (let n = 0; n < 200 && (await recordedOff(pool, "PIF")).length < 6; n++) await Bun.sleep(20);
    await Bun.sleep(300);
    await to.link.add("vif77.0");
    await place(pool, vm, to, 77);
    await at.open();
    expect((await disabling).exitCode).toBe(0);
    expect(await listFeaturesOn(to, "vif77.0")).toEqual([]);
  });

  test("is waited for while its host reports that it is migrating, for at most three rounds", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const migrating = { exitCode: 1, problems: ["vm-migrating"] };
    await answerWith(pool, pool.host(0), [{ exitCode: 0 }]);
    await answerWith(pool, pool.host(1), [migrating, { exitCode: 0 }]);
    const arrived = await document(pool.host(0), "disable", "--pool", "--yes");
    expect(statesOf(arrived)).toEqual({ "xcp-1": "ok 0", "xcp-2": "ok 0" });
    await answerWith(pool, pool.host(1), [migrating]);
    await pool.simulator.clearCalls();
    const stuck = await document(pool.host(0), "disable", "--pool", "--yes");
    expect(statesOf(stuck)).toEqual({ "xcp-1": "ok 0", "xcp-2": "partial 1" });
    expect((await asked(pool)).filter((name) => name === "xcp-2")).toHaveLength(4);
  });

  test("keeps in the row what its host did when that host fails later", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const [local, other] = [pool.host(0), pool.host(1)];
    const at = await gate(pool, local);
    const disabling = document(local, "disable", "--pool", "--yes");
    await at.reached();
    for (let n = 0; n < 200 && (await recordedOff(pool, "VIF")).length < 4; n++) await Bun.sleep(20);
    await Bun.sleep(500);
    await pool.replacePlugin(other, "#!/bin/sh\nkill -9 $$\n");
    await migrate(pool, running(local), local, other, 77);
    await at.open();
    const report = await disabling;
    expect(statesOf(report)).toEqual({ "xcp-1": "ok 0", "xcp-2": "failed 1" });
    expect(report.hosts[1].report.changes).not.toEqual([]);
  });
});
