import type { Result } from "../dom0/running.ts";
import type { Fault } from "../dom0/simulator/control.ts";
import { type Call, callsOf, isEthtool, isRelevant, mainThread } from "./calls.ts";
import { differences, type FaultHost, type State } from "./host.ts";
import { ARGUMENTS, type Command, consequences, prepare, type Sequel } from "./kills.ts";

/** How a row of faults went. */
export interface Injections {
  /** How many runs met the fault. */
  readonly runs: number;
  /** How often each exit code came. */
  readonly exits: ReadonlyMap<number | null, number>;
  readonly lost: readonly string[];
}

/** How many of the faults strike, and what follows each. */
interface StrikeOptions {
  readonly every?: number;
  readonly sequels?: readonly Sequel[];
  readonly turns?: boolean;
}

const SEQUELS: readonly Sequel[] = ["restore", "disable"];

/** One run with one fault. */
export interface Strike {
  readonly name: string;
  /** Runs the command under the fault; undefined where the fault did not happen. */
  run(host: FaultHost): Promise<Result | undefined>;
  /** What else must be so after the run, as far as this fault is concerned. */
  check?(host: FaultHost, result: Result, now: State): readonly string[];
}

/** Errors of the kernel when it is asked about features, or to change them. */
export const KERNEL_ERRORS = ["EPERM", "ENODEV", "EBUSY", "EOPNOTSUPP"] as const;

/** Errors of the file system that the program's own files are on. */
export const FILE_ERRORS = ["ENOSPC", "EROFS", "EIO"] as const;

const FILE_CALLS =
  /^(?:openat|write|pwrite64|ftruncate|fsync|fchmod|fchown|rename|unlink|mkdir|chmod)\(/;

/** An error at every ioctl on a device. */
export async function kernelErrors(host: FaultHost, command: Command): Promise<readonly Strike[]> {
  const calls = (await callsWithoutFault(host, command)).filter(isEthtool);
  return KERNEL_ERRORS.flatMap((error) => calls.map((call) => atCall(command, call, error)));
}

/** An error at every call that writes what this program keeps. */
export async function fileErrors(host: FaultHost, command: Command): Promise<readonly Strike[]> {
  const calls = (await callsWithoutFault(host, command)).filter(
    (call) => isRelevant(call) && FILE_CALLS.test(call.identity),
  );
  return FILE_ERRORS.flatMap((error) =>
    calls
      // A file system without space is still read.
      .filter(({ identity }) => error === "EIO" || !/O_RDONLY/.test(identity))
      .map((call) => atCall(command, call, error)),
  );
}

/**
 * A driver that says yes and does nothing: strace answers the ioctl with success in the kernel's place, for
 * each of the calls that change something. Each device is written once, and all are read back after that.
 */
export async function disobedience(host: FaultHost, command: Command): Promise<readonly Strike[]> {
  const calls = (await callsWithoutFault(host, command)).filter(isEthtool);
  const devices = host.dom0.world.devices.filter(({ kind }) => kind !== "bridge").length;
  const wanted = wantedAfter(host, command);
  return calls.slice(-2 * devices, -devices).map((call) => ({
    ...atCall(command, call, null),
    name: `${command}: accepted and ignored at ${call.identity}`,
    check: (_, { exitCode }, now) => {
      const { records, networkd, files } = now;
      const devices = new Set(
        differences({ ...wanted, records, networkd, files }, now).map((line) => line.split(" ")[1]),
      );
      return exitCode === 1 && devices.size === 1
        ? []
        : [`exit code ${exitCode}, ${devices.size} devices as the driver left them`];
    },
  }));
}

/** Faults of XAPI that strike at the n-th call. */
const XAPI_FAULTS: Readonly<Record<string, Omit<Fault, "after">>> = {
  "an error": { fault: "error", times: 1, code: "INTERNAL_ERROR", params: ["Not_found"] },
  "HTTP 500": { fault: "http500", times: 1 },
  "a page instead of JSON": { fault: "html", times: 1 },
  "half a reply": { fault: "half", times: 1 },
  "the session is lost": { fault: "error", code: "SESSION_INVALID", params: ["OpaqueRef:lost"] },
  "it dies": { fault: "die" },
  "it dies and leaves its socket": { fault: "refuse" },
};

/** Every fault of XAPI at every call; and its death with a new start at once. */
export async function xapiFaults(host: FaultHost, command: Command): Promise<readonly Strike[]> {
  await prepare(host, command);
  await host.dom0.simulator.clearCalls();
  await host.offload(...ARGUMENTS[command]);
  const total = (await host.dom0.simulator.calls()).length;
  const numbers = Array.from({ length: total }, (_, n) => n);
  const plain = Object.entries(XAPI_FAULTS).flatMap(([name, fault]) =>
    numbers.map(
      (after): Strike => ({
        name: `${command}: ${name} at call ${after + 1}`,
        run: async () => {
          await host.dom0.simulator.fault({ ...fault, after });
          return host.offload(...ARGUMENTS[command]);
        },
      }),
    ),
  );
  const restarts = numbers.map(
    (after): Strike => ({
      name: `${command}: it dies and starts again at call ${after + 1}`,
      run: () => runThroughRestart(host, command, after),
    }),
  );
  return [...plain, ...restarts];
}

/** XAPI that does not answer one call; the program waits for it as long as it ever does. */
export function silence(command: Command): readonly Strike[] {
  return [
    {
      name: `${command}: silence at call 12`,
      run: async (host) => {
        await host.dom0.simulator.fault({ fault: "silence", after: 11, times: 1 });
        return host.offload(...ARGUMENTS[command]);
      },
    },
  ];
}

/**
 * Lets every n-th fault strike, each followed by what puts everything back or completes it; with
 * `turns` the sequels take turns instead of all following every fault.
 */
export async function strikeAll(
  host: FaultHost,
  command: Command,
  strikes: readonly Strike[],
  { every = 1, sequels = SEQUELS, turns = false }: StrikeOptions = {},
): Promise<Injections> {
  const exits = new Map<number | null, number>();
  const lost: string[] = [];
  let runs = 0;
  for (const [n, strike] of strikes.filter((_, n) => n % every === 0).entries()) {
    for (const sequel of turns ? sequels.slice(n % sequels.length).slice(0, 1) : sequels) {
      await prepare(host, command);
      const before = await host.state();
      const result = await strike.run(host);
      await host.dom0.simulator.fault({ fault: "none" });
      if (result === undefined) {
        lost.push(`${strike.name}: the fault did not happen`);
        continue;
      }
      runs += 1;
      exits.set(result.exitCode, (exits.get(result.exitCode) ?? 0) + 1);
      const now = await host.state();
      const found = [
        ...reportProblems(host, command, result, before, now),
        ...(strike.check?.(host, result, now) ?? []),
      ].map((line) => `${strike.name}: ${line.trim()}`);
      lost.push(...found, ...(await consequences(host, sequel, strike.name)));
    }
  }
  await host.reset();
  return { runs, exits, lost };
}

async function callsWithoutFault(host: FaultHost, command: Command): Promise<readonly Call[]> {
  await prepare(host, command);
  return callsOf((await host.traced(mainThread(), ARGUMENTS[command])).log);
}

/** How often a call is looked for again where it was another one's turn. */
const ATTEMPTS = 12;

/** An errno at one call; without one the call succeeds and does nothing. */
function atCall(command: Command, call: Call, error: string | null): Strike {
  const what = error === null ? "retval=0" : `error=${error}`;
  return {
    name: `${command}: ${error} at ${call.identity}`,
    async run(host) {
      let { when } = call;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        if (attempt > 0) await prepare(host, command);
        const strace = mainThread(`${call.name}:${what}:when=${when}`);
        const { result, log } = await host.traced(strace, ARGUMENTS[command]);
        const struck = log.split("\n").findIndex((line) => line.includes("(INJECTED)"));
        const upTo = callsOf(
          log
            .split("\n")
            .slice(0, struck + 1)
            .join("\n"),
        );
        if (struck >= 0 && upTo.at(-1)?.identity === call.identity) return result;
        when = callsOf(log).find(({ identity }) => identity === call.identity)?.when ?? when + 1;
      }
      return undefined;
    },
  };
}

