import * as v from "valibot";
import type { Call } from "../dom0/strace.ts";
import { isRelevant, parseCalls, traceAnyThread, traceMainThread } from "./calls.ts";
import { type FaultHost, findDifferences, type HostState } from "./host.ts";

/** The command that is killed. */
export type Command = "disable" | "enable" | "restore" | "persist" | "bisect";

/** What follows the kill. */
export type FollowUp = Exclude<Command, "bisect">;

/** How the killing of a command went. */
export interface KillResult {
  /** Points at which it was killed, by the name of the call. */
  readonly killPoints: ReadonlyMap<string, number>;
  /** What was not as it has to be, point by point. */
  readonly failures: readonly string[];
}

/** How it is run. */
export const ARGUMENTS: Readonly<Record<Command, readonly string[]>> = {
  disable: ["disable", "ALL", "--yes"],
  enable: ["enable", "ALL", "--yes"],
  restore: ["restore", "--yes"],
  persist: ["persist", "ALL", "--yes"],
  bisect: ["bisect", "ALL", "--check", 'ethtool -k eth1 | grep -q "tx-tcp-segmentation: off"'],
};

/** How often a call is looked for again where it was another one's turn. */
const ATTEMPTS = 12;

/** The last call of a sweep is unknown before; no run makes as many. */
const MAX_CALLS = 1000;

/**
 * Kills a command at every call that concerns devices or files of ours, and at every message to and
 * from XAPI; or, with `every`, at each n-th of them. `isPoint`: other calls to kill it at.
 */
export async function killEverywhere(
  host: FaultHost,
  command: Command,
  followUp: FollowUp,
  every = 1,
  isPoint: (call: Call) => boolean = isRelevant,
): Promise<KillResult> {
  const killPoints = new Map<string, number>();
  const failures: string[] = [];
  const count = (name: string) => killPoints.set(name, (killPoints.get(name) ?? 0) + 1);
  await prepare(host, command);
  const { log, result } = await host.runTraced(traceMainThread(), ARGUMENTS[command]);
  if (result.exitCode !== 0) throw new Error(`${command} without a kill: ${result.exitCode}`);
  const points = parseCalls(log).filter(isPoint);
  for (const point of points.filter((_, n) => n % every === 0)) {
    await killAt(host, command, point);
    count(point.name);
    failures.push(...(await checkFollowUp(host, followUp, `${command} at ${point.identity}`)));
  }
  for (const name of ["sendto", "recvfrom"]) {
    for (let when = 1; when < MAX_CALLS; when += every) {
      await prepare(host, command);
      const strace = traceAnyThread(name, `signal=SIGKILL:when=${when}`);
      const run = await host.runTraced(strace, ARGUMENTS[command]);
      // It has ended before it came to so many.
      if (run.result.exitCode !== null && !wasKilled(run.log)) break;
      count(name);
      failures.push(...(await checkFollowUp(host, followUp, `${command} at ${name} #${when}`)));
    }
  }
  await host.reset();
  return { killPoints, failures };
}

/** As before the command that is to be disturbed: a restore has everything to restore, and enable to turn on. */
export async function prepare(host: FaultHost, command: Command): Promise<void> {
  await host.reset();
  if (command === "restore" || command === "enable") await host.offload(...ARGUMENTS.persist);
}

/**
 * Runs the command until it was killed at just this call: the runtime wakes its threads by writing
 * to them, not always as often, so that the number of a call is known only from the log.
 */
async function killAt(host: FaultHost, command: Command, point: Call): Promise<void> {
  let when = point.occurrence;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    await prepare(host, command);
    const inject = traceMainThread(`${point.name}:signal=SIGKILL:when=${when}`);
    const { log } = await host.runTraced(inject, ARGUMENTS[command]);
    const calls = parseCalls(log);
    const last = calls.at(-1)?.identity.replace(/^exit_group.*/, "exit_group(0) #1");
    if (wasKilled(log) && last === point.identity) return;
    when = calls.find(({ identity }) => identity === point.identity)?.occurrence ?? when + 1;
  }
  throw new Error(`${command} could not be killed at ${point.identity}`);
}

function wasKilled(log: string): boolean {
  return log.includes("+++ killed by SIGKILL +++");
}

/** What the next run makes of it: what differs from what must be, in words. */
export async function checkFollowUp(host: FaultHost, followUp: FollowUp, where: string): Promise<readonly string[]> {
  const found: string[] = [];
  await host.waitForBootScript();
  const run = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await host.offload(...args);
    if (exitCode !== 0) found.push(`${args[0]} ended with ${exitCode}: ${stdout}${stderr}`);
  };
  if (followUp !== "restore") {
    await run(...ARGUMENTS[followUp]);
    const now = await host.readState();
    // A run that failed may have plugged meanwhile.
    const { networkd } = now;
    found.push(...findDifferences({ ...getStateAfter(host, followUp, now), networkd }, now));
    if (followUp === "persist") await run("verify");
    if (followUp === "disable") found.push(...(await findProblemsBeyondBoot(host)));
  }
  await run(...ARGUMENTS.restore);
  found.push(...findDifferences(host.original, await host.readState()));
  return found.map((line) => `${where}, then ${followUp}: ${line.trim()}`);
}

/** What there is after it; `now`: what runs at boot is the affair of persist and enable. */
function getStateAfter(host: FaultHost, followUp: Exclude<FollowUp, "restore">, now: HostState): HostState {
  if (followUp === "persist") return host.persisted;
  return followUp === "enable" ? host.enabled : { ...host.disabled, files: now.files };
}

const Problems = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ problems: v.array(v.object({ code: v.string(), message: v.string() })) }),
);

/** What verify finds that the boot layer is not for: gro of VIFs, and the pieces of it. */
export async function findProblemsBeyondBoot(host: FaultHost): Promise<readonly string[]> {
  const { problems } = v.parse(Problems, (await host.offload("verify", "--json")).stdout);
  return problems
    .filter(({ code, message }) => !code.startsWith("boot-") && !message.includes(NO_GRO_SETTING_MESSAGE))
    .map(({ code, message }) => `verify: ${code}: ${message}`);
}

const NO_GRO_SETTING_MESSAGE = "XAPI has no setting for gro";

/** Every command that is killed, with every command that may follow. */
export const KILL_SCENARIOS: readonly (readonly [Command, FollowUp])[] = [
  ["disable", "restore"],
  ["disable", "disable"],
  ["enable", "restore"],
  ["enable", "enable"],
  ["restore", "restore"],
  ["restore", "disable"],
  ["persist", "restore"],
  ["persist", "persist"],
];
