import { expect, test } from "bun:test";
import { runRounds } from "./rounds.ts";

test("verify explains every state of random rounds, and restore brings the originals back", async () => {
  const seed = Number(process.env["FAULT_SEED"] ?? 1);
  const count = Number(process.env["FAULT_ROUNDS"] ?? 40);
  console.log(`seed ${seed}; again with: FAULT_SEED=${seed} FAULT_ROUNDS=${count}`);
  const { failures } = await runRounds(seed, count);
  expect(failures).toEqual([]);
}, 180_000);
