import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { DeviceFeature, OffSet } from "../../../src/core/bisect/device-feature.ts";
import { type CheckOutcome, findCause, type SearchResult } from "../../../src/core/bisect/search.ts";
import { FEATURE_NAMES, type Feature } from "../../../src/core/features.ts";
import { countDdminChecks } from "./ddmin.ts";

const FEATURES = FEATURE_NAMES.slice(0, 8);

/** What the kernel turns off with a feature (netdev_fix_features). */
const DEPENDENTS: Readonly<Partial<Record<Feature, readonly Feature[]>>> = { tx: ["tso"], sg: ["gso", "tso"] };

/** Forty features of five devices; devices of one kind are alike. */
function buildPairs(kinds: readonly number[]): readonly DeviceFeature[] {
  return kinds.flatMap((kind, index) =>
    FEATURES.map((feature) => ({ device: `eth${index}`, feature, kind: String(kind), leftOn: null })),
  );
}

function nameOf({ device, feature }: DeviceFeature): string {
  return `${device} ${feature}`;
}

/** Devices in memory, and a problem that is there or not. */
class World {
  off: OffSet = new Set();
  readonly #parts: readonly DeviceFeature[];
  checks = 0;

  constructor(
    readonly pairs: readonly DeviceFeature[],
    readonly isGone: (off: OffSet) => boolean,
    /** `in part`: of what goes along a kernel feature stays on, as with Linux 6.18. */
    readonly dependencies: "none" | "as a whole" | "in part",
    /** Whether a check says that the problem is gone although it is there. */
    readonly lies: () => boolean = () => false,
    readonly repeat = 1,
  ) {
    this.#parts = pairs.map((pair) => ({ ...pair, leftOn: "tx-tcp-accecn-segmentation" }));
  }

  takeAlong(requested: OffSet): OffSet {
    if (this.dependencies === "none") return requested;
    const names = new Set([...requested].map(nameOf));
    return new Set(
      this.pairs.flatMap((pair, index) => {
        if (names.has(nameOf(pair))) return [pair];
        const { device, feature } = pair;
        const isTaken = [...requested].some(
          (taker) => taker.device === device && DEPENDENTS[taker.feature]?.includes(feature) === true,
        );
        return isTaken ? [(this.dependencies === "in part" ? this.#parts[index] : pair) ?? pair] : [];
      }),
    );
  }

  search(): Promise<SearchResult> {
    return findCause(this.pairs, {
      turnOff: async (requested) => {
        this.off = this.takeAlong(requested);
        return this.off;
      },
      check: async (off) => {
        expect(this.off).toEqual(off);
        this.checks += 1;
        return this.#checkRepeatedly();
      },
    });
  }

  #checkRepeatedly(): CheckOutcome {
    for (let run = 0; run < this.repeat; run++) {
      if (!this.isGone(this.off) && !this.lies()) return "bad";
    }
    return "good";
  }
}

const UNLIKE = [0, 1, 2, 3, 4];
const kinds = fc.array(fc.nat(2), { minLength: 5, maxLength: 5 });
const causes = fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 3 });

function pick(pairs: readonly DeviceFeature[], indexes: readonly number[]): OffSet {
  return new Set(pairs.filter((_, index) => indexes.includes(index)));
}

function expectFound(result: SearchResult) {
  if (result.type !== "found") throw new Error(`the search ended with ${result.type}`);
  return result;
}

/** That with any one less requested less is off, and the problem is there. */
function expectMinimal(world: World, cause: OffSet): void {
  for (const pair of cause) {
    const less = world.takeAlong(cause.difference(new Set([pair])));
    expect(less).not.toEqual(new Set(world.takeAlong(cause)));
    expect(world.isGone(less)).toBe(false);
  }
}

