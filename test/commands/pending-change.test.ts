import { describe, expect, test } from "bun:test";
import { listAllFeaturesOn, listFeaturesOn, listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

const QUESTION = "Keep these changes?";
const FILE = "/var/lib/offload/pending.json";

async function isPending(dom0: Dom0): Promise<boolean> {
  return (await dom0.run(["ls", FILE])).exitCode === 0;
}

async function until(dom0: Dom0, wanted: boolean, seconds = 20): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while ((await isPending(dom0)) !== wanted) {
    if (Date.now() > deadline) throw new Error(`a change is ${wanted ? "not" : "still"} pending`);
    await Bun.sleep(50);
  }
}

/** Ends what would revert a pending change; the pattern does not match the shell that looks for it. */
async function killRevertTimers(dom0: Dom0): Promise<void> {
  const each = `tr '\\0' ' ' < $p/cmdline | grep -q 'offload[ ]revert' && kill -9 \${p#/proc/}`;
  await dom0.run(["sh", "-c", `for p in /proc/[0-9]*; do ${each}; done; true`]);
  await Bun.sleep(100);
}

function disable(dom0: Dom0, seconds: number, tty = false) {
  const argv = [OFFLOAD, "disable", "ALL", "--yes", "--confirm-within", String(seconds)];
  return dom0.spawn(argv, { tty });
}

