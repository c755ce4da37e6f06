import { expect, test } from "bun:test";
import { runSignalRounds } from "./signals.ts";

test("a pending change is reverted in a hundred rounds of random signals", async () => {
  const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);
  const count = Number(process.env["FAULT_ROUNDS"] ?? 100);
  console.log(`again with: FAULT_SEED=${seed} FAULT_ROUNDS=${count} scripts/fault-test signals`);
  const { delivered, ends, abandoned, failures } = await runSignalRounds(seed, count);
  const format = (counts: ReadonlyMap<string, number>) => [...counts].map(([name, n]) => `${name} ${n}`).join(", ");
  console.log(
    `${count} rounds (${format(delivered)}), ended by ${format(ends)}; ${abandoned} left to the next command`,
  );
  expect(failures).toEqual([]);
});
