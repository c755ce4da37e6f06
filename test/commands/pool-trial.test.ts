import { describe, expect, test } from "bun:test";
import { type Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { Pool } from "../dom0/pool/pool.ts";
import { document } from "./pool-run.ts";
import { liveState, stillOn } from "./truth.ts";

describe("disable --pool --confirm-within", () => {
  const QUESTION = "Keep these changes on 2 of 2 hosts?";
  const tryOut = (host: Dom0, seconds: number, say?: string) =>
    host.run(
      ["/usr/local/bin/offload", "disable", "--pool", "--yes", "--confirm-within", String(seconds)],
      {
        tty: true,
        ...(say === undefined ? {} : { answers: [{ when: QUESTION, say }] }),
      },
    );

  test("kept, it is done for good on every host, and recorded", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const { exitCode } = await tryOut(pool.host(0), 30, "y");
    expect(exitCode).toBe(0);
    expect((await document(pool.host(1), "verify", "--pool")).exitCode).toBe(0);
    for (const host of pool.hosts) {
      expect(await host.text(["ls", "/var/lib/offload"])).not.toContain("trial");
    }
  });

  test("refused, every host has what it had before, and nothing was recorded or is left", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const states = await Promise.all(pool.hosts.map(liveState));
    const before = await pool.simulator.database();
    const { exitCode, stdout } = await tryOut(pool.host(0), 30, "n");
    expect(exitCode).toBe(1);
    expect(stdout.match(/not confirmed, so everything was put back/g)).toHaveLength(2);
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    expect(await pool.simulator.database()).toEqual(before);
    for (const host of pool.hosts) {
      expect(await host.text(["ls", "/var/lib/offload"])).not.toContain(".json");
    }
  });

  test("without an answer it is put back, and after a signal too", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const states = await Promise.all(pool.hosts.map(liveState));
    expect((await tryOut(pool.host(0), 5)).exitCode).toBe(1);
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
    const running = pool
      .host(0)
      .spawn(["/usr/local/bin/offload", "disable", "--pool", "--yes", "--confirm-within", "60"], {
        tty: true,
      });
    await running.waitFor(QUESTION);
    expect(await stillOn(pool.host(1), "eth0")).toEqual([]);
    await running.signal("SIGTERM");
    expect((await running.exited).signal).toBe("SIGTERM");
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
  });

  test("a trial that somebody else has begun on a host meanwhile is neither kept nor put back", async () => {
    for (const say of ["y", "n"]) {
      await using pool = await Pool.start({ hosts: 2, vms: 1 });
      const [home, other] = [pool.host(0), pool.host(1)];
      const running = home.spawn(
        ["/usr/local/bin/offload", "disable", "--pool", "--yes", "--confirm-within", "60"],
        { tty: true },
      );
      await running.waitFor(QUESTION);
      expect((await other.offload("restore", "--yes")).exitCode).toBe(0);
      const theirs = other.spawn([OFFLOAD, "disable", "eth0", "--confirm-within", "60"]);
      await theirs.waitFor("offload confirm within");
      running.write(`${say}\r`);
      expect((await running.exited).exitCode).toBe(1);
      expect(await stillOn(other, "eth0")).toEqual([]);
      expect(await stillOn(other, "eth1")).not.toEqual([]);
      expect((await other.offload("confirm")).exitCode).toBe(0);
      await theirs.exited;
    }
  });

  test("each host guards itself: should the one that asks die, all is put back all the same", async () => {
    await using pool = await Pool.start({ hosts: 2, vms: 1 });
    const states = await Promise.all(pool.hosts.map(liveState));
    const running = pool
      .host(0)
      .spawn(["/usr/local/bin/offload", "disable", "--pool", "--yes", "--confirm-within", "6"], {
        tty: true,
      });
    await running.waitFor(QUESTION);
    expect(await stillOn(pool.host(1), "eth0")).toEqual([]);
    await running.signal("SIGKILL");
    await running.exited;
    await Bun.sleep(7500);
    expect(await Promise.all(pool.hosts.map(liveState))).toEqual(states);
  });

  test("is refused where nobody can be asked", async () => {
    await using pool = await Pool.start({ hosts: 1, vms: 1 });
    const report = await document(
      pool.host(0),
      "disable",
      "--pool",
      "--yes",
      "--confirm-within",
      "30",
    );
    expect(report.problems).toMatchObject([{ code: "nobody-to-ask" }]);
  });
});
