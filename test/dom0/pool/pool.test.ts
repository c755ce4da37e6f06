import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Dom0 } from "../dom0.ts";
import { isObject } from "../simulator/json.ts";
import { rpc } from "../simulator/raw-client.ts";
import { Pool } from "./pool.ts";

/** Writes down each call and answers with its number. */
const PLUGIN = `#!/bin/bash
echo "$1" >> /root/calls
printf '<methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member>'
printf '<member><name>Value</name><value>%s</value></member></struct></value></param></params></methodResponse>' "$(wc -l < /root/calls)"
`;

let pool: Pool;
let session: string;
beforeAll(async () => {
  pool = await Pool.start({ hosts: 3, nics: 2, vms: 1 });
  session = await login(pool.host(0));
  for (const host of pool.hosts) await pool.replacePlugin(host, PLUGIN);
});
afterAll(() => pool.stop());

const socketOf = (host: Dom0) => join(host.namespace.directory, "xapi");
const call = (host: Dom0, method: string, ...params: unknown[]) => rpc(socketOf(host), method, ...params);
const plugin = (host: Dom0, by = session) =>
  call(pool.host(0), "host.call_plugin", by, host.fixture.host.ref, "offload", "any", {});
const callsOn = async (host: Dom0) => Number(await host.text(["sh", "-c", "touch /root/calls; wc -l < /root/calls"]));
const soon = <T>(work: Promise<T>) => Promise.race([work, Bun.sleep(150).then(() => "no answer")]);

async function login(host: Dom0): Promise<string> {
  const reply = await call(host, "session.login_with_password", "root", "", "1.0", "test");
  return isObject(reply) ? String(reply["result"]) : "";
}

