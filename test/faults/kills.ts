import * as v from "valibot";
import { anyThread, type Call, callsOf, isRelevant, mainThread } from "./calls.ts";
import { differences, type FaultHost } from "./host.ts";

/** The command that is killed. */
export type Command = "disable" | "restore" | "persist";

/** What follows the kill. */
export type Sequel = Command;

/** How the killing of a command went. */
export interface Kills {
  /** Points at which it was killed, by the name of the call. */
  readonly hit: ReadonlyMap<string, number>;
  /** What was not as it has to be, point by point. */
  readonly lost: readonly string[];
}

/** How it is run. */
export const ARGUMENTS: Readonly<Record<Command, readonly string[]>> = {
  disable: ["disable", "ALL", "--yes"],
  restore: ["restore", "--yes"],
  persist: ["persist", "ALL", "--yes"],
};

/** How often a call is looked for again where it was another one's turn. */
const ATTEMPTS = 12;

/** The last call of a sweep is unknown before; no run makes as many. */
const MOST_CALLS = 1000;

/**
 * Kills a command at every call that concerns devices or files of ours, and at every message to and
 * from XAPI; or, with `every`, at each n-th of them.
 */
export async function killEverywhere(
  host: FaultHost,
  command: Command,
  sequel: Sequel,
  every = 1,
): Promise<Kills> {
  const hit = new Map<string, number>();
  const lost: string[] = [];
  const count = (name: string) => hit.set(name, (hit.get(name) ?? 0) + 1);
  await prepare(host, command);
  const { log, result } = await host.traced(mainThread(), ARGUMENTS[command]);
  if (result.exitCode !== 0) throw new Error(`${command} without a kill: ${result.exitCode}`);
  const points = callsOf(log).filter(isRelevant);
  for (const point of points.filter((_, n) => n % every === 0)) {
    await killAt(host, command, point);
    count(point.name);
    lost.push(...(await consequences(host, sequel, `${command} at ${point.identity}`)));
  }
  for (const name of ["sendto", "recvfrom"]) {
    for (let when = 1; when < MOST_CALLS; when += every) {
      await prepare(host, command);
      const strace = anyThread(name, `signal=SIGKILL:when=${when}`);
      const run = await host.traced(strace, ARGUMENTS[command]);
      // It has ended before it came to so many.
      if (run.result.exitCode !== null && !wasKilled(run.log)) break;
      count(name);
      lost.push(...(await consequences(host, sequel, `${command} at ${name} #${when}`)));
    }
  }
  await host.reset();
  return { hit, lost };
}

/** As before the command that is to be disturbed: a restore has everything to restore. */
export async function prepare(host: FaultHost, command: Command): Promise<void> {
  await host.reset();
  if (command === "restore") await host.offload(...ARGUMENTS.persist);
}

/**
 * Runs the command until it was killed at just this call: the runtime wakes its threads by writing
 * to them, not always as often, so that the number of a call is known only from the log.
 */
async function killAt(host: FaultHost, command: Command, point: Call): Promise<void> {
  let when = point.when;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    await prepare(host, command);
    const inject = mainThread(`${point.name}:signal=SIGKILL:when=${when}`);
    const { log } = await host.traced(inject, ARGUMENTS[command]);
    const calls = callsOf(log);
    const last = calls.at(-1)?.identity.replace(/^exit_group.*/, "exit_group(0) #1");
    if (wasKilled(log) && last === point.identity) return;
    when = calls.find(({ identity }) => identity === point.identity)?.when ?? when + 1;
  }
  throw new Error(`${command} could not be killed at ${point.identity}`);
}

function wasKilled(log: string): boolean {
  return log.includes("+++ killed by SIGKILL +++");
}

/** What the next run makes of it: what differs from what must be, in words. */
export async function consequences(
  host: FaultHost,
  sequel: Sequel,
  where: string,
): Promise<readonly string[]> {
  const found: string[] = [];
  await host.bootScriptEnded();
  const run = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await host.offload(...args);
    if (exitCode !== 0) found.push(`${args[0]} ended with ${exitCode}: ${stdout}${stderr}`);
  };
  if (sequel !== "restore") {
    await run(...ARGUMENTS[sequel]);
    const now = await host.state();
    // What runs at boot is persist's affair; a restore that failed may have plugged meanwhile.
    const { files, networkd } = now;
    const wanted = sequel === "persist" ? host.persisted : { ...host.disabled, files };
    found.push(...differences({ ...wanted, networkd }, now));
    if (sequel === "persist") await run("verify");
    else found.push(...(await problemsBeyondBoot(host)));
  }
  await run(...ARGUMENTS.restore);
  found.push(...differences(host.original, await host.state()));
  return found.map((line) => `${where}, then ${sequel}: ${line.trim()}`);
}

const Problems = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ problems: v.array(v.object({ code: v.string(), message: v.string() })) }),
);

/** What verify finds that the boot layer is not for: gro of VIFs, and the pieces of it. */
export async function problemsBeyondBoot(host: FaultHost): Promise<readonly string[]> {
  const { problems } = v.parse(Problems, (await host.offload("verify", "--json")).stdout);
  return problems
    .filter(({ code, message }) => !code.startsWith("boot-") && !message.includes(NO_SETTING))
    .map(({ code, message }) => `verify: ${code}: ${message}`);
}

const NO_SETTING = "XAPI has no setting for gro";

/** Every command that is killed, with every command that may follow. */
export const SCENES: readonly (readonly [Command, Sequel])[] = [
  ["disable", "restore"],
  ["disable", "disable"],
  ["restore", "restore"],
  ["restore", "disable"],
  ["persist", "restore"],
  ["persist", "persist"],
];
