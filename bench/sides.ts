import { resolve } from "node:path";
import type { Dom0 } from "../test/dom0/dom0.ts";
import { median } from "./statistics.ts";

const MEASURE = resolve(import.meta.dir, "../dist/measure");

/** One way to do the work, as a whole process. */
export interface Side {
  readonly name: string;
  readonly argv: readonly string[];
  /** The exit code that says it has done its work; 0 unless given. */
  readonly exitCode?: number;
  /** Puts everything back to where the work begins; without it the side only looks. */
  readonly reset?: (dom0: Dom0) => Promise<void>;
  /**
   * How often it is run in a round, of which the median counts; once unless given. A process that is
   * over in no time tells more of the machine than of itself.
   */
  readonly repeats?: number;
  /** It prints how many microseconds a part of it took, and that is what counts. */
  readonly timesItself?: boolean;
  /** Looks closer than ethtool does at what a round has done; throws where it is wrong. */
  readonly check?: (dom0: Dom0) => Promise<void>;
}

/** The rounds of a side, in their order: milliseconds, and peak memory in MiB. */
export interface Rounds {
  readonly name: string;
  readonly milliseconds: readonly number[];
  readonly memory: readonly number[];
}

/**
 * Times the sides round by round, each once a round, so that a machine that slows down slows all of
 * them. A first round warms up and does not count. Every round of a side that changes things is
 * checked with the real ethtool, device by device, and so is the end: a side that was fast and wrong
 * fails the benchmark.
 */
export async function compare(
  dom0: Dom0,
  devices: readonly string[],
  sides: readonly Side[],
  rounds: number,
): Promise<readonly Rounds[]> {
  const taken = sides.map((side) => ({
    side,
    milliseconds: [] as number[],
    memory: [] as number[],
  }));
  for (let round = 0; round <= rounds; round++) {
    for (const one of taken) {
      await one.side.reset?.(dom0);
      const { milliseconds, memory } = await timeOften(dom0, one.side);
      if (one.side.reset !== undefined) await mustBeOff(dom0, devices, one.side.name);
      await one.side.check?.(dom0);
      if (round === 0) continue;
      one.milliseconds.push(milliseconds);
      one.memory.push(memory);
    }
  }
  await mustBeOff(dom0, devices, "the last side");
  return taken.map(({ side, milliseconds, memory }) => ({ name: side.name, milliseconds, memory }));
}

async function timeOften(dom0: Dom0, side: Side): Promise<Time> {
  const times: Time[] = [];
  for (let run = 0; run < (side.repeats ?? 1); run++) times.push(await time(dom0, side));
  return {
    milliseconds: median(times.map(({ milliseconds }) => milliseconds)),
    memory: Math.max(...times.map(({ memory }) => memory)),
  };
}

interface Time {
  readonly milliseconds: number;
  /** MiB. */
  readonly memory: number;
}

/** The clock runs inside, so that entering the namespaces is not counted. */
async function time(dom0: Dom0, { name, argv, timesItself = false, exitCode = 0 }: Side): Promise<Time> {
  const inside = [MEASURE, ...(timesItself ? ["-o"] : []), ...argv];
  const { stdout, stderr } = await dom0.run(inside, { timeoutMs: 600_000 });
  const [whole = Number.NaN, memory = 0, code, part = Number.NaN] = stdout.split(/\s+/).map(Number);
  if (code !== exitCode) throw new Error(`${name} ended with ${code}: ${stderr}`);
  return { milliseconds: (timesItself ? part : whole) / 1000, memory: memory / 1024 };
}

/** What the real ethtool says of all devices: each has to be read, and nothing on or coming on. */
async function mustBeOff(dom0: Dom0, devices: readonly string[], name: string): Promise<void> {
  const script = `for d in "$@"; do ethtool -k "$d"; done | awk '${STILL_ON}'`;
  const { stdout, stderr } = await dom0.run(["sh", "-c", script, "sh", ...devices], {
    timeoutMs: 600_000,
  });
  if (stdout.trim() === `read ${devices.length}`) return;
  throw new Error(`${name} left offloads on: ${stdout.split("\n").join(" ")}${stderr}`);
}

/** Lines of what was turned off, and of their parts, that are on or will come on by themselves. */
const STILL_ON = `
/^Features for/ { device = $3; read++ }
/^[ \\t]*(rx-checksumming|tx-checksum[a-z0-9-]*|(tx-)?scatter-gather[a-z-]*|t[a-z0-9-]*tcp[a-z0-9-]*-segmentation|tcp-segmentation-offload|generic-[a-z]+-offload): (on|off \\[requested on\\])/ { print device, $0 }
END { print "read", read }
`;