describe("for every cause of up to three among 40 features of devices", () => {
  test("the cause is found exactly where all of it has to be off", async () => {
    await fc.assert(
      fc.asyncProperty(kinds, causes, async (kindsOfDevices, indexes) => {
        const pairs = buildPairs(kindsOfDevices);
        const cause = pick(pairs, indexes);
        const world = new World(pairs, (off) => cause.isSubsetOf(off), "none");
        const found = expectFound(await world.search());
        expect(found).toEqual({ type: "found", cause, wentAlong: new Set() });
      }),
      { numRuns: 200 },
    );
  });

  test("one of it is found where one of it being off is enough", async () => {
    await fc.assert(
      fc.asyncProperty(kinds, causes, async (kindsOfDevices, indexes) => {
        const pairs = buildPairs(kindsOfDevices);
        const cause = pick(pairs, indexes);
        const world = new World(pairs, (off) => !cause.isDisjointFrom(off), "none");
        const found = expectFound(await world.search());
        expect(found.cause.size).toBe(1);
        expect(found.cause.isSubsetOf(cause)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("what the kernel takes along is part of each try, and named apart from the cause", async () => {
    await fc.assert(
      fc.asyncProperty(kinds, causes, async (kindsOfDevices, indexes) => {
        const pairs = buildPairs(kindsOfDevices);
        const cause = pick(pairs, indexes);
        const world = new World(pairs, (off) => cause.isSubsetOf(off), "as a whole");
        const found = expectFound(await world.search());
        const off: OffSet = found.cause.union(found.wentAlong);
        expect(off).toEqual(world.takeAlong(cause));
        expect(world.takeAlong(found.cause)).toEqual(off);
        expectMinimal(world, found.cause);
      }),
      { numRuns: 200 },
    );
  });

  test("what goes along in part is found by itself where it is the cause", async () => {
    await fc.assert(
      fc.asyncProperty(kinds, causes, fc.boolean(), async (kindsOfDevices, indexes, isPartEnough) => {
        const pairs = buildPairs(kindsOfDevices);
        const cause = pick(pairs, indexes);
        const names = new Set([...cause].map(nameOf));
        const isGone = (off: OffSet) => {
          const enough = [...off].filter(({ leftOn }) => isPartEnough || leftOn === null);
          return names.isSubsetOf(new Set(enough.map(nameOf)));
        };
        const world = new World(pairs, isGone, "in part");
        const found = expectFound(await world.search());
        expect(isGone(world.takeAlong(found.cause))).toBe(true);
        // A cause is not named by what takes it along, unless that is part of the cause itself.
        expect(new Set([...found.cause].map(nameOf)).isSubsetOf(names)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("checks that lie do no harm where they are repeated often enough", async () => {
    const arbitrary = fc.record({ kinds, causes, percent: fc.nat(40), seed: fc.integer() });
    await fc.assert(
      fc.asyncProperty(arbitrary, async ({ kinds: kindsOfDevices, causes: indexes, percent, seed }) => {
        const pairs = buildPairs(kindsOfDevices);
        const cause = pick(pairs, indexes);
        const random = createRandom(seed);
        // 0.4 to the power of 25 is one lie in ten thousand million checks.
        const world = new World(
          pairs,
          (off) => cause.isSubsetOf(off),
          "none",
          () => random() * 100 < percent,
          25,
        );
        expect(expectFound(await world.search()).cause).toEqual(cause);
      }),
    );
  });
});

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

describe("the number of checks", () => {
  test("is at most that of ddmin where no devices are alike", async () => {
    await fc.assert(
      fc.asyncProperty(causes, fc.boolean(), async (indexes, needsAll) => {
        const pairs = buildPairs(UNLIKE);
        const cause = pick(pairs, indexes);
        const isGone = (off: OffSet) => (needsAll ? cause.isSubsetOf(off) : !cause.isDisjointFrom(off));
        const world = new World(pairs, isGone, "none");
        await world.search();
        const { checks } = countDdminChecks(
          pairs.map((pair) => [pair]),
          isGone,
        );
        expect(world.checks - 2).toBeLessThanOrEqual(checks);
      }),
      { numRuns: 300 },
    );
  });

  test("is at most that of ddmin over kinds, then over devices, then over features where devices are alike", async () => {
    await fc.assert(
      fc.asyncProperty(kinds, causes, fc.boolean(), async (kindsOfDevices, indexes, needsAll) => {
        const pairs = buildPairs(kindsOfDevices);
        const cause = pick(pairs, indexes);
        const isGone = (off: OffSet) => (needsAll ? cause.isSubsetOf(off) : !cause.isDisjointFrom(off));
        const world = new World(pairs, isGone, "none");
        await world.search();
        let left = pairs;
        let limit = 0;
        for (const key of ["kind", "device", "itself"] as const) {
          const label = (pair: DeviceFeature) =>
            key === "device" ? pair.device : `${key === "kind" ? pair.kind : pair.device} ${pair.feature}`;
          const { checks, smallest } = countDdminChecks([...Map.groupBy(left, label).values()], isGone);
          limit += checks;
          left = smallest;
        }
        expect(world.checks - 2).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 300 },
    );
  });

  test("stays below n² + 3n, and the result minimal, for a problem that follows no rule", async () => {
    await fc.assert(
      fc.asyncProperty(kinds, fc.integer(), fc.boolean(), async (kindsOfDevices, seed, hasDependencies) => {
        const pairs = buildPairs(kindsOfDevices);
        const random = createRandom(seed);
        const answers = new Map<string, boolean>();
        const isGone = (off: OffSet) => {
          if (off.size === 0 || off.size === pairs.length) return off.size > 0;
          const key = pairs.map((pair) => Number(off.has(pair))).join("");
          const answer = answers.get(key) ?? random() < 0.2;
          answers.set(key, answer);
          return answer;
        };
        const world = new World(pairs, isGone, hasDependencies ? "as a whole" : "none");
        const found = expectFound(await world.search());
        expect(isGone(found.cause.union(found.wentAlong))).toBe(true);
        expectMinimal(world, found.cause);
        expect(world.checks).toBeLessThanOrEqual(pairs.length ** 2 + 3 * pairs.length);
      }),
      { numRuns: 300 },
    );
  });

  test("is at most twelve for one feature of one of 40", async () => {
    for (let index = 0; index < 40; index++) {
      const pairs = buildPairs(UNLIKE);
      const cause = pick(pairs, [index]);
      const world = new World(pairs, (off) => cause.isSubsetOf(off), "none");
      await world.search();
      // Two with everything on and everything off, then at most two for each halving.
      expect(world.checks).toBeLessThanOrEqual(2 + 2 * Math.ceil(Math.log2(40)));
    }
  });
});

describe("a problem", () => {
  test("that is not there is found not to be there by one check, with nothing off", async () => {
    const world = new World(buildPairs(UNLIKE), () => true, "none");
    expect(await world.search()).toEqual({ type: "not-present" });
    expect([world.checks, world.off.size]).toEqual([1, 0]);
  });

  test("that stays with everything off is found not to be caused by offloads, by two checks", async () => {
    const world = new World(buildPairs(UNLIKE), () => false, "none");
    expect(await world.search()).toEqual({ type: "not-the-cause", off: new Set(world.pairs) });
    expect(world.checks).toBe(2);
  });
});

test("what a driver refuses to turn off is never taken for the cause", async () => {
  const pairs = buildPairs(UNLIKE);
  const [refused, other] = [pairs[3], pairs[20]];
  if (refused === undefined || other === undefined) throw new Error("too few");
  const result = await findCause(pairs, {
    turnOff: async (requested) => requested.difference(new Set([refused])),
    check: async (off) => (off.has(other) ? "good" : "bad"),
  });
  expect(result).toEqual({ type: "found", cause: new Set([other]), wentAlong: new Set() });
});

test("where a driver refuses everything, nothing is said of the cause", async () => {
  const result = await findCause(buildPairs(UNLIKE), { turnOff: async () => new Set(), check: async () => "bad" });
  expect(result).toEqual({ type: "refused" });
});
