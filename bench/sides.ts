import type { Dom0 } from "../test/dom0/dom0.ts";

/** One way to do the work, as a whole process unless it says otherwise. */
export interface Side {
  /** It prints itself how many microseconds a part of it took, and that is what counts. */
  readonly timesItself?: boolean;
  readonly name: string;
  readonly argv: readonly string[];
  /** Turns everything on again before each round; without it the side only reads. */
  readonly reset?: readonly string[];
}

/** How long the rounds of a side took, in milliseconds. */
export interface Timing {
  readonly name: string;
  readonly minimum: number;
  readonly median: number;
  readonly maximum: number;
}

/**
 * Times the sides round by round, each once a round, so that a machine that slows down slows all
 * of them. A first round warms up and does not count. Every round of a side that changes things is
 * judged by the real ethtool: a side that was fast and wrong fails the benchmark.
 */
export async function compare(
  dom0: Dom0,
  devices: readonly string[],
  sides: readonly Side[],
  rounds: number,
): Promise<readonly Timing[]> {
  const times = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const side of sides) {
      if (side.reset !== undefined) await dom0.run(side.reset, { timeout: 600_000 });
      const microseconds = await time(dom0, side);
      if (side.reset !== undefined) await mustBeOff(dom0, devices, side.name);
      if (round > 0) times.get(side.name)?.push(microseconds);
    }
  }
  return sides.map(({ name }) => timing(name, times.get(name) ?? []));
}

/** bash's own clock, in seconds with six decimals, read before and after. */
const TIMED = [
  "start=$EPOCHREALTIME",
  '"$@" >/dev/null 2>&1',
  "end=$EPOCHREALTIME",
  'echo "$start $end"',
].join("; ");

/** The clock runs inside, so that entering the namespaces is not counted. */
async function time(dom0: Dom0, { name, argv, timesItself }: Side): Promise<number> {
  const inside = timesItself ? argv : ["bash", "--norc", "-c", TIMED, "bash", ...argv];
  const { exitCode, stdout, stderr } = await dom0.run(inside, { timeout: 600_000 });
  if (exitCode !== 0) throw new Error(`${name}: ${stderr}`);
  const [start = Number.NaN, end] = stdout.trim().split(" ").map(Number);
  return end === undefined ? start : (end - start) * 1e6;
}

async function mustBeOff(dom0: Dom0, devices: readonly string[], name: string): Promise<void> {
  const script = `for d in "$@"; do ethtool -k "$d" | grep -qE '^(rx-checksumming|tx-checksumming|scatter-gather|generic-[a-z]+-offload): on$' && echo "$d"; done`;
  const { stdout } = await dom0.run(["sh", "-c", script, "sh", ...devices], { timeout: 600_000 });
  if (stdout !== "") throw new Error(`${name} left offloads on: ${stdout.split("\n").join(" ")}`);
}

function timing(name: string, microseconds: readonly number[]): Timing {
  const sorted = microseconds.map((value) => value / 1000).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { name, minimum: at(0), median: at(0.5), maximum: at(1) };
}
