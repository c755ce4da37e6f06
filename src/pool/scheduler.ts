import { attemptAsync, CommandError } from "../core/command-error.ts";
import { quote } from "../core/text.ts";
import type { PoolCommand } from "../plugin/request.ts";
import { progress } from "../terminal/progress.ts";
import type { PoolHost } from "../xapi/inventory/hosts.ts";
import { forEachConcurrent } from "../xapi/rpc/for-each-concurrent.ts";
import type { HostAnswer } from "./host-answer.ts";
import { callHost, type HostFailure } from "./host-client.ts";
import type { Pool } from "./pool.ts";

/** How many hosts work at a time: each takes a thread of the coordinator's and a connection. */
const MAX_CONCURRENT = 16;

/** How often hosts are asked again that have got a VM meanwhile. */
const MAX_ROUNDS = 3;

/** How long a VM that is migrating is given to arrive. */
const MIGRATION_WAIT_MS = 1000;

/** One host, and how it went there so far. */
export interface HostRun {
  readonly host: PoolHost;
  /** The VMs that it had when it was asked last. */
  vms: ReadonlySet<string>;
  answer: HostAnswer | null;
  /** Why nothing more is to be expected of it; null while it answers. */
  reason: HostFailure | null;
}

/** What the hosts of a pool are to run. */
export interface Schedule {
  readonly pool: Pool;
  readonly command: PoolCommand;
  /** The arguments for a host, by where VMs run at the moment; null where it has no share. */
  buildArgs(host: PoolHost, hosts: readonly PoolHost[]): readonly string[] | null;
  /** References of the VMs that matter when they move; null for all. */
  readonly movableVms: ReadonlySet<string> | null;
  readonly timeoutSeconds: number;
  /** Aborted when a signal comes: nobody waits for an answer any more. */
  readonly signal: AbortSignal;
}

const DISABLED_MESSAGE = "it is in maintenance mode, or not up yet; enable it and run this again";
const INTERRUPTED_MESSAGE = "interrupted before its turn; nothing was changed there";

function createHostFailure(state: "disabled" | "skipped", message: string): HostFailure {
  return { state, message, advice: [] };
}

/** The hosts that have a share, before anything has been asked of them. */
export function createRuns({ pool, buildArgs }: Schedule): HostRun[] {
  return pool.hosts.flatMap((host) => (buildArgs(host, pool.hosts) === null ? [] : [createRun(host)]));
}

function createRun(host: PoolHost): HostRun {
  return {
    host,
    vms: host.vms,
    answer: null,
    reason: host.enabled ? null : createHostFailure("disabled", DISABLED_MESSAGE),
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
    await forEachConcurrent(runs, (run) => callHostOnce(schedule, run, hosts), MAX_CONCURRENT);
  } finally {
    progress.end();
  }
}

async function callHostOnce(
  { pool, command, buildArgs, timeoutSeconds, signal }: Schedule,
  run: HostRun,
  hosts: readonly PoolHost[],
): Promise<void> {
  const host = hosts.find(({ uuid }) => uuid === run.host.uuid) ?? run.host;
  const args = buildArgs(host, hosts);
  if (args === null || run.reason !== null) return;
  if (signal.aborted) {
    if (run.answer === null) run.reason = createHostFailure("skipped", INTERRUPTED_MESSAGE);
    return;
  }
  run.vms = host.vms;
  progress.startObject(host.name);
  const reply = await callHost(pool, host, { command, args, timeoutSeconds, signal });
  progress.finishObject(host.name, reply.ok ? "answered" : reply.reason.message);
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
  const rankLocalLast = ({ host }: HostRun) => Number(host.uuid === schedule.pool.local.uuid);
  let failedHost: string | null = null;
  for (const run of runs.toSorted((a, b) => rankLocalLast(a) - rankLocalLast(b))) {
    if (run.reason !== null) continue;
    if (failedHost !== null) {
      run.reason = createHostFailure("skipped", `host ${quote(failedHost)} did not complete cleanly`);
      continue;
    }
    await callHosts(schedule, [run]);
    await repeatForMigratedVms(schedule, [run]);
    if (run.reason !== null || run.answer?.report.exitCode !== 0) failedHost = run.host.name;
  }
  if (failedHost === null) await followMigrations(schedule, runs);
}

/**
 * Looks where VMs run by now, and asks the hosts again that have got one since they were asked, those
 * among them that had no share before. `runs`: all of the pool's.
 */
export async function followMigrations(schedule: Schedule, runs: HostRun[]): Promise<void> {
  await repeatForMigratedVms(schedule, runs, (hosts) => updateRuns(schedule, runs, hosts));
}

async function repeatForMigratedVms(
  schedule: Schedule,
  runs: readonly HostRun[],
  onHostsRead: (hosts: readonly PoolHost[]) => void = () => {},
): Promise<void> {
  const { pool, signal } = schedule;
  for (let round = 0; round < MAX_ROUNDS && !signal.aborted; round += 1) {
    const residentVms = await attemptAsync(() => pool.session.readPoolHosts());
    if (residentVms instanceof CommandError) return;
    onHostsRead(residentVms);
    const dueRuns = runs.filter((run) => needsAnotherCall(schedule, run, residentVms));
    if (dueRuns.length === 0) return;
    if (dueRuns.some(hasMigratingVm)) await Bun.sleep(MIGRATION_WAIT_MS);
    await callHosts(schedule, dueRuns, residentVms);
  }
}

function updateRuns({ buildArgs }: Schedule, runs: HostRun[], hosts: readonly PoolHost[]): void {
  const targetedHosts = hosts.filter((host) => buildArgs(host, hosts) !== null);
  const targetedUuids = new Set(targetedHosts.map(({ uuid }) => uuid));
  // What a host says of a VM that has left it holds no more, unless it is what it did.
  const remainingRuns = runs.filter(
    ({ host, reason, answer }) =>
      targetedUuids.has(host.uuid) || reason !== null || answer?.report.changes.length !== 0,
  );
  const remainingUuids = new Set(remainingRuns.map(({ host }) => host.uuid));
  const addedRuns = targetedHosts.filter(({ uuid }) => !remainingUuids.has(uuid)).map(createRun);
  runs.splice(0, runs.length, ...remainingRuns, ...addedRuns);
}

function needsAnotherCall({ movableVms }: Schedule, run: HostRun, hosts: readonly PoolHost[]): boolean {
  const host = hosts.find(({ uuid }) => uuid === run.host.uuid);
  if (host === undefined || run.reason !== null) return false;
  if (run.answer === null || hasMigratingVm(run)) return true;
  const hasVmNotIn = (from: ReadonlySet<string>, to: ReadonlySet<string>) =>
    [...from.difference(to)].some((vm) => movableVms === null || movableVms.has(vm));
  // What failed there may have failed because a VM was leaving.
  const isClean = run.answer.report.exitCode === 0;
  return hasVmNotIn(host.vms, run.vms) || (!isClean && hasVmNotIn(run.vms, host.vms));
}

function hasMigratingVm({ answer }: HostRun): boolean {
  return answer?.report.problems.some(({ code }) => code === "vm-migrating") === true;
}
