import type { Result } from "../dom0/running.ts";
import type { Fault } from "../dom0/simulator/control.ts";
import type { Call } from "../dom0/strace.ts";
import { isEthtool, isRelevant, parseCalls, traceMainThread } from "./calls.ts";
import { type FaultHost, findDifferences, type HostState } from "./host.ts";
import { ARGUMENTS, type Command, checkFollowUp, type FollowUp, prepare } from "./kills.ts";

/** How a row of faults went. */
export interface InjectionResult {
  /** How many runs met the fault. */
  readonly runs: number;
  /** How often each exit code came. */
  readonly exits: ReadonlyMap<number | null, number>;
  readonly failures: readonly string[];
}

/** How many of the faults strike, and what follows each. */
interface FaultRunOptions {
  readonly every?: number;
  readonly alternate?: boolean;
}

/** What puts everything back, and what completes it; a disable after an enable stores more than one alone. */
function listFollowUps(command: Command): readonly FollowUp[] {
  return ["restore", command === "enable" ? "enable" : "disable"];
}

/** One run with one fault. */
export interface FaultRun {
  readonly name: string;
  /** Runs the command under the fault; undefined where the fault did not happen. */
  run(host: FaultHost): Promise<Result | undefined>;
  /** What else must be so after the run, as far as this fault is concerned. */
  check?(host: FaultHost, result: Result, now: HostState): readonly string[];
}

/** Errors of the kernel when it is asked about features, or to change them. */
const KERNEL_ERRORS = ["EPERM", "ENODEV", "EBUSY", "EOPNOTSUPP"] as const;

/** Errors of the file system that the program's own files are on. */
const FILE_ERRORS = ["ENOSPC", "EROFS", "EIO"] as const;

