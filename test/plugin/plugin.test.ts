import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as v from "valibot";
import { VERSION } from "../../src/version.ts";
import { readLiveState } from "../assertions/ethtool.ts";
import { PLUGIN, Pool } from "../dom0/pool/pool.ts";
import { holdLock } from "../pool/fixtures.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await Pool.start({ hosts: 2, nics: 1, vms: 1 });
});
afterAll(() => pool.stop());

/** A call of XAPI's, as any of its clients can make it. */
async function rpc(method: string, params: readonly unknown[]) {
  const body = JSON.stringify({ id: 1, method, params });
  const url = ["-sS", "--unix-socket", "/var/lib/xcp/xapi", "http://localhost/jsonrpc"];
  return v.parse(Reply, JSON.parse(await pool.host(0).text(["curl", ...url, "-d", body])));
}

const Reply = v.object({ result: v.unknown(), error: v.nullable(v.array(v.string())) });

/** Calls a function of the coordinator's plugin. */
async function callFunction(fn: string, args: Record<string, string>) {
  const { result: session } = await rpc("session.login_with_password", ["root", ""]);
  const ref = pool.host(0).fixture.host.ref;
  return await rpc("host.call_plugin", [session, ref, "offload", fn, args]);
}

/** Has the plugin run a command, of a session that is open; `changed` is what else the request says. */
async function run(changed: Record<string, unknown> = {}) {
  const { result: ref } = await rpc("session.login_with_password", ["root", ""]);
  const { result: session } = await rpc("session.get_uuid", [ref, ref]);
  const request = {
    ...{ version: VERSION, host: pool.host(0).fixture.host.record.uuid, session },
    ...{ command: "verify", args: ["ALL"], run: crypto.randomUUID(), halted: true },
    ...{ deadline: "29991231T23:59:59Z", ...changed },
  };
  return await callFunction("run", { request: JSON.stringify(request) });
}

describe("the plugin", () => {
  test("answers only XAPI: neither a root shell nor a program named xapi", async () => {
    const host = pool.host(0);
    const byHand = await host.run([PLUGIN, "<methodCall/>"]);
    expect(byHand).toMatchObject({ exitCode: 3, stdout: "" });
    expect(byHand.stderr).toContain("must be started by XAPI, not by");
    const claimed = `printf xapi >/proc/$$/comm; ${PLUGIN} '<methodCall/>'; exit $?`;
    expect(await host.run(["sh", "-c", claimed])).toMatchObject({ exitCode: 3, stdout: "" });
  });

  test("answers a xapi that was upgraded while running", async () => {
    const script = `cp /opt/xensource/bin/xapi /tmp/xapi; mkdir -p /tmp/old; mv /tmp/xapi /tmp/old/xapi
/tmp/old/xapi -c 'rm /tmp/old/xapi; ${PLUGIN} "<methodCall/>"; exit $?'`;
    const answer = await pool.host(0).run(["sh", "-c", script]);
    expect(answer).toMatchObject({ exitCode: 0, stderr: "" });
    expect(answer.stdout).toContain("<name>Status</name><value>Failure</value>");
  });

  test("runs the local command and returns its report", async () => {
    const { result, error } = await run();
    expect(error).toBeNull();
    const { report, text } = JSON.parse(String(result));
    expect(report).toMatchObject({ version: 1, command: "verify", exitCode: 1 });
    expect(report.devices).toHaveLength(3);
    expect(text).toBeNull();
    const resident = JSON.parse(String((await run({ halted: false })).result)).report;
    expect(resident.devices).toHaveLength(2);
    // What a command line gets wrong is reported, too.
    const wrong = JSON.parse(String((await run({ args: ["--nonsense"] })).result)).report;
    expect(wrong).toMatchObject({ host: null, exitCode: 2, problems: [{ code: "unknown-flag" }] });
  });

  test("refuses anything but a valid request for this host and version", async () => {
    const state = await readLiveState(pool.host(0));
    const disable = { command: "disable", args: ["ALL", "--yes"] };
    const refused = async (reply: Promise<{ error: string[] | null }>, ...error: string[]) =>
      expect((await reply).error?.slice(0, error.length)).toEqual(error);
    await refused(callFunction("disable", {}), "UNKNOWN_XENAPI_PLUGIN_FUNCTION", "disable");
    await refused(run({ version: "0.0.1", more: 1 }), "OFFLOAD_VERSION_MISMATCH", VERSION);
    const bad = ["OFFLOAD_REFUSED", "invalid-request"];
    await refused(callFunction("run", {}), ...bad);
    await refused(callFunction("run", { request: "{}", more: "1" }), ...bad);
    for (const request of ["", "[]", '{"version":1}']) {
      await refused(callFunction("run", { request }), ...bad);
    }
    for (const changed of [
      ...[{ more: 1 }, { command: "guard" }, { command: "toString" }, { args: "ALL" }],
      ...[{ args: ["ALL", "--pool"] }, { session: "1" }, { deadline: "20261399T99:99:99Z" }],
      ...[{ deadline: "never" }, { halted: "yes" }],
    ]) {
      await refused(run({ ...disable, ...changed }), ...bad);
    }
    const other = pool.host(1).fixture.host.record.uuid;
    await refused(run({ ...disable, host: other }), "OFFLOAD_REFUSED", "wrong-host");
    const session = crypto.randomUUID();
    await refused(run({ ...disable, session }), "OFFLOAD_REFUSED", "call-abandoned");
    const deadline = "20200101T00:00:00Z";
    await refused(run({ ...disable, deadline }), "OFFLOAD_REFUSED", "call-expired");
    expect(await readLiveState(pool.host(0))).toBe(state);
  });

  test("refuses to run beside another offload and names the lock holder", async () => {
    const busy = await holdLock(pool.host(0), 20);
    const { result } = await run({ command: "disable", args: ["ALL", "--yes"] });
    expect(JSON.parse(String(result)).report.problems).toMatchObject([{ code: "locked" }]);
    await busy.signal("SIGKILL");
    await busy.exited;
  });
});
