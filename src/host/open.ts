import { hostname } from "node:os";
import type { Interruption } from "../cli/signals.ts";
import type { Inventory, Vm } from "../core/inventory.ts";
import type { Kernel, Toolstack } from "../core/ports.ts";
import type { Problem } from "../core/problem.ts";
import { type Failure, type Result, success, unavailable } from "../core/result.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { ChangeLock } from "../state/lock.ts";
import { progress } from "../terminal/progress.ts";
import { type HostFiles, readHostFiles } from "../xapi/host-files.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { WatchedDevices, WatchedToolstack } from "./watched.ts";

/** How long a signal waits for a login that is on its way, in milliseconds. */
const LOGIN_PATIENCE = 3000;

/** What XAPI gave, or why it gave nothing. */
export type Records =
  | { readonly known: true; readonly inventory: Inventory; readonly toolstack: Toolstack }
  | { readonly known: false; readonly failures: readonly Failure[] };

/** The host that this program runs on, opened for a command. */
export interface Dom0 {
  readonly host: { readonly uuid: string; readonly name: string };
  /** Brand and version, such as `XCP-ng 8.3.0`. */
  readonly product: string;
  readonly kernel: Kernel;
  readonly records: Records;
  /** Begins to log out of XAPI, of which nothing more is asked, beside whatever is left to do. */
  readonly leaveXapi: () => void;
}

/** A time that has passed. Whoever no longer waits for it is not kept from ending by it. */
function elapsed(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), milliseconds).unref();
  });
}

/** Checks that this is a dom0 and root, for work that needs neither kernel nor XAPI. */
export async function withHost<T>(
  work: (host: { readonly uuid: string; readonly name: string }) => Promise<Result<T>>,
): Promise<Result<T>> {
  const files = hostFiles();
  return files.ok ? await work({ uuid: files.value.uuid, name: hostname() }) : files;
}

/**
 * Logs in to XAPI, hands the session to the work, and logs out again, whatever happens. For work that
 * is nothing without XAPI.
 */
export async function withSession<T>(
  interruption: Interruption,
  work: (session: XapiSession) => Promise<Result<T>>,
): Promise<Result<T>> {
  const files = hostFiles();
  if (!files.ok) return files;
  const opening = XapiSession.open(files.value.uuid);
  try {
    const session = await interruption.orElse(opening);
    return session.ok ? await interruption.orElse(work(session.value)) : session;
  } finally {
    await closed(opening, interruption);
  }
}

/** A login that a signal has overtaken is still on its way, and is to be logged out all the same. */
async function closed(
  opening: Promise<Result<XapiSession>>,
  { signal }: Interruption,
): Promise<void> {
  const session =
    signal === undefined ? await opening : await Promise.race([opening, elapsed(LOGIN_PATIENCE)]);
  if (session?.ok === true) await session.value.close();
}

function hostFiles(): Result<HostFiles> {
  return isRoot() ? readHostFiles() : NOT_ROOT;
}

const NOT_ROOT = unavailable("not-root", "offload needs root; run it as root in dom0");

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * Opens the host, hands it to the work, and closes everything again, whatever happens: the XAPI
 * session is always logged out. A XAPI that does not answer is not yet a failure: some commands
 * can do without.
 */
export function withDom0<T>(
  interruption: Interruption,
  scope: ReadScope,
  work: (dom0: Dom0) => Promise<Result<T>>,
): Promise<Result<T>> {
  return withDom0Ahead(interruption, scope, nothing, work);
}

/**
 * The same, and while XAPI puts its answer together, which takes it longer than all the rest,
 * `meanwhile` sees to what does not depend on it.
 */
export async function withDom0Ahead<T, S>(
  interruption: Interruption,
  scope: ReadScope,
  meanwhile: (kernel: Kernel) => S,
  work: (dom0: Dom0, seen: S) => Promise<Result<T>>,
): Promise<Result<T>> {
  const files = hostFiles();
  return files.ok ? await opened(files.value, interruption, scope, meanwhile, work) : files;
}

/** For work that sees to nothing while XAPI answers. */
function nothing(): void {}

/**
 * The same for a command that describes whatever is there: a host whose own files do not say who it
 * is has no records, and its kernel can be looked at all the same.
 */
export async function withWhateverHost<T>(
  interruption: Interruption,
  scope: ReadScope,
  work: (dom0: Dom0) => Promise<Result<T>>,
): Promise<Result<T>> {
  if (!isRoot()) return NOT_ROOT;
  const files = readHostFiles();
  if (files.ok) return await opened(files.value, interruption, scope, nothing, work);
  using kernel = new NetworkDevices();
  const host = { uuid: "", name: hostname() };
  const records: Records = { known: false, failures: files.failures };
  const dom0 = { host, product: "", kernel, records, leaveXapi: nothing };
  return await interruption.orElse(work(dom0));
}

