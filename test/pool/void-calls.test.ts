import { describe, expect, test } from "bun:test";
import { readLiveState } from "../assertions/ethtool.ts";
import { INSTALLED, Pool } from "../dom0/pool/pool.ts";
import { document, gate, holdLock, openSessions, recordedOff, statesOf } from "./fixtures.ts";

/** Waits until so many calls of the plugin have ended with an error. */
async function refusals(pool: Pool, count: number): Promise<void> {
  for (;;) {
    const calls = await pool.simulator.calls();
    const ended = calls.filter(({ method, ok }) => method === "host.call_plugin" && !ok);
    if (ended.length >= count) return;
    await Bun.sleep(50);
  }
}

describe("an abandoned call", () => {
  test("changes nothing when it arrives late, after a timeout or an interruption", async () => {
    for (const end of ["timeout", "SIGINT"]) {
      await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
      const late = pool.host(1);
      const state = await readLiveState(late);
      const at = await gate(pool, late);
      // The deadline is far away after the signal: it is the session that is void.
      const seconds = end === "timeout" ? "2" : "200";
      const args = [INSTALLED, "disable", "--pool", "--yes", "--json", "--timeout", seconds];
      const run = pool.host(0).spawn(args);
      await at.reached();
      if (end === "SIGINT") {
        for (let n = 0; n < 200 && (await recordedOff(pool, "PIF")).length < 6; n++) await Bun.sleep(20);
        await Bun.sleep(500);
        await run.signal("SIGINT");
      }
      const { signal, stdout } = await run.exited;
      expect(signal).toBe(end === "SIGINT" ? "SIGINT" : null);
      const report = JSON.parse(stdout);
      expect(statesOf(report)).toEqual({ "xcp-1": "ok 0", "xcp-2": "unreachable 3" });
      expect(report.hosts[1].message).toStartWith(end === "SIGINT" ? "interrupted" : "no answer");
      expect(await openSessions(pool)).toBe(0);
      await at.open();
      await refusals(pool, 1);
      expect(await readLiveState(late)).toBe(state);
      expect(await recordedOff(pool, "PIF")).toHaveLength(6);
    }
  });

  test("changes nothing after its deadline when the caller was killed and its session stays open", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const late = pool.host(1);
    const state = await readLiveState(late);
    const at = await gate(pool, late);
    const run = pool.host(0).spawn([INSTALLED, "disable", "--pool", "--yes", "--timeout", "2"]);
    await at.reached();
    await run.signal("SIGKILL");
    await run.exited;
    await Bun.sleep(4500);
    expect(await openSessions(pool)).toBeGreaterThan(0);
    await at.open();
    await refusals(pool, 1);
    expect(await readLiveState(late)).toBe(state);
  });

  test("changes nothing when it had to wait for the lock", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const late = pool.host(1);
    const state = await readLiveState(late);
    const busy = await holdLock(late, 600);
    const wait = ["--wait", "100", "--timeout", "200"];
    const run = pool.host(0).spawn([INSTALLED, "disable", "--pool", "--yes", ...wait]);
    for (let n = 0; n < 200 && (await recordedOff(pool, "PIF")).length < 6; n++) await Bun.sleep(20);
    await Bun.sleep(500);
    await run.signal("SIGTERM");
    expect((await run.exited).signal).toBe("SIGTERM");
    await pool.simulator.clearCalls();
    await busy.signal("SIGKILL");
    await busy.exited;
    await late.text(["sh", "-c", "while pgrep -f '^/etc/xapi.d/plugins/offload ' > /dev/null; do sleep 0.05; done"]);
    expect(await readLiveState(late)).toBe(state);
    expect((await pool.simulator.calls()).filter(({ write }) => write)).toEqual([]);
  });

  test("leaves hosts alone that were not called yet", async () => {
    await using pool = await Pool.start({ hosts: 3, nics: 1, vms: 1 });
    const at = await gate(pool, pool.host(1));
    const run = pool.host(0).spawn([INSTALLED, "disable", "--pool", "--rolling", "--yes", "--json"]);
    await at.reached();
    await run.signal("SIGINT");
    const report = JSON.parse((await run.exited).stdout);
    expect(statesOf(report)).toEqual({
      "xcp-1": "skipped 3",
      "xcp-2": "unreachable 3",
      "xcp-3": "skipped 3",
    });
    await at.open();
    await refusals(pool, 1);
    expect(await recordedOff(pool, "PIF")).toEqual([]);
    expect((await document(pool.host(0), "disable", "--pool", "--yes")).exitCode).toBe(0);
  });
});
