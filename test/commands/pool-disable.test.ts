import { describe, expect, test } from "bun:test";
import { INSTALLED, Pool } from "../dom0/pool/pool.ts";
import { breakAt, document, gate, migrate, recordedOff, running, statesOf } from "./pool-run.ts";
import { liveState, stillOn } from "./truth.ts";

describe("disable --pool, and VMs on the move", () => {
  test("what failed at first and went well after a restart of its VM is no problem any more", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const vm = running(other);
    const at = await gate(pool, home, "disable");
    const method = "VIF.add_to_other_config";
    await pool.simulator.fault({ fault: "error", method, times: 1, code: "INTERNAL_ERROR" });
    const disabling = document(home, "disable", "--pool", "--yes");
    await at.reached();
    for (let n = 0; n < 200 && (await recordedOff(pool, "VIF")).length < 5; n++)
      await Bun.sleep(20);
    await migrate(pool, vm, other, other, 77);
    await at.open();
    const report = await disabling;
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0" });
    expect(await stillOn(other, "vif77.0")).toEqual([]);
    expect((await document(home, "verify", "--pool")).exitCode).toBe(0);
  });

  test("one that is migrating is waited for, and turned off where it arrives", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, to] = [pool.host(0), pool.host(1)];
    const vm = running(home);
    await pool.simulator.set(["VM", vm.ref, "current_operations", { task: "pool_migrate" }]);
    const told = await document(home, "disable", "--pool", "--yes");
    expect(statesOf(told)).toEqual({ "xcp-1": "partly 1", "xcp-2": "done 0" });
    expect(told.hosts[0].report.problems).toMatchObject([{ code: "domain-changed" }]);
    const disabling = document(home, "disable", "--pool", "--yes");
    await Bun.sleep(1000);
    await migrate(pool, vm, home, to, 77);
    await pool.simulator.set(["VM", vm.ref, "current_operations", {}]);
    expect(statesOf(await disabling)).toEqual({ "xcp-1": "done 0", "xcp-2": "done 0" });
    expect(await stillOn(to, "vif77.0")).toEqual([]);
  });

  test("a host that did its part and then breaks has done it partly", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const at = await gate(pool, home, "disable");
    await breakAt(pool, other, "disable", 2);
    const disabling = document(home, "disable", "--pool", "--yes");
    await at.reached();
    for (let n = 0; n < 200 && (await recordedOff(pool, "VIF")).length < 6; n++)
      await Bun.sleep(20);
    await migrate(pool, running(other), other, other, 77);
    await at.open();
    const report = await disabling;
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "failed 1" });
    expect(report.hosts[1].report.changes).not.toEqual([]);
  });
});

describe("disable --pool --rolling", () => {
  test("after a signal the hosts that had no turn are said to have been interrupted", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 1 });
    const at = await gate(pool, pool.host(1), "disable");
    const run = pool
      .host(0)
      .spawn([INSTALLED, "disable", "--pool", "--rolling", "--yes", "--json"]);
    await at.reached();
    await run.signal("SIGINT");
    const { signal, stdout } = await run.exited;
    expect(signal).toBe("SIGINT");
    const { hosts } = JSON.parse(stdout);
    const told = hosts.map(({ state, message }: { state: string; message: string }) => [
      state,
      message,
    ]);
    const never = ["not-attempted", "interrupted before its turn; nothing was touched there"];
    expect(told).toEqual([
      never,
      ["unreachable", "interrupted before it answered; it may still be at work"],
      never,
    ]);
  });
});

describe("disable --pool, and somebody who puts back meanwhile", () => {
  test("records that nobody has noted any more are put back too, and that is told", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const [home, other] = [pool.host(0), pool.host(1)];
    const state = await liveState(other);
    const at = await gate(pool, other, "disable");
    await pool.simulator.fault({ fault: "slow", method: "PIF.add_to_other_config", ms: 200 });
    const disabling = document(home, "disable", "--pool", "--yes");
    await at.reached();
    for (let n = 0; n < 200 && (await recordedOff(pool, "PIF")).length < 1; n++)
      await Bun.sleep(20);
    await at.open();
    await other.text([
      "sh",
      "-c",
      "while ! grep -q ethtool /var/lib/offload/journal.json; do sleep 0.02; done 2> /dev/null",
    ]);
    expect((await other.offload("restore", "--yes", "--wait", "20")).exitCode).toBe(0);
    const report = await disabling;
    expect(statesOf(report)).toEqual({ "xcp-1": "done 0", "xcp-2": "partly 1" });
    expect(report.hosts[1].report.problems).toContainEqual({
      code: "state-failed",
      message:
        "somebody has put it back while this ran, and so 18 records were put back; run this again",
    });
    expect(await liveState(other)).toBe(state);
    const theirs = (await recordedOff(pool, "PIF")).filter((line) =>
      line.startsWith(other.world.pif("eth0", other.world.host).record.uuid),
    );
    expect(theirs).toEqual([]);
    await pool.simulator.fault({ fault: "none" });
    expect((await document(home, "disable", "--pool", "--yes")).exitCode).toBe(0);
    expect((await document(home, "restore", "--pool", "--yes")).exitCode).toBe(0);
    expect([await recordedOff(pool, "PIF"), await recordedOff(pool, "VIF")]).toEqual([[], []]);
  });
});

describe("disable --pool --confirm-within", () => {
  test("refused, nobody says of a host that gave no answer that it has put anything back", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    await breakAt(pool, pool.host(1), "revert", 1);
    const { exitCode, stdout } = await pool
      .host(0)
      .run([INSTALLED, "disable", "--pool", "--yes", "--confirm-within", "20"], {
        tty: true,
        answers: [{ when: "Keep these changes on 2 of 2 hosts?", say: "n" }],
      });
    expect(exitCode).toBe(1);
    expect(stdout.match(/not confirmed, so everything was put back/g)).toHaveLength(1);
  });
});
