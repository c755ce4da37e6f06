import { describe, expect, test } from "bun:test";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { allStillOn, liveState, writes } from "./truth.ts";

const QUESTION = "Keep these changes?";
const TRIAL = "/var/lib/offload/trial.json";

async function onTrial(dom0: Dom0): Promise<boolean> {
  return (await dom0.run(["ls", TRIAL])).exitCode === 0;
}

async function until(dom0: Dom0, wanted: boolean, seconds = 20): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while ((await onTrial(dom0)) !== wanted) {
    if (Date.now() > deadline) throw new Error(`the trial is ${wanted ? "not on" : "still on"}`);
    await Bun.sleep(50);
  }
}

/** Ends what would put a trial back; the pattern does not match the shell that looks for it. */
async function killGuards(dom0: Dom0): Promise<void> {
  const each = `tr '\\0' ' ' < $p/cmdline | grep -q 'offload[ ]guard' && kill -9 \${p#/proc/}`;
  await dom0.run(["sh", "-c", `for p in /proc/[0-9]*; do ${each}; done; true`]);
  await Bun.sleep(100);
}

function disable(dom0: Dom0, seconds: number, tty = false) {
  const argv = [OFFLOAD, "disable", "ALL", "--yes", "--confirm-within", String(seconds)];
  return dom0.spawn(argv, { tty });
}

