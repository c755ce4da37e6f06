import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Bench, startBench } from "./test-bench.ts";

let bench: Bench;
let session: string;

beforeEach(async () => {
  bench = startBench();
  session = await bench.login();
});
afterEach(() => bench.stop());

const read = () => bench.rpc("VIF.get_all_records", session);
const write = (key: string) =>
  bench.rpc("VIF.add_to_other_config", session, "OpaqueRef:vif0", key, "v");

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

test("each record read takes its time", async () => {
  await bench.control.cost({ callMs: 0, recordMs: 20 });
  expect(await msOf(read)).toBeGreaterThanOrEqual(40);
});

test("each write takes its time, and reads do not pay for it", async () => {
  await bench.control.cost({ callMs: 100, recordMs: 0 });
  expect(await msOf(() => write("a"))).toBeGreaterThanOrEqual(100);
  expect(await msOf(read)).toBeLessThan(100);
});

test("calls wait for one another: parallel connections gain nothing", async () => {
  await bench.control.cost({ callMs: 20, recordMs: 0 });
  const together = () => Promise.all([write("a"), write("b"), write("c")]);
  expect(await msOf(together)).toBeGreaterThanOrEqual(60);
});

test("costs below what a timer can do are kept", async () => {
  await bench.control.cost({ callMs: 0.4, recordMs: 0 });
  const together = () => Promise.all(Array.from({ length: 50 }, (_, key) => write(`k${key}`)));
  expect(await msOf(together)).toBeGreaterThanOrEqual(20);
});

test("what the calls took is told: all of them, and no other time", async () => {
  await bench.control.cost({ callMs: 20, recordMs: 0 });
  await bench.control.clearCalls();
  const taken = await msOf(() => Promise.all([write("a"), write("b"), write("c")]));
  const held = await bench.control.heldMs();
  expect(held).toBeGreaterThanOrEqual(60);
  expect(held).toBeLessThanOrEqual(taken);
  await bench.control.clearCalls();
  expect(await bench.control.heldMs()).toBe(0);
});

test("nothing is charged unless it is switched on", async () => {
  expect(await msOf(read)).toBeLessThan(50);
});