const FILE_CALLS = /^(?:openat|write|pwrite64|ftruncate|fsync|fchmod|fchown|rename|unlink|mkdir|chmod)\(/;

/** An error at every ioctl on a device. */
export async function listKernelErrors(host: FaultHost, command: Command): Promise<readonly FaultRun[]> {
  const calls = (await callsWithoutFault(host, command)).filter(isEthtool);
  return KERNEL_ERRORS.flatMap((error) => calls.map((call) => createErrorAtCall(command, call, error)));
}

/** An error at every call that writes what this program keeps. */
export async function listFileErrors(host: FaultHost, command: Command): Promise<readonly FaultRun[]> {
  const calls = (await callsWithoutFault(host, command)).filter(
    (call) => isRelevant(call) && FILE_CALLS.test(call.identity),
  );
  return FILE_ERRORS.flatMap((error) =>
    calls
      // A file system without space is still read.
      .filter(({ identity }) => error === "EIO" || !/O_RDONLY/.test(identity))
      .map((call) => createErrorAtCall(command, call, error)),
  );
}

/**
 * A driver that says yes and does nothing: strace answers the ioctl with success in the kernel's place, for
 * each of the calls that change something. Each device is written once, and all are read back after that.
 */
export async function listIgnoredWrites(host: FaultHost, command: Command): Promise<readonly FaultRun[]> {
  const calls = (await callsWithoutFault(host, command)).filter(isEthtool);
  const devices = host.dom0.fixture.devices.filter(({ kind }) => kind !== "bridge").length;
  const expected = getExpectedState(host, command);
  return calls.slice(-2 * devices, -devices).map((call) => ({
    ...createErrorAtCall(command, call, null),
    name: `${command}: accepted and ignored at ${call.identity}`,
    check: (_, { exitCode }, now) => {
      const { otherConfigs, networkd, files } = now;
      const devices = new Set(
        findDifferences({ ...expected, otherConfigs, networkd, files }, now).map((line) => line.split(" ")[1]),
      );
      return exitCode === 1 && devices.size === 1
        ? []
        : [`exit code ${exitCode}, ${devices.size} devices as the driver left them`];
    },
  }));
}

/** Faults of XAPI that strike at the n-th call. */
const XAPI_FAULTS_BY_NAME: Readonly<Record<string, Omit<Fault, "after">>> = {
  "an error": { fault: "error", times: 1, code: "INTERNAL_ERROR", params: ["Not_found"] },
  "HTTP 500": { fault: "http500", times: 1 },
  "a page instead of JSON": { fault: "html", times: 1 },
  "half a reply": { fault: "half", times: 1 },
  "the session is lost": { fault: "error", code: "SESSION_INVALID", params: ["OpaqueRef:lost"] },
  "it dies": { fault: "die" },
  "it dies and leaves its socket": { fault: "refuse" },
};

/** Every fault of XAPI at every call; and its death with a new start at once. */
export async function listXapiFaults(host: FaultHost, command: Command): Promise<readonly FaultRun[]> {
  await prepare(host, command);
  await host.dom0.simulator.clearCalls();
  await host.offload(...ARGUMENTS[command]);
  const total = (await host.dom0.simulator.calls()).length;
  const numbers = Array.from({ length: total }, (_, n) => n);
  const plain = Object.entries(XAPI_FAULTS_BY_NAME).flatMap(([name, fault]) =>
    numbers.map(
      (after): FaultRun => ({
        name: `${command}: ${name} at call ${after + 1}`,
        run: async () => {
          await host.dom0.simulator.fault({ ...fault, after });
          return host.offload(...ARGUMENTS[command]);
        },
      }),
    ),
  );
  const restarts = numbers.map(
    (after): FaultRun => ({
      name: `${command}: it dies and starts again at call ${after + 1}`,
      run: () => runThroughRestart(host, command, after),
    }),
  );
  return [...plain, ...restarts];
}

/** XAPI that does not answer one call; the program waits for it as long as it ever does. */
export function listUnansweredCalls(command: Command): readonly FaultRun[] {
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
 * `alternate` the follow-ups take turns instead of all following every fault.
 */
export async function runFaults(
  host: FaultHost,
  command: Command,
  faultRuns: readonly FaultRun[],
  { every = 1, alternate = false }: FaultRunOptions = {},
): Promise<InjectionResult> {
  const exits = new Map<number | null, number>();
  const failures: string[] = [];
  let runs = 0;
  for (const [n, faultRun] of faultRuns.filter((_, n) => n % every === 0).entries()) {
    const possible = listFollowUps(command);
    const followUps = alternate ? possible.slice(n % possible.length).slice(0, 1) : possible;
    for (const followUp of followUps) {
      await prepare(host, command);
      const before = await host.readState();
      const result = await faultRun.run(host);
      await host.dom0.simulator.fault({ fault: "none" });
      if (result === undefined) {
        failures.push(`${faultRun.name}: the fault did not happen`);
        continue;
      }
      runs += 1;
      exits.set(result.exitCode, (exits.get(result.exitCode) ?? 0) + 1);
      const now = await host.readState();
      const found = [
        ...checkReport(host, command, result, before, now),
        ...(faultRun.check?.(host, result, now) ?? []),
      ].map((line) => `${faultRun.name}: ${line.trim()}`);
      failures.push(...found, ...(await checkFollowUp(host, followUp, faultRun.name)));
    }
  }
  await host.reset();
  return { runs, exits, failures };
}

async function callsWithoutFault(host: FaultHost, command: Command): Promise<readonly Call[]> {
  await prepare(host, command);
  return parseCalls((await host.runTraced(traceMainThread(), ARGUMENTS[command])).log);
}

/** How often a call is looked for again where it was another one's turn. */
const ATTEMPTS = 12;

/** An errno at one call; without one the call succeeds and does nothing. */
function createErrorAtCall(command: Command, call: Call, error: string | null): FaultRun {
  const what = error === null ? "retval=0" : `error=${error}`;
  return {
    name: `${command}: ${error} at ${call.identity}`,
    async run(host) {
      let { occurrence } = call;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        if (attempt > 0) await prepare(host, command);
        const strace = traceMainThread(`${call.name}:${what}:when=${occurrence}`);
        const { result, log } = await host.runTraced(strace, ARGUMENTS[command]);
        const injectedLine = log.split("\n").findIndex((line) => line.includes("(INJECTED)"));
        const callsUntilFault = parseCalls(
          log
            .split("\n")
            .slice(0, injectedLine + 1)
            .join("\n"),
        );
        if (injectedLine >= 0 && callsUntilFault.at(-1)?.identity === call.identity) return result;
        occurrence = parseCalls(log).find(({ identity }) => identity === call.identity)?.occurrence ?? occurrence + 1;
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
  let isFinished = false;
  void run.then(() => {
    isFinished = true;
  });
  while (!isFinished && (await simulator.calls()).length <= after) await Bun.sleep(1);
  await simulator.fault({ fault: "none" });
  return run;
}

/** What there is after the command where nothing goes wrong. */
function getExpectedState(host: FaultHost, command: Command): HostState {
  if (command === "persist") return host.persisted;
  if (command === "enable") return host.enabled;
  return command === "disable" ? host.disabled : host.original;
}

/** Whether the exit code is right, and whether what was said is one clear report. */
function checkReport(
  host: FaultHost,
  command: Command,
  { exitCode, stdout, stderr }: Result,
  before: HostState,
  now: HostState,
): readonly string[] {
  const expected = getExpectedState(host, command);
  const output = `${stdout}${stderr}`;
  const found: string[] = [];
  if (/internal error|\bat .*:\d+:\d+/.test(output)) found.push(`no clear report: ${output}`);
  switch (exitCode) {
    case 0:
      found.push(...findDifferences(expected, now).map((line) => `exit code 0, and yet ${line}`));
      break;
    case 1:
      if (stderr !== "" || stdout === "") found.push(`exit code 1 without a report: ${output}`);
      break;
    case 3:
      if (stdout !== "" || !/^(?:offload: [^\n]+\n)+$/.test(stderr)) {
        found.push(`exit code 3 without a line that says why: ${output}`);
      }
      if (command !== "restore") {
        const changes = findDifferences({ ...before, files: now.files }, now);
        found.push(...changes.map((line) => `exit code 3, and yet touched: ${line}`));
      }
      break;
    default:
      found.push(`exit code ${exitCode}: ${output}`);
  }
  return found;
}
