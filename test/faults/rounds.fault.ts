import { expect, test } from "bun:test";
import { runRounds } from "./rounds.ts";

test("verify explains every state of a thousand random rounds, and restore brings the originals back", async () => {
  const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);
  const count = Number(process.env["FAULT_ROUNDS"] ?? 1000);
  console.log(`again with: FAULT_SEED=${seed} FAULT_ROUNDS=${count} scripts/fault-test rounds`);
  const { kinds, checkpoints, failures } = await runRounds(seed, count);
  const what = [...kinds].map(([kind, times]) => `${kind} ${times}`).join(", ");
  console.log(`${count} rounds (${what}), everything restored ${checkpoints} times`);
  expect(failures).toEqual([]);
});