/** XAPI dies at a call and listens again at once, having forgotten nobody's session. */
async function runThroughRestart(host: FaultHost, command: Command, after: number) {
  const { simulator } = host.dom0;
  await simulator.clearCalls();
  await simulator.fault({ fault: "die", after });
  const run = host.offload(...ARGUMENTS[command]);
  let over = false;
  void run.then(() => {
    over = true;
  });
  while (!over && (await simulator.calls()).length <= after) await Bun.sleep(1);
  await simulator.fault({ fault: "none" });
  return run;
}

/** What there is after the command where nothing goes wrong. */
function wantedAfter(host: FaultHost, command: Command): State {
  if (command === "persist") return host.persisted;
  return command === "disable" ? host.disabled : host.original;
}

/** Whether the exit code tells the truth, and whether what was said is one clear report. */
function reportProblems(
  host: FaultHost,
  command: Command,
  { exitCode, stdout, stderr }: Result,
  before: State,
  now: State,
): readonly string[] {
  const wanted = wantedAfter(host, command);
  const said = `${stdout}${stderr}`;
  const found: string[] = [];
  if (/internal error|\bat .*:\d+:\d+/.test(said)) found.push(`no clear report: ${said}`);
  switch (exitCode) {
    case 0:
      found.push(...differences(wanted, now).map((line) => `exit code 0, and yet ${line}`));
      break;
    case 1:
      if (stderr !== "" || stdout === "") found.push(`exit code 1 without a report: ${said}`);
      break;
    case 3:
      if (stdout !== "" || !/^(?:offload: [^\n]+\n)+$/.test(stderr)) {
        found.push(`exit code 3 without a line that says why: ${said}`);
      }
      if (command !== "restore") {
        const touched = differences({ ...before, files: now.files }, now);
        found.push(...touched.map((line) => `exit code 3, and yet touched: ${line}`));
      }
      break;
    default:
      found.push(`exit code ${exitCode}: ${said}`);
  }
  return found;
}
