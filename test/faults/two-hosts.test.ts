import { expect, test } from "bun:test";
import { OFFLOAD } from "../dom0/dom0.ts";
import { Pool } from "../dom0/pool/pool.ts";
import { Random } from "./random.ts";

/** How often the two hosts meet. */
const ROUNDS = Number(process.env["FAULT_ROUNDS"] ?? 8);

/** `other_config` of every host, PIF and VIF of the pool. */
async function settings(pool: Pool): Promise<Record<string, unknown>> {
  const database = await pool.simulator.database();
  return Object.fromEntries(
    ["host", "PIF", "VIF"].flatMap((kind) =>
      Object.entries(database[kind] ?? {}).map(([ref, record]) => [ref, record["other_config"]]),
    ),
  );
}

test("restore brings the originals back after two hosts changed one VM at once and one was killed", async () => {
  await using pool = await Pool.start({ hosts: 2, vms: 1, vifs: 2 });
  const random = new Random(Number(process.env["FAULT_SEED"] ?? 1));
  const before = await settings(pool);
  const changes: [readonly string[], ...(readonly string[])[]] = [
    ["disable", "archive"],
    ["disable", "archive", "--features=tso"],
    ["restore", "archive"],
  ];
  const ended: (number | null)[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const runs = pool.hosts.map((host) => host.spawn([OFFLOAD, ...random.pick(changes)]));
    const isKilled = random.chance(0.4);
    await Bun.sleep(random.below(150));
    if (isKilled) await runs[0]?.signal("SIGKILL");
    for (const run of runs) ended.push((await run.exited).exitCode);
    const last = await pool.host(round % 2).offload("restore", "archive");
    expect({ round, exitCode: last.exitCode, said: last.stderr }).toEqual({
      ...{ round, exitCode: 0, said: "" },
    });
    expect({ round, settings: await settings(pool) }).toEqual({ round, settings: before });
  }
  // Each run was whole, cut short, or said that another had been at work.
  expect(ended.filter((code) => code !== null && code !== 0 && code !== 1)).toEqual([]);
}, 120_000);