describe("disable --confirm-within", () => {
  test("applies the change after yes, and stores it only then", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60, true);
    await run.waitFor(QUESTION);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    expect(await listWrites(dom0)).toEqual([]);
    run.write("y");
    const { exitCode, stdout } = await run.exited;
    expect(exitCode).toBe(0);
    // What was turned off while it was pending counts as a change of this run.
    expect(stdout).toMatch(/Turned off .* on 11 devices; changed [1-9]\d+ settings in XAPI/);
    expect((await listWrites(dom0)).length).toBeGreaterThan(0);
    expect(await isPending(dom0)).toBe(false);
    expect((await dom0.offload("persist", "--yes")).exitCode).toBe(0);
    expect((await dom0.offload("verify")).exitCode).toBe(0);
  });

  test("reverts everything after no, exits 1, and leaves nothing stored or on disk", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = disable(dom0, 60, true);
    await run.waitFor(QUESTION);
    run.write("\r");
    const { exitCode, stdout } = await run.exited;
    expect(exitCode).toBe(1);
    expect(stdout).toContain("everything was reverted");
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
    const { stdout: files } = await dom0.run(["ls", "/var/lib/offload"]);
    expect(files).toBe("");
  });

  test("reverts when no answer comes in time", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = disable(dom0, 5, true);
    await run.waitFor(QUESTION);
    const { exitCode } = await run.exited;
    expect(exitCode).toBe(1);
    expect(await readLiveState(dom0)).toBe(before);
  });

  test("reverts by the revert timer when the command is killed", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = disable(dom0, 6);
    await until(dom0, true);
    await Bun.sleep(500);
    await run.signal("SIGKILL");
    await run.exited;
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    await until(dom0, false);
    expect(await readLiveState(dom0)).toBe(before);
  });

  for (const signal of ["SIGHUP", "SIGTERM", "SIGINT"] as const) {
    test(`reverts at once on ${signal}, and ends by that signal`, async () => {
      await using dom0 = await Dom0.start();
      const before = await readLiveState(dom0);
      const run = disable(dom0, 60);
      await until(dom0, true);
      while (!run.output.includes("offload confirm")) await Bun.sleep(20);
      await run.signal(signal);
      const { signal: ended, exitCode } = await run.exited;
      const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
      expect(ended ?? exitCode).toBeOneOf([signal, codes[signal]]);
      expect(await isPending(dom0)).toBe(false);
      expect(await readLiveState(dom0)).toBe(before);
    });
  }

  test("reverts on a signal when XAPI has gone away meanwhile", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = disable(dom0, 60);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    await dom0.run(["mv", "/var/lib/xcp/xapi", "/var/lib/xcp/xapi.gone"]);
    await run.signal("SIGTERM");
    await run.exited;
    expect(await isPending(dom0)).toBe(false);
    expect(await readLiveState(dom0)).toBe(before);
  });

  test("can be confirmed by offload confirm from another login", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60);
    await until(dom0, true);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    const confirmed = await dom0.offload("confirm");
    expect(confirmed.exitCode).toBe(0);
    expect(confirmed.stdout).toMatch(/Turned off .* on 11 devices; changed [1-9]\d+ settings in XAPI/);
    expect((await run.exited).exitCode).toBe(0);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    expect((await dom0.offload("confirm")).exitCode).toBe(2);
  });

  test("can be reverted by offload restore from another login", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = disable(dom0, 60);
    await until(dom0, true);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect((await run.exited).exitCode).toBe(1);
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("blocks every other change, and says how many seconds are left", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60);
    await until(dom0, true);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    const before = await readLiveState(dom0);
    const refusals = [
      await dom0.offload("disable", "eth1"),
      await dom0.offload("restore", "eth1"),
      await dom0.offload("restore", "NICS", "--yes"),
      await dom0.offload("persist", "--yes"),
    ];
    for (const { exitCode, stderr } of refusals) {
      expect({ exitCode, stderr }).toEqual({
        exitCode: 3,
        stderr: expect.stringMatching(/pending[^\n]* reverted in (?:60|5\d) seconds; keep it with/),
      });
    }
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
    await dom0.offload("restore", "--yes");
    await run.exited;
  });

  test("is not reverted by the late timer of an earlier pending change", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 5);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    // Whoever asked and the revert timer wait for the lock, and find another change when they get it.
    const another = `sleep 6; sed -i 's/"id":"[^"]*"/"id":"another"/; s/"deadlineMs":[0-9]*/"deadlineMs":9999999999999/' ${FILE}`;
    const { exitCode } = await dom0.run(["flock", "/var/lib/offload", "sh", "-c", another]);
    expect(exitCode).toBe(0);
    expect((await run.exited).exitCode).toBe(1);
    await Bun.sleep(1500);
    expect(await isPending(dom0)).toBe(true);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    await dom0.offload("restore", "--yes");
  });

  test.each(["status", "verify"])("is announced in the first line of %s, with the seconds left", async (command) => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    const { stdout } = await dom0.offload(command);
    expect(stdout).toMatch(
      /^A change is pending: it is reverted in (?:60|5\d) seconds unless it is confirmed; keep it with: offload confirm\n/,
    );
    const { pending } = JSON.parse((await dom0.offload(command, "--json")).stdout);
    expect(pending.secondsLeft).toBeWithin(40, 61);
    await dom0.offload("restore", "--yes");
    await run.exited;
    expect((await dom0.offload(command)).stdout).not.toContain("pending");
  });

  test("says at the prompt what Enter does, how much time is left, and how to answer elsewhere", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60, true);
    await run.waitFor(QUESTION);
    // It counts down by itself.
    await run.waitFor("Reverted in 58 s");
    const screen = Bun.stripANSI(run.output).replaceAll(/\s+/g, " ");
    expect(screen).toContain("Enter: no; from another login: offload confirm");
    run.write("\r");
    expect((await run.exited).exitCode).toBe(1);
  });

  test("covers the named targets, and is reverted when those are restored", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const argv = [OFFLOAD, "disable", "eth1", "web 1", "--confirm-within", "60"];
    const run = dom0.spawn(argv);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    expect(await listFeaturesOn(dom0, "eth1")).toEqual([]);
    expect((await dom0.offload("restore", "web 1", "eth1")).exitCode).toBe(0);
    expect((await run.exited).exitCode).toBe(1);
    expect(await readLiveState(dom0)).toBe(before);
    expect(await listWrites(dom0)).toEqual([]);
  });

  test("ends with a reboot: nothing is stored, and nothing is reverted on new devices", async () => {
    await using dom0 = await Dom0.start();
    const run = disable(dom0, 60);
    await until(dom0, true);
    await Bun.sleep(500);
    await run.signal("SIGKILL");
    await run.exited;
    await killRevertTimers(dom0);
    await dom0.run(["sh", "-c", `sed -i 's/"bootId":"[^"]*"/"bootId":"another"/' ${FILE}`]);
    const confirmed = await dom0.offload("confirm");
    expect(confirmed.exitCode).toBe(2);
    expect(confirmed.stderr).toContain("the host was rebooted, which reverted it");
    expect(await listWrites(dom0)).toEqual([]);
    expect((await dom0.offload("status")).stdout).not.toContain("pending");
    expect((await dom0.offload("disable", "eth1")).exitCode).toBe(0);
    expect((await listWrites(dom0)).every(({ method }) => method.startsWith("PIF."))).toBe(true);
  });

  test("is reverted first when its time is over, and the next change starts from that state", async () => {
    await using dom0 = await Dom0.start();
    const before = await readLiveState(dom0);
    const run = disable(dom0, 60);
    while (!run.output.includes("offload confirm")) await Bun.sleep(20);
    await run.signal("SIGKILL");
    await run.exited;
    await killRevertTimers(dom0);
    await dom0.run(["sed", "-i", 's/"deadlineMs":[0-9]*/"deadlineMs":1/', FILE]);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    expect((await dom0.offload("disable", "ALL", "--yes")).exitCode).toBe(0);
    expect(await listAllFeaturesOn(dom0)).toEqual([]);
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await readLiveState(dom0)).toBe(before);
  });

  test("is refused with an invalid time, and with --live-only", async () => {
    await using dom0 = await Dom0.start();
    for (const args of [["0"], ["4"], ["3601"], ["soon"], ["30", "--live-only"]]) {
      const run = await dom0.offload("disable", "eth1", "--confirm-within", ...args);
      expect(run.exitCode).toBe(2);
    }
  });
});
