import { describe, expect, test } from "bun:test";
import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

/** A check that waits in its second step, with everything off, for as long as its file is there. */
const WAITS = "n=$(cat /tmp/n 2> /dev/null || echo 0); echo $((n + 1)) > /tmp/n; [ $n = 0 ] && exit 1; exec sleep 300";

/** A search at its second step. */
async function startSearch(dom0: Dom0) {
  const run = dom0.spawn([OFFLOAD, "bisect", "eth1", "--timeout", "120", "--check", WAITS]);
  await run.waitFor("step 2, ");
  while ((await dom0.run(["sh", "-c", "[ $(cat /tmp/n) = 2 ]"])).exitCode !== 0) await Bun.sleep(50);
  return run;
}

describe("a bisection that is cut short", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "by %s restores everything at once, ends the check, and ends by that signal",
    async (signal) => {
      await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
      const before = await readLiveState(dom0);
      const run = await startSearch(dom0);
      expect(await readLiveState(dom0)).not.toBe(before);
      await run.signal(signal);
      const ended = await run.exited;
      const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
      expect(ended.signal ?? ended.exitCode).toBeOneOf([signal, codes[signal]]);
      expect(await readLiveState(dom0)).toBe(before);
      expect((await dom0.run(["ls", "/var/lib/offload"])).stdout).toBe("");
      expect((await dom0.run(["pgrep", "-fx", "sleep 300"])).stdout).toBe("");
    },
  );

  test("by SIGKILL at each step is restored within the time of the revert timer", async () => {
    const kill = async (step: number) => {
      await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
      const before = await readLiveState(dom0);
      const isOff = 'ethtool -k eth1 | grep -q "tx-tcp-segmentation: off"';
      // The parent of the check is offload.
      const check = `n=$(cat /tmp/n 2> /dev/null || echo 1); echo $((n + 1)) > /tmp/n; [ $n != ${step} ] || kill -9 $PPID; ${isOff}`;
      const run = await dom0.run([OFFLOAD, "bisect", "ALL", "--timeout", "1", "--check", check]);
      const isKilled = (run.signal ?? run.exitCode) !== 0;
      const killedMs = performance.now();
      while ((await dom0.run(["ls", "/var/lib/offload/pending.json"])).exitCode === 0) {
        if (performance.now() - killedMs > 15_000) throw new Error(`step ${step} is not restored in time`);
        await Bun.sleep(200);
      }
      expect(await readLiveState(dom0)).toBe(before);
      expect(await listWrites(dom0)).toEqual([]);
      return isKilled;
    };
    const steps = Array.from({ length: 16 }, (_, index) => index + 1);
    const killed: boolean[] = [];
    for (let at = 0; at < steps.length; at += 4) killed.push(...(await Promise.all(steps.slice(at, at + 4).map(kill))));
    // The first that was not killed was the first that had no such step.
    expect(killed.indexOf(false)).toBeGreaterThan(6);
    expect(killed.slice(killed.indexOf(false))).not.toContain(true);
  });

  test("is ended by offload restore from another login, and blocks everything else until then", async () => {
    await using dom0 = await Dom0.start({ nics: 2, vms: 1 });
    const before = await readLiveState(dom0);
    const argv = [
      OFFLOAD,
      "bisect",
      "eth1",
      "--check",
      "while [ ! -e /tmp/go ]; do sleep 0.1; done; rm /tmp/go; false",
    ];
    const run = dom0.spawn(argv);
    await run.waitFor("step 1, ");
    await dom0.run(["touch", "/tmp/go"]);
    await run.waitFor("step 2, ");
    const disable = await dom0.offload("disable", "eth1");
    expect(disable).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("offload bisect is at work") });
    const confirm = await dom0.offload("confirm");
    expect(confirm).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("offload bisect is at work") });
    expect((await dom0.offload("restore", "--yes")).exitCode).toBe(0);
    expect(await readLiveState(dom0)).toBe(before);
    await dom0.run(["touch", "/tmp/go"]);
    const { exitCode, stderr } = await run.exited;
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("reverted meanwhile") });
    expect(await readLiveState(dom0)).toBe(before);
  });
});
