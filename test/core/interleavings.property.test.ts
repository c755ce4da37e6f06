import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import type { Feature } from "../../src/core/features.ts";
import { ContestedPool, type OtherClientWrite, type Run, TARGET_NAMES } from "../fakes/contested-pool.ts";

const FEATURES: readonly Feature[] = ["tx", "tso", "gso", "gro"];

function runs(more: { readonly [K in keyof Run]?: fc.Arbitrary<Run[K]> } = {}) {
  return fc.record<Run>({
    command: fc.constantFrom("disable", "restore"),
    targets: fc.subarray([...TARGET_NAMES], { minLength: 1 }),
    features: fc.oneof(fc.constant([]), fc.subarray([...FEATURES])),
    rule: fc.boolean(),
    killedAtCall: fc.option(fc.integer({ min: 1, max: 30 })),
    isAppliedLate: fc.boolean(),
    ...more,
  });
}

function disables() {
  return runs({ command: fc.constant("disable") });
}

const foreignWrites: fc.Arbitrary<readonly OtherClientWrite[]> = fc.array(
  fc.record({
    target: fc.constantFrom("web", "db 0", "db 1"),
    key: fc.constantFrom("ethtool-tso", "ethtool-gso", "ethtool-speed", "mine", "xo:id"),
    value: fc.option(fc.constantFrom("on", "true", "junk")),
  }),
  { maxLength: 4 },
);

/** Clocks of hosts differ, and a text may be dated anyhow. */
const clocks = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 });

describe("concurrent hosts", () => {
  let ticks: readonly number[] = [];
  let tick = 0;
  const start = 1_700_000_000_000;
  let clock: ReturnType<typeof spyOn>;
  beforeEach(() => {
    clock = spyOn(Date, "now").mockImplementation(() => {
      tick += 1;
      return start + (ticks[tick % ticks.length] ?? 0);
    });
  });
  afterEach(() => {
    clock.mockRestore();
  });

  async function contest(
    scheduler: fc.Scheduler,
    sequences: readonly (readonly Run[])[],
    writes: readonly OtherClientWrite[],
    times: readonly number[],
  ): Promise<ContestedPool> {
    [ticks, tick] = [times, 0];
    const pool = new ContestedPool(scheduler, sequences.length);
    await pool.runConcurrently(sequences, writes);
    await pool.restoreUntilStable();
    return pool;
  }

  test("keep the originals at every moment, despite kills and late calls", async () => {
    const some = fc.array(disables(), { maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.tuple(some, some, some),
        foreignWrites,
        clocks,
        async (scheduler, sequences, writes, times) => {
          const pool = await contest(scheduler, sequences, writes, times);
          expect([...pool.expectedConflicts]).toEqual([]);
          expect(pool.differences()).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("never lose a key that is not offload's", async () => {
    const any = fc.array(runs(), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.tuple(any, any, any),
        foreignWrites,
        clocks,
        async (scheduler, sequences, writes, times) => {
          const pool = await contest(scheduler, sequences, writes, times);
          expect(pool.differences()).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("restore the originals although one disables while the other restores", async () => {
    const one = (command: Run["command"]) => runs({ command: fc.constant(command), killedAtCall: fc.constant(null) });
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        one("disable"),
        one("restore"),
        clocks,
        async (scheduler, disable, restore, times) => {
          const pool = await contest(scheduler, [[disable], [restore]], [], times);
          pool.expectedConflicts.clear();
          expect(pool.differences()).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("complete an interrupted disable with the next one and write nothing after that", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), disables(), clocks, async (scheduler, killed, times) => {
        [ticks, tick] = [times, 0];
        const pool = new ContestedPool(scheduler, 1);
        const whole = { ...killed, killedAtCall: null };
        // What the killed one asked for may come after the second has ended.
        await pool.runConcurrently([[killed, whole]], []);
        await pool.runConcurrently([[whole]], []);
        const contents = pool.contents();
        const settings = killed.features.length === 0 ? ["tx", "tso", "gso"] : killed.features;
        for (const place of killed.targets) {
          const now = pool.readSettings(place);
          const meanOff = settings.filter((feature) => feature !== "gro" || place === "nic");
          for (const feature of meanOff) {
            expect(["off", "false"]).toContain(now[`ethtool-${feature}`] ?? "absent");
          }
        }
        await pool.runConcurrently([[whole]], []);
        expect(pool.contents()).toBe(contents);
      }),
      { numRuns: 150 },
    );
  });
});