describe("disable --confirm-within", () => {
  test("a yes keeps the change, and only then it is recorded", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60, true);
    await run.waitFor(QUESTION);
    expect(await allStillOn(dom0)).toEqual([]);
    expect(await writes(dom0)).toEqual([]);
    run.write("y");
    expect((await run.exited).exitCode).toBe(0);
    expect((await writes(dom0)).length).toBeGreaterThan(0);
    expect((await dom0.offload("verify")).exitCode).toBe(0);
    expect(await onTrial(dom0)).toBe(false);
  });

  test("a no puts everything back at once: exit code 1, nothing recorded, the journal as it was", async () => {
    await using dom0 = await Dom0.start();
    const before = await liveState(dom0);
    const run = disable(dom0, 60, true);
    await run.waitFor(QUESTION);
    run.write("\r");
    const { exitCode, stdout } = await run.exited;
    expect(exitCode).toBe(1);
    expect(stdout).toContain("everything was put back");
    expect(await liveState(dom0)).toBe(before);
    expect(await writes(dom0)).toEqual([]);
    const { stdout: files } = await dom0.run(["ls", "/var/lib/offload"]);
    expect(files.trim()).toBe("lock");
  });

  test("without an answer in time it is put back", async () => {
    await using dom0 = await Dom0.start();
    const before = await liveState(dom0);
    const run = disable(dom0, 5, true);
    await run.waitFor(QUESTION);
    const { exitCode } = await run.exited;
    expect(exitCode).toBe(1);
    expect(await liveState(dom0)).toBe(before);
  });

  test("a killed asker and a killed session change nothing of that: the guard puts it back", async () => {
    await using dom0 = await Dom0.start();
    const before = await liveState(dom0);
    const run = disable(dom0, 6);
    await until(dom0, true);
    await Bun.sleep(500);
    await run.signal("SIGKILL");
    await run.exited;
    expect(await allStillOn(dom0)).toEqual([]);
    await until(dom0, false);
    expect(await liveState(dom0)).toBe(before);
  });

  for (const signal of ["SIGHUP", "SIGTERM", "SIGINT"] as const) {
    test(`${signal} puts it back at once, and ends by that signal`, async () => {
      await using dom0 = await Dom0.start();
      const before = await liveState(dom0);
      const run = disable(dom0, 60);
      await until(dom0, true);
      while (!run.output.includes("offload confirm")) await Bun.sleep(20);
      await run.signal(signal);
      const { signal: ended, exitCode } = await run.exited;
      const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
      expect(ended ?? exitCode).toBeOneOf([signal, codes[signal]]);
      expect(await onTrial(dom0)).toBe(false);
      expect(await liveState(dom0)).toBe(before);
    });
  }

  test("a signal puts it back also where XAPI has gone away meanwhile", async () => {
    await using dom0 = await Dom0.start();
    const before = await liveState(dom0);
    const run = disable(dom0, 60);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    await dom0.run(["mv", "/var/lib/xcp/xapi", "/var/lib/xcp/xapi.gone"]);
    await run.signal("SIGTERM");
    await run.exited;
    expect(await onTrial(dom0)).toBe(false);
    expect(await liveState(dom0)).toBe(before);
  });

  test("offload confirm answers it from another login", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60);
    await until(dom0, true);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    const confirmed = await dom0.offload("confirm");
    expect(confirmed.exitCode).toBe(0);
    expect((await run.exited).exitCode).toBe(0);
    expect((await dom0.offload("verify")).exitCode).toBe(0);
    expect((await dom0.offload("confirm")).exitCode).toBe(2);
  });

  test("offload restore answers it from another login", async () => {
    await using dom0 = await Dom0.start();
    const before = await liveState(dom0);
    const run = disable(dom0, 60);
    await until(dom0, true);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect((await run.exited).exitCode).toBe(1);
    expect(await liveState(dom0)).toBe(before);
    expect(await writes(dom0)).toEqual([]);
  });

  test("while it is on, no other change is made", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60);
    await until(dom0, true);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    const other = await dom0.offload("disable", "eth1");
    expect(other.exitCode).toBe(3);
    expect(other.stderr).toContain("on trial");
    await dom0.offload("restore", "--yes");
    await run.exited;
  });

  test("whoever comes too late to put it back leaves the next one alone", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 5);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    // Asker and guard wait for the lock, and find another trial when they get it.
    const another = `sleep 6; sed -i 's/"deadline":[0-9]*/"deadline":9999999999999/' ${TRIAL}`;
    const { exitCode } = await dom0.run(["flock", "/var/lib/offload/lock", "sh", "-c", another]);
    expect(exitCode).toBe(0);
    expect((await run.exited).exitCode).toBe(1);
    await Bun.sleep(1500);
    expect(await onTrial(dom0)).toBe(true);
    expect(await allStillOn(dom0)).toEqual([]);
    await dom0.offload("restore", "--yes");
  });

  test("after a reboot nothing of it is left: not recorded, not put back onto fresh devices", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60);
    await until(dom0, true);
    await Bun.sleep(500);
    await run.signal("SIGKILL");
    await run.exited;
    await dom0.run(["sh", "-c", `sed -i 's/"bootId":"[^"]*"/"bootId":"another"/' ${TRIAL}`]);
    expect((await dom0.offload("disable", "eth1")).exitCode).toBe(0);
    expect(await onTrial(dom0)).toBe(false);
    expect((await writes(dom0)).every(({ method }) => method.startsWith("PIF."))).toBe(true);
  });

  test("one whose time is over is put back first, and what is then there is what gets changed", async () => {
    await using dom0 = await Dom0.start();
    const before = await liveState(dom0);
    const run = disable(dom0, 60);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    await run.signal("SIGKILL");
    await run.exited;
    await killGuards(dom0);
    await dom0.run(["sed", "-i", 's/"deadline":[0-9]*/"deadline":1/', TRIAL]);
    expect(await allStillOn(dom0)).toEqual([]);
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    expect(await allStillOn(dom0)).toEqual([]);
    expect((await dom0.offload("verify")).exitCode).toBe(0);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await liveState(dom0)).toBe(before);
  });

  test("a time that is none, and --no-record with it, are refused", async () => {
    await using dom0 = await Dom0.start();
    for (const args of [["0"], ["4"], ["3601"], ["soon"], ["30", "--no-record"]]) {
      const run = await dom0.offload("disable", "eth1", "--confirm-within", ...args);
      expect(run.exitCode).toBe(2);
    }
  });
});
