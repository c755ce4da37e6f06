import { expect, test } from "bun:test";
import { runSignalRounds } from "./signals.ts";

test("a pending change is reverted, whatever signals reach its processes at random moments", async () => {
  const seed = Number(process.env["FAULT_SEED"] ?? 1);
  const count = Number(process.env["FAULT_ROUNDS"] ?? 12);
  console.log(`seed ${seed}; again with: FAULT_SEED=${seed} FAULT_ROUNDS=${count}`);
  const { delivered, failures } = await runSignalRounds(seed, count);
  expect(failures).toEqual([]);
  expect(delivered.size).toBeGreaterThan(0);
}, 240_000);
