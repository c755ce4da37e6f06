import { describe, expect, test } from "bun:test";
import { readEtcState, readLiveState } from "../assertions/ethtool.ts";
import type { Dom0 } from "../dom0/dom0.ts";
import { INSTALLED, Pool } from "../dom0/pool/pool.ts";
import { document, statesOf } from "./fixtures.ts";

/** Every command that has --pool, and whether a host has to have been disabled and persisted for it to change anything. */
const COMMANDS = [
  { args: ["disable", "--yes"], isChanged: false },
  { args: ["disable", "--yes", "--rolling"], isChanged: false },
  { args: ["persist", "ALL", "--yes"], isChanged: false },
  { args: ["enable", "ALL", "--yes"], isChanged: true },
  { args: ["restore", "--yes"], isChanged: true },
  { args: ["persist", "--remove"], isChanged: true },
  { args: ["verify"], isChanged: false },
  { args: ["status"], isChanged: false },
  { args: ["doctor"], isChanged: false },
] as const;

/** What a run could have changed of a host. */
async function stateOf(pool: Pool, host: Dom0) {
  const { PIF = {}, VIF = {}, VM = {}, host: hosts = {} } = await pool.simulator.database();
  const { ref } = host.fixture.host;
  const pifs = Object.values(PIF).filter((record) => record["host"] === ref);
  const vifs = Object.values(VIF).filter((record) => VM[String(record["VM"])]?.["resident_on"] === ref);
  const configs = [...pifs, ...vifs, hosts[ref] ?? {}].map((record) => record["other_config"]);
  const files = (await host.run(["sh", "-c", "ls -A /var/lib/offload /etc/offload 2> /dev/null"])).stdout;
  return { live: await readLiveState(host), etc: await readEtcState(host), files, configs };
}

/** How many calls of plugins have ended, and of those how many with an error. */
async function endedCalls(pool: Pool) {
  const calls = (await pool.simulator.calls()).filter(({ method }) => method === "host.call_plugin");
  return { all: calls.length, refused: calls.filter(({ ok }) => !ok).length };
}

async function until(isDone: () => Promise<boolean>, what: string): Promise<void> {
  for (let n = 0; n < 400; n += 1) {
    if (await isDone()) return;
    await Bun.sleep(50);
  }
  throw new Error(`waited for ${what} in vain`);
}

/** A pool of two, as a command needs it. */
async function startPool({ isChanged }: { readonly isChanged: boolean }): Promise<Pool> {
  const pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
  if (isChanged) expect((await pool.host(0).offload("persist", "ALL", "--pool", "--yes")).exitCode).toBe(0);
  await pool.simulator.clearCalls();
  return pool;
}

describe.each(COMMANDS.map(({ args, isChanged }) => [args.join(" "), args, isChanged] as const))(
  "%s --pool",
  (_, args, isChanged) => {
    test("names a member whose xapi is down, which nothing reaches when it is back", async () => {
      await using pool = await startPool({ isChanged });
      const member = pool.host(1);
      const before = await stateOf(pool, member);
      await pool.setXapi(member, "down");
      const report = await document(pool.host(0), ...args, "--pool");
      expect(statesOf(report)["xcp-2"]).toBe("unreachable 3");
      const [row] = report.hosts.filter(({ name }: { name: string }) => name === "xcp-2");
      expect(row.message).toBe("XAPI cannot reach it (CANNOT_CONTACT_HOST)");
      expect(JSON.stringify(report)).not.toContain("OpaqueRef");
      await pool.setXapi(member, "up");
      await Bun.sleep(500);
      expect(await stateOf(pool, member)).toEqual(before);
    });

    test("changes nothing on a frozen member that is back after the caller has ended", async () => {
      await using pool = await startPool({ isChanged });
      const member = pool.host(1);
      const before = await stateOf(pool, member);
      await pool.setXapi(member, "frozen");
      const report = await document(pool.host(0), ...args, "--pool", "--timeout", "2");
      expect(statesOf(report)["xcp-2"]).toBe("unreachable 3");
      expect(JSON.stringify(report)).not.toContain("OpaqueRef");
      expect(await pool.simulator.sessions()).toBe(0);
      await pool.setXapi(member, "up");
      await until(async () => (await endedCalls(pool)).refused > 0, "the late call's refusal");
      expect(await stateOf(pool, member)).toEqual(before);
    });

    test("changes nothing on a frozen member that is back after the caller was killed", async () => {
      await using pool = await startPool({ isChanged });
      const member = pool.host(1);
      const before = await stateOf(pool, member);
      await pool.setXapi(member, "frozen");
      const run = pool.host(0).spawn([INSTALLED, ...args, "--pool", "--timeout", "2"]);
      const isRolling = (args as readonly string[]).includes("--rolling");
      if (isRolling) await Bun.sleep(1000);
      else await until(async () => (await endedCalls(pool)).all > 0, "the local host's answer");
      await run.signal("SIGKILL");
      await run.exited;
      // The session stays open: it is the deadline that ends the call.
      expect(await pool.simulator.sessions()).toBeGreaterThan(0);
      await Bun.sleep(4000);
      await pool.setXapi(member, "up");
      await until(async () => (await endedCalls(pool)).refused > 0, "the late call's refusal");
      expect(await stateOf(pool, member)).toEqual(before);
    });
  },
);

