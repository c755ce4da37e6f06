import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listAllFeaturesOn, listFeaturesOn, listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { REVERT_TIMER, readPendingId, readTimerPid, waitForTimer, waitUntil } from "./revert-timer.ts";

const FILE = "/var/lib/offload/pending.json";
const CONFIRM_WITHIN_5 = [OFFLOAD, "disable", "ALL", "--yes", "--confirm-within", "5"];
const CONFIRM_WITHIN_60 = [...CONFIRM_WITHIN_5.slice(0, -1), "60"];

const directory = mkdtempSync(join(tmpdir(), "offload-clock-"));
afterAll(() => rmSync(directory, { recursive: true }));

async function untilReverted(dom0: Dom0, before: string, seconds = 30): Promise<void> {
  await waitUntil("not reverted", async () => (await readLiveState(dom0)) === before, seconds);
  await waitUntil("still pending", async () => (await readPendingId(dom0)) === null, seconds);
  expect(await listWrites(dom0)).toEqual([]);
}

describe("the process that reverts", () => {
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
    test(`reverts at once on ${signal}, and whoever waits exits 1`, async () => {
      await using dom0 = await Dom0.start();
      const before = await readLiveState(dom0);
      const run = dom0.spawn(CONFIRM_WITHIN_60);
      await run.waitFor("offload confirm");
      await dom0.text(["kill", `-${signal}`, await readTimerPid(dom0)]);
      expect((await run.exited).exitCode).toBe(1);
      await untilReverted(dom0, before);
    });
  }

  test("is started again by whoever waits when it is killed, and reverts in time", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = dom0.spawn([...CONFIRM_WITHIN_5.slice(0, -1), "8"]);
    await run.waitFor("offload confirm");
    const first = await readTimerPid(dom0);
    await dom0.text(["kill", "-KILL", first]);
    await waitUntil("not started again", async () => ![first, ""].includes(await readTimerPid(dom0)));
    await run.signal("SIGKILL");
    await run.exited;
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    await untilReverted(dom0, before);
  });

  test.each(["removed", "replaced"])("starts and reverts when the executable is %s before", async (how) => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const spoil = how === "removed" ? "rm /root/offload" : "cp /bin/false /root/new; mv /root/new /root/offload";
    const script = `cp ${OFFLOAD} /root/offload; /root/offload disable ALL --yes --confirm-within 5 & sleep 0.03; ${spoil}; wait $!`;
    const { exitCode } = await dom0.run(["sh", "-c", script]);
    expect(exitCode).toBe(1);
    await untilReverted(dom0, before);
  });

  test.each(["the files", "the directory"])("reverts at once after the loss of %s of the state", async (what) => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = dom0.spawn(CONFIRM_WITHIN_60);
    await run.waitFor("offload confirm");
    await run.signal("SIGKILL");
    await run.exited;
    await dom0.text(["sh", "-c", `rm -rf /var/lib/offload${what === "the files" ? "/*" : ""}`]);
    await untilReverted(dom0, before);
  });

  test("has whoever waits exit 1 when the state is deleted, not with a change that seems confirmed", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = dom0.spawn(CONFIRM_WITHIN_60);
    await run.waitFor("offload confirm");
    await dom0.text(["rm", FILE]);
    expect((await run.exited).exitCode).toBe(1);
    await untilReverted(dom0, before);
  });

  test("is a process of ours where systemd-run fails, and where it hangs", async () => {
    for (const stub of ["exit 1", "exec sleep 60"]) {
      await using dom0 = await Dom0.start();
      const before = await readLiveState(dom0);
      await dom0.text(["mkdir", "-p", "/run/systemd/system", "/run/stub"]);
      await dom0.text(["sh", "-c", `printf '#!/bin/sh\\n${stub}\\n' > /run/stub/systemd-run; chmod +x /run/stub/*`]);
      const target = (await dom0.text(["sh", "-c", "command -v systemd-run"])).trim();
      await dom0.text(["mount", "--bind", "/run/stub/systemd-run", target]);
      const run = dom0.spawn([...CONFIRM_WITHIN_5.slice(0, -1), "17"]);
      await run.waitFor("offload confirm");
      expect(await readTimerPid(dom0)).not.toBe("");
      await run.signal("SIGKILL");
      await run.exited;
      await untilReverted(dom0, before);
    }
  });
});

