import { quoted } from "../core/text.ts";
import type { PoolCommand } from "../plugin/request.ts";
import { progress } from "../terminal/progress.ts";
import type { PoolHost } from "../xapi/inventory/hosts.ts";
import { sideBySide } from "../xapi/rpc/side-by-side.ts";
import { callHost, type NoAnswer } from "./host-client.ts";
import type { HostAnswer } from "./host-document.ts";
import type { Pool } from "./hosts.ts";

/** How many hosts work at a time: each takes a thread of the coordinator's and a connection. */
const MAX_CONCURRENT = 16;

/** How often hosts are asked again that have got a VM meanwhile. */
const MAX_ROUNDS = 3;

/** How long a VM that is migrating is given to arrive. */
const ARRIVAL_MS = 1000;

/** One host, and how it went there so far. */
export interface HostRun {
  readonly host: PoolHost;
  /** The VMs that it had when it was asked last. */
  vms: ReadonlySet<string>;
  answer: HostAnswer | null;
  /** Why nothing more is to be expected of it; null while it answers. */
  reason: NoAnswer | null;
}

/** What the hosts of a pool are to run. */
export interface Schedule {
  readonly pool: Pool;
  readonly command: PoolCommand;
  /** The arguments for a host, by where VMs run at the moment; null where it has no share. */
  argsOn(host: PoolHost, hosts: readonly PoolHost[]): readonly string[] | null;
  /** References of the VMs that matter when they move; null for all. */
  readonly movable: ReadonlySet<string> | null;
  readonly timeoutSeconds: number;
  /** Aborted when a signal comes: nobody waits for an answer any more. */
  readonly signal: AbortSignal;
}

const DISABLED = "it is in maintenance mode, or not up yet; enable it and run this again";
const INTERRUPTED = "interrupted before its turn; nothing was changed there";

function notAsked(state: "disabled" | "skipped", message: string): NoAnswer {
  return { state, message, advice: [] };
}

/** The hosts that have a share, before anything has been asked of them. */
export function startRuns({ pool, argsOn }: Schedule): HostRun[] {
  return pool.hosts.flatMap((host) => (argsOn(host, pool.hosts) === null ? [] : [newRun(host)]));
}

function newRun(host: PoolHost): HostRun {
  return {
    host,
    vms: host.vms,
    answer: null,
    reason: host.enabled ? null : notAsked("disabled", DISABLED),
  };
}

/** Asks these hosts concurrently, the failure of one no matter to the others. */
export async function callHosts(
  schedule: Schedule,
  runs: readonly HostRun[],
  hosts = schedule.pool.hosts,
): Promise<void> {
  progress.begin(`running ${schedule.command} on the hosts of the pool`, runs.length);
  try {
    await sideBySide(runs, (run) => callOne(schedule, run, hosts), MAX_CONCURRENT);
  } finally {
    progress.end();
  }
}

async function callOne(
  { pool, command, argsOn, timeoutSeconds, signal }: Schedule,
  run: HostRun,
  hosts: readonly PoolHost[],
): Promise<void> {
  const host = hosts.find(({ uuid }) => uuid === run.host.uuid) ?? run.host;
  const args = argsOn(host, hosts);
  if (args === null || run.reason !== null) return;
  if (signal.aborted) {
    if (run.answer === null) run.reason = notAsked("skipped", INTERRUPTED);
    return;
  }
  run.vms = host.vms;
  progress.at(host.name);
  const reply = await callHost(pool, host, { command, args, timeoutSeconds, signal });
  progress.done(host.name, reply.ok ? "answered" : reply.reason.message);
  if (reply.ok) run.answer = mergeAnswers(run.answer, reply.answer);
  else run.reason = reply.reason;
}

/** What a host did, it did, whatever it says when it is asked again. */
function mergeAnswers(earlier: HostAnswer | null, later: HostAnswer): HostAnswer {
  if (earlier === null) return later;
  const changes = [...earlier.report.changes, ...later.report.changes];
  return { ...later, report: { ...later.report, changes } };
}

/**
 * Asks one host after the other, the local one last, and stops at the first that did not complete
 * cleanly. A host in maintenance mode is known beforehand, and stops nothing.
 */
export async function callHostsRolling(schedule: Schedule, runs: HostRun[]): Promise<void> {
  const isLocal = ({ host }: HostRun) => Number(host.uuid === schedule.pool.local.uuid);
  let failed: string | null = null;
  for (const run of runs.toSorted((a, b) => isLocal(a) - isLocal(b))) {
    if (run.reason !== null) continue;
    if (failed !== null) {
      run.reason = notAsked("skipped", `host ${quoted(failed)} did not complete cleanly`);
      continue;
    }
    await callHosts(schedule, [run]);
    await followMovesOn(schedule, [run]);
    if (run.reason !== null || run.answer?.report.exitCode !== 0) failed = run.host.name;
  }
  if (failed === null) await followMoves(schedule, runs);
}

/**
 * Looks where VMs run by now, and asks the hosts again that have got one since they were asked, those
 * among them that had no share before. `runs`: all of the pool's.
 */
export async function followMoves(schedule: Schedule, runs: HostRun[]): Promise<void> {
  await followMovesOn(schedule, runs, (hosts) => updateShares(schedule, runs, hosts));
}

async function followMovesOn(
  schedule: Schedule,
  runs: readonly HostRun[],
  onRead: (hosts: readonly PoolHost[]) => void = () => {},
): Promise<void> {
  const { pool, signal } = schedule;
  for (let round = 0; round < MAX_ROUNDS && !signal.aborted; round += 1) {
    const read = await pool.session.residentVms();
    if (!read.ok) return;
    onRead(read.value);
    const again = runs.filter((run) => isDueAgain(schedule, run, read.value));
    if (again.length === 0) return;
    if (again.some(hasMigratingVm)) await Bun.sleep(ARRIVAL_MS);
    await callHosts(schedule, again, read.value);
  }
}

function updateShares({ argsOn }: Schedule, runs: HostRun[], hosts: readonly PoolHost[]): void {
  const sharing = hosts.filter((host) => argsOn(host, hosts) !== null);
  const shares = new Set(sharing.map(({ uuid }) => uuid));
  // What a host says of a VM that has left it holds no more, unless it is what it did.
  const kept = runs.filter(
    ({ host, reason, answer }) =>
      shares.has(host.uuid) || reason !== null || answer?.report.changes.length !== 0,
  );
  const present = new Set(kept.map(({ host }) => host.uuid));
  const added = sharing.filter(({ uuid }) => !present.has(uuid)).map(newRun);
  runs.splice(0, runs.length, ...kept, ...added);
}

function isDueAgain({ movable }: Schedule, run: HostRun, hosts: readonly PoolHost[]): boolean {
  const host = hosts.find(({ uuid }) => uuid === run.host.uuid);
  if (host === undefined || run.reason !== null) return false;
  if (run.answer === null || hasMigratingVm(run)) return true;
  const differs = (from: ReadonlySet<string>, to: ReadonlySet<string>) =>
    [...from.difference(to)].some((vm) => movable === null || movable.has(vm));
  // What failed there may have failed because a VM was leaving.
  const isClean = run.answer.report.exitCode === 0;
  return differs(host.vms, run.vms) || (!isClean && differs(run.vms, host.vms));
}

function hasMigratingVm({ answer }: HostRun): boolean {
  return answer?.report.problems.some(({ code }) => code === "vm-migrating") === true;
}
