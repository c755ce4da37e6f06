import { describe, expect, test } from "bun:test";
import { listAllFeaturesOn, listFeaturesOn, readLiveState } from "../assertions/ethtool.ts";
import type { Dom0 } from "../dom0/dom0.ts";
import { INSTALLED, Pool } from "../dom0/pool/pool.ts";
import { answerWith, changesOf, commandsOf, document, openSessions, recordedOff } from "./fixtures.ts";

const ARGS = [INSTALLED, "disable", "--pool", "--yes", "--confirm-within"];
const QUESTION = "Keep these changes on 2 of 3 hosts?";

/** Three hosts, the last of which cannot make its change pending. */
async function startPool(): Promise<Pool> {
  const pool = await Pool.start({ hosts: 3, nics: 1, vms: 1 });
  await answerWith(pool, pool.host(0), [{ exitCode: 0 }]);
  await answerWith(pool, pool.host(1), [{ exitCode: 0 }]);
  await pool.replacePlugin(pool.host(2), "#!/bin/sh\nkill -9 $$\n");
  return pool;
}

const pending = [1, 2, 3].map((at) => `xcp-${at} disable --confirm-within=30 --yes --host`);

describe("disable --pool --confirm-within", () => {
  test("confirms on each host where the change is pending", async () => {
    await using pool = await startPool();
    const run = await pool.host(0).run([...ARGS, "30"], {
      tty: true,
      answers: [{ prompt: QUESTION, input: "y" }],
    });
    expect(run.exitCode).toBe(1);
    expect((await commandsOf(pool)).toSorted()).toEqual([...pending, "xcp-1 confirm", "xcp-2 confirm"].toSorted());
  });

  test("reverts on each of them after No, after the time, and after a signal", async () => {
    for (const end of ["n", "time", "SIGTERM"]) {
      await using pool = await startPool();
      const seconds = end === "time" ? "5" : "30";
      const run = pool.host(0).spawn([...ARGS, seconds], { tty: true });
      await run.waitFor(QUESTION);
      if (end === "n") run.write("n\r");
      if (end === "SIGTERM") await run.signal("SIGTERM");
      expect((await run.exited).signal).toBe(end === "SIGTERM" ? "SIGTERM" : null);
      const commands = (await commandsOf(pool)).slice(3);
      expect(commands.toSorted()).toEqual(["xcp-1 revert", "xcp-2 revert"]);
      expect(await openSessions(pool)).toBe(0);
    }
  });
});

describe("a pending change on several real hosts", () => {
  const tryOut = (host: Dom0, input: string) =>
    host.run([...ARGS, "30"], { tty: true, answers: [{ prompt: "on 2 of 2 hosts?", input }] });

  test("is stored when it is confirmed", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const kept = await tryOut(pool.host(0), "y");
    expect(kept.exitCode).toBe(0);
    for (const host of pool.hosts) expect(await listAllFeaturesOn(host)).toEqual([]);
    expect(await recordedOff(pool, "PIF")).toHaveLength(2 * 6);
    const again = await document(pool.host(1), "disable", "--pool", "--yes");
    expect(changesOf(again)).toEqual([0, 0]);
  });

  test("leaves nothing behind when it is reverted, and each host says so", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const states = await Promise.all(pool.hosts.map(readLiveState));
    const before = await pool.simulator.database();
    const refused = await tryOut(pool.host(0), "n");
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout.match(/not confirmed, so everything was reverted/g)).toHaveLength(2);
    expect(await Promise.all(pool.hosts.map(readLiveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
  });

  test("is reverted by each host itself when the initiator is killed", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const states = await Promise.all(pool.hosts.map(readLiveState));
    const run = pool.host(0).spawn([...ARGS, "6"], { tty: true });
    await run.waitFor("on 2 of 2 hosts?");
    expect(await listAllFeaturesOn(pool.host(1))).toEqual([]);
    await run.signal("SIGKILL");
    await run.exited;
    for (let n = 0; n < 100 && (await listAllFeaturesOn(pool.host(1))).length === 0; n++) await Bun.sleep(100);
    await Bun.sleep(1000);
    expect(await Promise.all(pool.hosts.map(readLiveState))).toEqual(states);
  });

  test("is neither confirmed nor reverted by a pool run that did not make it", async () => {
    for (const say of ["y", "n"]) {
      await using pool = await Pool.start({ hosts: 2, nics: 2, vms: 1 });
      const [local, other] = [pool.host(0), pool.host(1)];
      const run = local.spawn([...ARGS, "60"], { tty: true });
      await run.waitFor("on 2 of 2 hosts?");
      await other.offload("restore", "--yes");
      const theirs = other.spawn([INSTALLED, "disable", "eth0", "--confirm-within", "60"]);
      await theirs.waitFor("offload confirm");
      run.write(`${say}\r`);
      expect((await run.exited).exitCode).toBe(1);
      expect(await listFeaturesOn(other, "eth0")).toEqual([]);
      expect(await listFeaturesOn(other, "eth1")).not.toEqual([]);
      expect((await other.offload("confirm")).exitCode).toBe(0);
      await theirs.exited;
    }
  });
});