describe("a clock that is set back by an hour", () => {
  test("makes no change stay on longer", async () => {
    const shim = join(directory, "clock-step.so");
    const source = join(import.meta.dir, "../fixtures/clock/clock-step.c");
    expect(Bun.spawnSync(["cc", "-shared", "-fPIC", "-o", shim, source]).exitCode).toBe(0);
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    await dom0.text(["cp", shim, "/opt/clock-step.so"]);
    await dom0.text(["sh", "-c", "echo /opt/clock-step.so > /etc/ld.so.preload"]);
    const run = dom0.spawn([...CONFIRM_WITHIN_5.slice(0, -1), "6"]);
    await run.waitFor("offload confirm");
    const earlier = Number(await dom0.text(["date", "+%s"]));
    await dom0.text(["touch", "/run/clock-step"]);
    expect(Number(await dom0.text(["date", "+%s"]))).toBeLessThan(earlier - 3000);
    await run.signal("SIGKILL");
    await run.exited;
    const startedMs = performance.now();
    await untilReverted(dom0, before);
    expect(performance.now() - startedMs).toBeLessThan(8000);
  });

  test("does not matter, for the time since the boot counts", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = dom0.spawn([...CONFIRM_WITHIN_5.slice(0, -1), "600"]);
    await run.waitFor("offload confirm");
    const id = await readPendingId(dom0);
    const revert = [OFFLOAD, "revert", "--at-deadline", `--change=${id}`];
    await dom0.text(["unshare", "--time", "--boottime", "3600", "--fork", "--", ...revert]);
    expect((await run.exited).exitCode).toBe(1);
    await untilReverted(dom0, before);
  });
});

describe("output that nobody takes", () => {
  test("holds up no revert when standard error is a pipe that is full", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const command = `${CONFIRM_WITHIN_5.join(" ")} --verbose`;
    const run = dom0.spawn(["sh", "-c", `(head -c 65536 /dev/zero; exec ${command}) 2>&1 | sleep 100`]);
    await waitForTimer(dom0);
    await untilReverted(dom0, before, 10);
    // The lock is free, although the report waits for its reader.
    expect((await dom0.offload("disable", "eth1", "--live-only")).exitCode).toBe(0);
    await run.signal("SIGKILL");
    await dom0.run(["pkill", "-KILL", "-x", "offload"]);
  });

  test("holds up no revert on a terminal that Ctrl-S has stopped", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const script = `read go; exec ${CONFIRM_WITHIN_5.join(" ")} --verbose`;
    const run = dom0.spawn(["sh", "-c", script], { tty: true, env: { TERM: "dumb" } });
    run.write("go\n\x13");
    await waitForTimer(dom0);
    await untilReverted(dom0, before, 10);
    expect((await dom0.offload("disable", "eth1", "--live-only")).exitCode).toBe(0);
    run.write("\x11");
    await run.exited;
  });
});

describe("a holder of the lock that gets nowhere", () => {
  test("is woken and asked to end when it is stopped", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const script = `${CONFIRM_WITHIN_5.join(" ")} & while ! pgrep -x ${REVERT_TIMER} > /dev/null; do :; done; kill -STOP $!; wait $!`;
    const run = dom0.spawn(["sh", "-c", script]);
    await waitForTimer(dom0);
    await untilReverted(dom0, before, 25);
    expect((await run.exited).exitCode).toBeOneOf([1, 143]);
  });

  test("is killed when it does not end", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = dom0.spawn(CONFIRM_WITHIN_5);
    await run.waitFor("offload confirm");
    const holder = dom0.spawn(["flock", "/var/lib/offload", "-c", "trap '' TERM; while :; do sleep 1; done"]);
    await run.signal("SIGKILL");
    await untilReverted(dom0, before, 50);
    await holder.exited;
  });
});

test("a NIC called __proto__ and one called constructor are reverted, too", async () => {
  await using dom0 = await Dom0.start();
  const names = ["__proto__", "constructor"];
  const pifs = Object.entries((await dom0.simulator.database())["PIF"] ?? {});
  for (const [index, name] of names.entries()) {
    const old = `eth${index + 1}`;
    await dom0.text(["ip", "link", "set", old, "down"]);
    await dom0.text(["ip", "link", "set", old, "name", name]);
    for (const [ref, pif] of pifs) if (pif["device"] === old) await dom0.simulator.set(["PIF", ref, "device", name]);
  }
  const read = () => Promise.all(names.map((name) => dom0.text(["ethtool", "-k", name])));
  const before = await read();
  const run = dom0.spawn([OFFLOAD, "disable", ...names, "--confirm-within", "5"]);
  await run.waitFor("offload confirm");
  for (const name of names) expect(await listFeaturesOn(dom0, name)).toEqual([]);
  expect((await run.exited).exitCode).toBe(1);
  expect(await read()).toEqual(before);
  expect((await dom0.offload("disable", ...names)).exitCode).toBe(0);
  expect((await dom0.offload("verify", ...names)).stdout).not.toContain("eth1");
  expect((await dom0.offload("restore", ...names)).exitCode).toBe(0);
  expect(await read()).toEqual(before);
});

test("a hang-up in the first moments leaves everything as it was", async () => {
  await using dom0 = await Dom0.start();
  const before = await readLiveState(dom0);
  for (let delayMs = 0; delayMs <= 320; delayMs += 16) {
    const script = `${CONFIRM_WITHIN_60.join(" ")} & sleep ${delayMs / 1000}; kill -HUP $!; wait $!`;
    const { exitCode } = await dom0.run(["sh", "-c", script]);
    expect(exitCode).toBe(129);
    await untilReverted(dom0, before);
  }
}, 120_000);
