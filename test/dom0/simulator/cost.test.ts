import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Agent, request } from "node:http";
import { MEASURED_COST } from "./control.ts";
import { SMALL_DATABASE, startTestSimulator, type TestSimulator } from "./test-simulator.ts";

let simulator: TestSimulator;
let session: string;

beforeEach(async () => {
  simulator = startTestSimulator();
  session = await simulator.login();
});
afterEach(() => simulator.stop());

const read = () => simulator.rpc("VIF.get_all_records", session);
const write = (key: string) => simulator.rpc("VIF.add_to_other_config", session, "OpaqueRef:vif0", key, "v");

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

test("recordMs delays a read by each record", async () => {
  await simulator.control.cost({ callMs: 0, recordMs: 20 });
  expect(await msOf(read)).toBeGreaterThanOrEqual(40);
});

test("callMs delays each write, and no read", async () => {
  await simulator.control.cost({ callMs: 100, recordMs: 0 });
  expect(await msOf(() => write("a"))).toBeGreaterThanOrEqual(100);
  expect(await msOf(read)).toBeLessThan(100);
});

test("concurrent calls run one at a time", async () => {
  await simulator.control.cost({ callMs: 20, recordMs: 0 });
  const together = () => Promise.all([write("a"), write("b"), write("c")]);
  expect(await msOf(together)).toBeGreaterThanOrEqual(60);
});

test("a cost below the resolution of a timer is met", async () => {
  await simulator.control.cost({ callMs: 0.4, recordMs: 0 });
  const together = () => Promise.all(Array.from({ length: 50 }, (_, key) => write(`k${key}`)));
  expect(await msOf(together)).toBeGreaterThanOrEqual(20);
});

test("heldMs counts the time of all calls, and no other time", async () => {
  await simulator.control.cost({ callMs: 20, recordMs: 0 });
  await simulator.control.clearCalls();
  const taken = await msOf(() => Promise.all([write("a"), write("b"), write("c")]));
  const held = await simulator.control.heldMs();
  expect(held).toBeGreaterThanOrEqual(60);
  expect(held).toBeLessThanOrEqual(taken);
  await simulator.control.clearCalls();
  expect(await simulator.control.heldMs()).toBe(0);
});

test("rowMs delays a filter by each record that it examines", async () => {
  await simulator.control.cost({ callMs: 0, recordMs: 0, rowMs: 25 });
  const where = () => simulator.rpc("VIF.get_all_records_where", session, 'field "device" = "7"');
  expect(await msOf(where)).toBeGreaterThanOrEqual(50);
  expect(await msOf(read)).toBeLessThan(50);
});

test("kilobyteMs delays a reply by its length", async () => {
  await simulator.control.cost({ callMs: 0, recordMs: 0, kilobyteMs: 200 });
  const { length } = JSON.stringify(await read());
  expect(await msOf(read)).toBeGreaterThanOrEqual(length / 5);
});

describe("a member", () => {
  let member: TestSimulator;
  let own: string;
  beforeEach(async () => {
    member = startTestSimulator(SMALL_DATABASE, "OpaqueRef:other");
    own = await member.login();
  });
  afterEach(() => member.stop());

  const NO_MEMBER_COST = { connectionMs: 0, callMs: 0, latencyMs: 0, kilobyteMs: 0 };
  const getAll = () => member.rpc("VM.get_all", own);

  test("forwards calls one at a time, and waits for their latencies concurrently", async () => {
    await member.control.cost({
      callMs: 0,
      recordMs: 0,
      member: { ...NO_MEMBER_COST, callMs: 20 },
    });
    expect(await msOf(() => Promise.all([getAll(), getAll(), getAll()]))).toBeGreaterThanOrEqual(60);
    await member.control.cost({
      callMs: 0,
      recordMs: 0,
      member: { ...NO_MEMBER_COST, latencyMs: 100 },
    });
    const taken = await msOf(() => Promise.all([getAll(), getAll(), getAll()]));
    expect(taken).toBeGreaterThanOrEqual(100);
    expect(taken).toBeLessThan(200);
  });

  test("pays for each connection, and not for calls on a kept one", async () => {
    await member.control.cost(MEASURED_COST);
    await member.control.clearCalls();
    const kept = await msOf(() => writes(member, own, 40));
    expect(await member.control.connections()).toBe(4);
    expect(kept).toBeGreaterThanOrEqual(40 * 1.6);
    const closed = await msOf(() => Promise.all(Array.from({ length: 10 }, getAll)));
    expect(await member.control.connections()).toBe(14);
    expect(closed).toBeGreaterThanOrEqual(10 * 20);
  });
});

/** Adds so many keys over four kept connections. */
async function writes(of: TestSimulator, session: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const write = (n: number) => {
    const params = [session, "OpaqueRef:vif0", `k${n}`, "v"];
    const method = "VIF.add_to_other_config";
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const headers = { "content-length": body.length };
    const options = { socketPath: of.socket, path: "/jsonrpc", method: "POST", agent, headers };
    const sent = request(options, (response) => {
      response.resume();
      response.on("end", resolve);
    });
    sent.on("error", reject);
    sent.end(body);
    return promise;
  };
  await Promise.all(Array.from({ length: count }, (_, n) => write(n)));
  agent.destroy();
}

test("nothing is delayed by default", async () => {
  expect(await msOf(read)).toBeLessThan(50);
});