async function opened<T, S>(
  files: HostFiles,
  interruption: Interruption,
  scope: ReadScope,
  meanwhile: (kernel: Kernel) => S,
  work: (dom0: Dom0, seen: S) => Promise<Result<T>>,
): Promise<Result<T>> {
  using kernel = progress.isSilent ? new NetworkDevices() : new WatchedDevices(progress);
  progress.begin("reading XAPI's inventory");
  const opening = XapiSession.open(files.uuid);
  let left: Promise<void> | undefined;
  const leaveXapi = () => {
    left ??= closed(opening, interruption);
  };
  try {
    const session = await interruption.orElse(opening);
    const reading = session.ok ? session.value.inventory(scope) : Promise.resolve(session);
    const seen = meanwhile(kernel);
    const read = await interruption.orElse(reading);
    progress.end();
    const records: Records =
      read.ok && session.ok
        ? {
            known: true,
            inventory: shareOf(read.value, interruption),
            toolstack: new WatchedToolstack(session.value, progress),
          }
        : { known: false, failures: read.ok ? [] : read.failures };
    const host = records.known ? records.inventory.host : { uuid: files.uuid, name: hostname() };
    const { product } = files;
    const dom0 = { host, product, kernel, records, leaveXapi };
    return await interruption.orElse(work(dom0, seen));
  } finally {
    progress.end();
    leaveXapi();
    await left;
  }
}

/** Of a pool's call what is this host's share: VMs that run nowhere are one host's only. */
function shareOf(inventory: Inventory, { call }: Interruption): Inventory {
  if (call === null || call.halted) return inventory;
  const runs = ({ residentOn }: Vm) => residentOn !== undefined;
  const vms = inventory.vms.filter(runs);
  return { ...inventory, vms, vifs: inventory.vifs.filter(({ vm }) => runs(vm)) };
}

/** Does work with the lock held, for which it waits up to so many seconds. */
export async function withLock<T>(
  interruption: Interruption,
  waitSeconds: number,
  work: (lock: ChangeLock) => Promise<Result<T>>,
): Promise<Result<T>> {
  if (waitSeconds > 0) progress.begin("waiting for another offload");
  const locked = await ChangeLock.take(waitSeconds, (pause) => interruption.orElse(pause));
  progress.end();
  if (!locked.ok) return locked;
  using lock = locked.value;
  // Somebody may have given up on a call while it waited here.
  const wanted = await interruption.call?.stillWanted();
  return wanted?.ok === false ? wanted : await work(lock);
}

/**
 * Opens the host for work that changes something: with the lock held before anything is read, so that
 * what is planned from it is still true when it is carried out.
 */
export function changeDom0<T>(
  interruption: Interruption,
  scope: ReadScope,
  waitSeconds: number,
  work: (dom0: Dom0, lock: ChangeLock) => Promise<Result<T>>,
): Promise<Result<T>> {
  return changeDom0Ahead(interruption, scope, waitSeconds, nothing, work);
}

/** The same, and while XAPI puts its answer together, `meanwhile` sees to what does not depend on it. */
export async function changeDom0Ahead<T, S>(
  interruption: Interruption,
  scope: ReadScope,
  waitSeconds: number,
  meanwhile: (kernel: Kernel) => S,
  work: (dom0: Dom0, lock: ChangeLock, seen: S) => Promise<Result<T>>,
): Promise<Result<T>> {
  const files = hostFiles();
  if (!files.ok) return files;
  return await withLock(interruption, waitSeconds, (lock) =>
    opened(files.value, interruption, scope, meanwhile, (dom0, seen) => work(dom0, lock, seen)),
  );
}

/** The host with its inventory read again. */
export async function renew(dom0: Dom0, scope: ReadScope): Promise<Result<Dom0>> {
  if (!dom0.records.known) return success(dom0);
  const { toolstack } = dom0.records;
  const read = await toolstack.inventory(scope);
  if (!read.ok) return read;
  return success({ ...dom0, records: { known: true, inventory: read.value, toolstack } });
}

/** That XAPI did not answer, for commands that go on without it. */
export function silenceProblems(records: Records): readonly Problem[] {
  return records.known
    ? []
    : records.failures.map(({ message }) => ({ code: "xapi-unavailable", message }));
}

/** The inventory and the toolstack, or XAPI's failures as those of the command. */
export function needRecords(
  records: Records,
): Result<{ readonly inventory: Inventory; readonly toolstack: Toolstack }> {
  return records.known ? success(records) : { ok: false, failures: records.failures };
}