describe("a member whose xapi is down", () => {
  test("cannot be contacted, after the coordinator's timeout", async () => {
    const member = pool.host(1);
    await pool.setXapi(member, "down");
    await pool.contactTimeout(100);
    const error = { code: 1, message: "CANNOT_CONTACT_HOST", data: [member.fixture.host.ref] };
    expect(await plugin(member)).toEqual({ jsonrpc: "2.0", error, id: 1 });
    const plug = call(pool.host(0), "PIF.plug", session, member.fixture.pif("eth1").ref);
    expect(await plug).toMatchObject({ error });
    await expect(login(member)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await pool.setXapi(member, "up");
    expect(await callsOn(member)).toBe(0);
    expect(await plugin(member)).toMatchObject({ result: "1" });
  });

  test("receives the waiting calls when it is up in time, not while it is starting", async () => {
    const member = pool.host(2);
    await pool.contactTimeout(5_000);
    await pool.setXapi(member, "down");
    const waiting = plugin(member);
    await pool.setXapi(member, "starting");
    expect(await soon(waiting)).toBe("no answer");
    expect(await call(member, "session.login_with_password", "root", "", "1.0", "x")).toEqual({
      jsonrpc: "2.0",
      error: ["HOST_HAS_NO_MANAGEMENT_IP"],
      id: 0,
    });
    await pool.setXapi(member, "up");
    expect(await waiting).toMatchObject({ result: "1" });
  });
});

describe("a frozen member", () => {
  test("carries out every waiting call when it continues, even those of callers that have logged out", async () => {
    const member = pool.host(1);
    const before = await callsOn(member);
    await pool.setXapi(member, "frozen");
    const given = await login(pool.host(0));
    const calls = [plugin(member, given), plugin(member, given)];
    expect(await soon(Promise.race(calls))).toBe("no answer");
    await call(pool.host(0), "session.logout", given);
    expect(await soon(login(member))).toBe("no answer");
    expect(await callsOn(member)).toBe(before);
    await pool.setXapi(member, "up");
    await Promise.all(calls);
    expect(await callsOn(member)).toBe(before + 2);
  });

  test("gives its plugin a session of its own that ends with the call", async () => {
    const member = pool.host(1);
    const sessions = await pool.simulator.sessions();
    await plugin(member);
    const [last = ""] = (await member.text(["tail", "-1", "/root/calls"])).split("\n");
    expect(last).toContain("OpaqueRef:");
    expect(last).not.toContain(session);
    expect(await pool.simulator.sessions()).toBe(sessions);
  });
});

describe("a coordinator that is away", () => {
  test("makes every call on a member hang, including login, until it is back", async () => {
    const [home, member] = [pool.host(0), pool.host(1)];
    await pool.setXapi(home, "down");
    const waiting = login(member);
    expect(await soon(waiting)).toBe("no answer");
    await pool.setXapi(home, "starting");
    expect(await call(home, "session.login_with_password", "root", "", "1.0", "x")).toMatchObject({
      error: { message: "UUID_INVALID", data: ["host", home.fixture.host.record.uuid] },
    });
    expect(await soon(waiting)).toBe("no answer");
    await pool.setXapi(home, "up");
    expect(await waiting).toStartWith("OpaqueRef:");
    // Sessions do not outlive the coordinator's xapi.
    expect(await call(home, "VM.get_all", session)).toMatchObject({
      error: { message: "SESSION_INVALID" },
    });
    session = await login(home);
  });
});

describe("a pool", () => {
  test("knows the host of a member, and passes errors on as arrays", async () => {
    const member = pool.host(2);
    const own = await login(member);
    const { ref } = member.fixture.host;
    expect(await call(member, "session.get_this_host", own, own)).toMatchObject({ result: ref });
    expect(await call(member, "VIF.get_record", own, "x")).toMatchObject({
      error: ["HANDLE_INVALID", "VIF", "x"],
    });
  });

  test("has a networkd on each host, with devices of its own", async () => {
    const [home, member] = [pool.host(0), pool.host(1)];
    const { ref } = member.fixture.pif("eth1");
    await pool.simulator.set(["PIF", ref, "other_config", { "ethtool-tso": "off" }]);
    expect(await call(home, "PIF.plug", session, ref)).toMatchObject({ result: "" });
    const tso = async (host: Dom0) => (await host.ethtool("eth1")).get("tx-tcp-segmentation");
    expect((await tso(member))?.active).toBe(false);
    expect((await tso(home))?.active).toBe(true);
    expect(await home.toolstack.networkdCommands()).toEqual([]);
  });

  test("migrates a VM, whose new domain has a temporary UUID until it is complete", async () => {
    const [from, to] = [pool.host(1), pool.host(2)];
    const [vm] = from.fixture.running;
    const { ref = "", record } = vm ?? {};
    const uuid = record?.uuid ?? "";
    let during: unknown;
    const domid = await pool.guests.migrate({ ref }, to, {
      onReceive: async (received) => {
        const there = (await to.interfaces()).includes(`vif${received}.0`);
        during = [there, await domainOf(to, received)];
      },
    });
    expect(during).toEqual([true, `/vm/${uuid.slice(0, 24)}000000000001`]);
    expect(await domainOf(to, domid)).toBe(`/vm/${uuid}`);
    expect(await from.interfaces()).not.toContain(`vif${record?.domid}.0`);
  });

  test("counts the connections to each host's socket", async () => {
    const [home, member] = [pool.host(0), pool.host(1)];
    await home.simulator.clearCalls();
    await member.simulator.clearCalls();
    await login(member);
    await login(member);
    expect(await member.simulator.connections()).toBe(2);
    expect(await home.simulator.connections()).toBe(0);
  });
});

/** What xenstore says whose domain it is: a read by xs_wire.h. */
async function domainOf(host: Dom0, domid: number): Promise<string> {
  const path = Buffer.from(`/local/domain/${domid}/vm\0`);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(2, 0);
  header.writeUInt32LE(path.length, 12);
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    unix: join(host.namespace.directory, "xenstored"),
    socket: { data: (_, chunk) => resolve(chunk.subarray(16).toString()) },
  });
  socket.write(Buffer.concat([header, path]));
  const answer = await promise;
  socket.end();
  return answer;
}