describe("the answer to a pending change", () => {
  test.each(["y", "n"])(
    "of a member that is frozen meanwhile arrives late, and the member reverts by itself: %s",
    async (answer) => {
      await using pool = await startPool({ isChanged: false });
      const member = pool.host(1);
      const before = await stateOf(pool, member);
      const args = [INSTALLED, "disable", "--pool", "--yes", "--confirm-within", "8", "--timeout", "4"];
      const run = pool.host(0).spawn(args, { tty: true });
      await run.waitFor("on 2 of 2 hosts?");
      await pool.simulator.clearCalls();
      await pool.setXapi(member, "frozen");
      run.write(`${answer}\r`);
      expect((await run.exited).exitCode).toBe(1);
      await until(async () => (await readLiveState(member)) === before.live, "the member's own revert");
      await pool.setXapi(member, "up");
      await until(async () => (await endedCalls(pool)).refused > 0, "the late call's refusal");
      const { files: _before, ...expected } = before;
      const { files: _after, ...after } = await stateOf(pool, member);
      expect(after).toEqual(expected);
    },
  );
});

describe("a coordinator that is away", () => {
  test("is named by every command on a member, within the time of a login", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    const member = pool.host(1);
    await pool.setXapi(pool.host(0), "down");
    for (const args of [["verify"], ["disable", "--yes"], ["restore", "--yes"]]) {
      const started = performance.now();
      const run = await member.offload(...args, "--pool");
      expect({ args, exitCode: run.exitCode }).toEqual({ args, exitCode: 3 });
      expect(run.stderr).toContain("no reply to session.login_with_password in 5 seconds");
      expect(performance.now() - started).toBeLessThan(9000);
    }
  }, 60_000);

  test("is still starting when it does not know itself yet", async () => {
    await using pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
    await pool.setXapi(pool.host(0), "starting");
    const run = await pool.host(0).offload("verify", "--pool");
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toContain("still starting");
  });
});

describe("a member without xenstored", () => {
  test.each([
    ["disable", false],
    ["restore", true],
  ] as const)("is known of by %s --pool with that cause", async (command, isChanged) => {
    await using pool = await startPool({ isChanged });
    const member = pool.host(1);
    await member.text(["rm", "/run/xenstored/socket"]);
    const report = await document(pool.host(0), command, "--pool", "--yes");
    expect(statesOf(report)).toEqual({ "xcp-1": "ok 0", "xcp-2": "partial 1" });
    const { problems } = report.hosts[1].report;
    expect(problems.map(({ code }: { code: string }) => code)).toEqual(["xenstore-unavailable"]);
    expect(problems[0].message).toContain("its socket does not exist; is xenstored running?");
  });
});
