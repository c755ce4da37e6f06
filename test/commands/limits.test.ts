import { expect, test } from "bun:test";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";

// Below these Bun itself does not start: it aborts (134), or ends with 1 and its name on stderr.
const LIMITS = [
  ...[500_000, 1_000_000, 2_000_000, 2_400_000, 2_600_000, 3_000_000, 4_000_000].map((kb) => `-v ${kb}`),
  ...[160, 192, 256, 512].map((kb) => `-s ${kb}`),
];

test("a run that a limit of memory or stack breaks never ends with 1, which means incomplete", async () => {
  await using dom0 = await Dom0.start({ nics: 1, vms: 1 });
  const ends = new Set<number | null>();
  for (const limit of LIMITS) {
    const run = await dom0.run(["sh", "-c", `ulimit ${limit}; exec ${OFFLOAD} verify --json`]);
    ends.add(run.exitCode);
    // On a fresh host everything is on: 1, with the report that says so.
    if (run.exitCode === 1) expect(JSON.parse(run.stdout).exitCode, limit).toBe(1);
    else if (run.exitCode !== null) expect({ limit, exitCode: run.exitCode }).toEqual({ limit, exitCode: 3 });
    if (run.exitCode === 3) expect(run.stderr).toMatch(/^offload: [^\n]+\n$/);
  }
  expect([...ends]).toContain(1);
  expect([...ends]).toContain(3);
});
