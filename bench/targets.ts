import { LIVE } from "./live.ts";
import type { Share } from "./proportion.ts";
import type { RecordHalf } from "./records.ts";
import type { Rounds } from "./sides.ts";
import { median, ratios, type Summary, summary } from "./statistics.ts";
import { WHOLE } from "./whole.ts";

/** What was measured, by the number of devices. */
export interface Measured {
  readonly live: ReadonlyMap<number, readonly Rounds[]>;
  readonly whole: ReadonlyMap<number, readonly Rounds[]>;
  /** For two numbers of VIFs, the larger one last; on a coordinator and on a member. */
  readonly records: readonly RecordHalf[];
  /** For two sizes of a pool, the larger one last. */
  readonly shares: readonly Share[];
}

/** A promise and what became of it. */
export interface Target {
  readonly what: string;
  readonly wanted: { readonly atLeast: number } | { readonly atMost: number };
  readonly measured: Summary;
  readonly met: boolean;
}

/** Every promise that these measurements can check. */
export function evaluateTargets(measured: Measured): readonly Target[] {
  const records = measured.records.filter(({ member }) => !member);
  const live = (size: number, name: string) => of(measured.live.get(size), name);
  const whole = (size: number, name: string) => of(measured.whole.get(size), name);
  const largest = records.at(-1);
  const found: (Target | null)[] = [
    target(
      "disable, 500 devices, live half: times faster than one ethtool -K a device",
      { atLeast: 25 },
      faster(live(500, LIVE.device), live(500, LIVE.first)),
    ),
    target(
      "the same: times faster than a process a feature",
      { atLeast: 150 },
      faster(live(500, LIVE.feature), live(500, LIVE.first)),
    ),
    target(
      "verify, 500 devices: times faster than a loop of ethtool -k",
      { atLeast: 25 },
      faster(whole(500, WHOLE.read), whole(500, WHOLE.verify)),
    ),
    target(
      "live part, 2,000 devices: times the C program",
      { atMost: 2 },
      faster(live(2000, LIVE.part), live(2000, LIVE.limit)),
    ),
    target(
      "whole process less the runtime's start-up, 2,000 devices: times the C program",
      { atMost: 2 },
      faster(less(live(2000, LIVE.first), live(2000, LIVE.empty)), live(2000, LIVE.limit)),
    ),
    target(
      `what is stored, ${largest?.vifs} VIFs: times the sum of the calls' own cost`,
      { atMost: 1.2 },
      largest === undefined ? undefined : ratios(largest.rounds.milliseconds, largest.held),
    ),
    target(
      "calls that read, whatever the number of VIFs: times as many for ten times the VIFs",
      { atMost: 1 },
      records.length < 2 ? undefined : summary([(largest?.reads ?? Number.NaN) / (records[0]?.reads ?? Number.NaN)]),
    ),
    target(
      "texts written for each interface beside its settings",
      { atMost: 2 },
      largest === undefined ? undefined : summary([largest.texts / largest.vifs]),
    ),
    target(
      "records read for one VM, 64 hosts: times as many as in a pool of 4",
      { atMost: 1 },
      growthOfShare(measured.shares, "disable vm 1-1"),
    ),
    target(
      "no-op run, 500 VIFs: times verify",
      { atMost: 1.1 },
      faster(whole(500, WHOLE.again), whole(500, WHOLE.verify)),
    ),
    target(
      "offload --version: times an empty program",
      { atMost: 1.2 },
      faster(whole(500, WHOLE.version), whole(500, WHOLE.empty)),
    ),
    target(
      "peak memory, 1,000 VMs and 2,000 VIFs, the largest of all commands, MiB",
      { atMost: 90 },
      peak(measured.whole.get(2000)),
    ),
    target(
      "growth: cost of a device between 500 and 2,000 to that between 100 and 500, live half",
      { atMost: 1.5 },
      growth((size) => live(size, LIVE.first)),
    ),
    target(
      "growth likewise, verify",
      { atMost: 1.5 },
      growth((size) => whole(size, WHOLE.verify)),
    ),
  ];
  return found.filter((one) => one !== null);
}

function growthOfShare(shares: readonly Share[], command: string): Summary | undefined {
  const [small, large] = shares.filter((share) => share.command === command);
  return small === undefined || large === undefined ? undefined : summary([large.records / small.records]);
}

function target(what: string, wanted: Target["wanted"], measured: Summary | undefined): Target | null {
  if (measured === undefined) return null;
  const met = "atLeast" in wanted ? measured.median >= wanted.atLeast : measured.median <= wanted.atMost;
  return { what, wanted, measured, met };
}

function of(sides: readonly Rounds[] | undefined, name: string): readonly number[] | undefined {
  return sides?.find((side) => side.name === name)?.milliseconds;
}

function faster(slow: readonly number[] | undefined, fast: readonly number[] | undefined): Summary | undefined {
  return slow === undefined || fast === undefined ? undefined : ratios(slow, fast);
}

function less(from: readonly number[] | undefined, what: readonly number[] | undefined): readonly number[] | undefined {
  return what === undefined ? undefined : from?.map((one, round) => one - (what[round] ?? 0));
}

/** The most that any command needed in any round; the spread is that of the rounds. */
function peak(sides: readonly Rounds[] | undefined): Summary | undefined {
  const own = sides?.filter(({ name }) => name.startsWith("offload"));
  if (own === undefined) return undefined;
  const rounds = own[0]?.memory.map((_, round) => Math.max(...own.map(({ memory }) => memory[round] ?? Number.NaN)));
  const spread = summary(rounds ?? []);
  return { ...spread, median: spread.maximum };
}

/** 1 where it is linear; 3.5 where it is quadratic. */
function growth(at: (size: number) => readonly number[] | undefined): Summary | undefined {
  const [small, middle, large] = [at(100), at(500), at(2000)].map((rounds) =>
    rounds === undefined ? Number.NaN : median(rounds),
  );
  if (small === undefined || middle === undefined || large === undefined) return undefined;
  const ratio = (large - middle) / 1500 / ((middle - small) / 400);
  return Number.isNaN(ratio) ? undefined : summary([ratio]);
}
