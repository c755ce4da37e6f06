import { hostname } from "node:os";
import type { SignalHandler } from "../cli/signals.ts";
import { attempt, attemptAsync, CommandError, type Failure, unavailableError } from "../core/command-error.ts";
import type { Inventory, Vm } from "../core/inventory.ts";
import type { Kernel, Toolstack } from "../core/ports.ts";
import type { Problem } from "../core/problem.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { ChangeLock } from "../state/lock.ts";
import { progress } from "../terminal/progress.ts";
import { type HostIdentity, readHostIdentity } from "../xapi/host-files.ts";
import { XapiSession } from "../xapi/rpc/session.ts";
import { NetworkDevicesWithProgress, ToolstackWithProgress } from "./with-progress.ts";

/** How long a signal waits for a login that is on its way, in milliseconds. */
const LOGIN_TIMEOUT_MS = 3000;

/** What XAPI gave, or why it gave nothing. */
export type XapiState =
  | { readonly isKnown: true; readonly inventory: Inventory; readonly toolstack: Toolstack }
  | { readonly isKnown: false; readonly failures: readonly Failure[] };

/** The host that this program runs on, opened for a command. */
export interface Dom0 {
  readonly host: { readonly uuid: string; readonly name: string };
  /** Brand and version, such as `XCP-ng 8.3.0`. */
  readonly product: string;
  readonly kernel: Kernel;
  readonly xapi: XapiState;
  /** Begins to log out of XAPI, of which nothing more is asked, beside whatever is left to do. */
  readonly closeXapi: () => void;
}

/** A time that has passed. Whoever no longer waits for it is not kept from ending by it. */
function delay(durationMs: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), durationMs).unref();
  });
}

/** Checks that this is a dom0 and root, for work that needs neither kernel nor XAPI. */
export async function withLocalHost<T>(
  work: (host: { readonly uuid: string; readonly name: string }) => Promise<T>,
): Promise<T> {
  const files = readHostFilesAsRoot();
  return await work({ uuid: files.uuid, name: hostname() });
}

/**
 * Logs in to XAPI, hands the session to the work, and logs out again, whatever happens. For work that
 * is nothing without XAPI.
 */
export async function withSession<T>(signals: SignalHandler, work: (session: XapiSession) => Promise<T>): Promise<T> {
  const files = readHostFilesAsRoot();
  const opening = XapiSession.open(files.uuid);
  try {
    const session = await signals.waitInterruptibly(opening);
    return await signals.waitInterruptibly(work(session));
  } finally {
    await closeSession(opening, signals);
  }
}

/** A login that a signal has overtaken is still on its way, and is to be logged out all the same. */
async function closeSession(opening: Promise<XapiSession>, { signal }: SignalHandler): Promise<void> {
  const login = attemptAsync(() => opening);
  const session = signal === undefined ? await login : await Promise.race([login, delay(LOGIN_TIMEOUT_MS)]);
  if (session instanceof XapiSession) await session.close();
}

function readHostFilesAsRoot(): HostIdentity {
  requireRoot();
  return readHostIdentity();
}

function requireRoot(): void {
  if (process.geteuid?.() !== 0) throw unavailableError("not-root", "offload needs root; run it as root in dom0");
}

/**
 * Opens the host, hands it to the work, and closes everything again, whatever happens: the XAPI
 * session is always logged out. A XAPI that does not answer is not yet a failure: some commands
 * can do without. `scope`: null where XAPI is not asked at all.
 */
export function withDom0<T>(
  signals: SignalHandler,
  scope: ReadScope | null,
  work: (dom0: Dom0) => Promise<T>,
): Promise<T> {
  return withDom0AndReadAhead(signals, scope, noop, work);
}

/**
 * The same, and while XAPI puts its answer together, which takes it longer than all the rest,
 * `meanwhile` sees to what does not depend on it.
 */
export async function withDom0AndReadAhead<T, S>(
  signals: SignalHandler,
  scope: ReadScope | null,
  readAhead: (kernel: Kernel) => S,
  work: (dom0: Dom0, prefetched: S) => Promise<T>,
): Promise<T> {
  const files = readHostFilesAsRoot();
  return await openDom0(files, signals, scope, readAhead, work);
}

/** For work that sees to nothing while XAPI answers. */
function noop(): void {}

/**
 * The same for a command that describes whatever is there: a host whose own files do not say who it
 * is has no settings, and its kernel can be looked at all the same.
 */
export async function withPartialDom0<T>(
  signals: SignalHandler,
  scope: ReadScope,
  work: (dom0: Dom0) => Promise<T>,
): Promise<T> {
  requireRoot();
  const files = attempt(readHostIdentity);
  if (!(files instanceof CommandError)) return await openDom0(files, signals, scope, noop, work);
  using kernel = new NetworkDevices();
  const host = { uuid: "", name: hostname() };
  const xapi: XapiState = { isKnown: false, failures: files.failures };
  const dom0 = { host, product: "", kernel, xapi, closeXapi: noop };
  return await signals.waitInterruptibly(work(dom0));
}

/** It is asked for nothing where every target is a device: one of them may have gone since. */
const XAPI_NOT_ASKED: XapiState = {
  isKnown: false,
  failures: [{ kind: "unavailable", code: "device-gone", message: "a device that was named is gone; run this again" }],
};

async function openDom0<T, S>(
  files: HostIdentity,
  signals: SignalHandler,
  scope: ReadScope | null,
  readAhead: (kernel: Kernel) => S,
  work: (dom0: Dom0, prefetched: S) => Promise<T>,
): Promise<T> {
  using kernel = progress.isSilent ? new NetworkDevices() : new NetworkDevicesWithProgress(progress);
  if (scope === null) {
    const host = { uuid: files.uuid, name: hostname() };
    const dom0 = { host, product: files.product, kernel, xapi: XAPI_NOT_ASKED, closeXapi: noop };
    return await signals.waitInterruptibly(work(dom0, readAhead(kernel)));
  }
  progress.begin("reading XAPI's inventory");
  const opening = XapiSession.open(files.uuid);
  let closing: Promise<void> | undefined;
  const closeXapi = () => {
    closing ??= closeSession(opening, signals);
  };
  try {
    const session = await attemptAsync(() => signals.waitInterruptibly(opening));
    const reading =
      session instanceof CommandError ? Promise.resolve(session) : attemptAsync(() => session.readInventory(scope));
    const prefetched = readAhead(kernel);
    const read = await signals.waitInterruptibly(reading);
    progress.end();
    const xapi: XapiState =
      session instanceof CommandError || read instanceof CommandError
        ? { isKnown: false, failures: read instanceof CommandError ? read.failures : [] }
        : {
            isKnown: true,
            inventory: omitHaltedVms(read, signals),
            toolstack: new ToolstackWithProgress(session, progress),
          };
    const host = xapi.isKnown ? xapi.inventory.host : { uuid: files.uuid, name: hostname() };
    const { product } = files;
    const dom0 = { host, product, kernel, xapi, closeXapi };
    return await signals.waitInterruptibly(work(dom0, prefetched));
  } finally {
    progress.end();
    closeXapi();
    await closing;
  }
}

/** Of a pool's call what is this host's share: VMs that run nowhere are one host's only. */
function omitHaltedVms(inventory: Inventory, { call }: SignalHandler): Inventory {
  if (call === null || call.includesHaltedVms) return inventory;
  const isRunning = ({ residentOn }: Vm) => residentOn !== undefined;
  const vms = inventory.vms.filter(isRunning);
  return { ...inventory, vms, vifs: inventory.vifs.filter(({ vm }) => isRunning(vm)) };
}

/** Does work with the lock held, for which it waits up to so many seconds. */
export async function withLock<T>(
  signals: SignalHandler,
  waitSeconds: number,
  work: (lock: ChangeLock) => Promise<T>,
): Promise<T> {
  if (waitSeconds > 0) progress.begin("waiting for another offload");
  using lock = await ChangeLock.acquire(waitSeconds, (pause) => signals.waitInterruptibly(pause)).finally(() =>
    progress.end(),
  );
  // Somebody may have given up on a call while it waited here.
  await signals.call?.checkCallerWaiting();
  return await work(lock);
}

/**
 * Opens the host for work that changes something: with the lock held before anything is read, so that
 * what is planned from it is still true when it is carried out.
 */
export function changeDom0<T>(
  signals: SignalHandler,
  scope: ReadScope,
  waitSeconds: number,
  work: (dom0: Dom0, lock: ChangeLock) => Promise<T>,
): Promise<T> {
  return changeDom0AndReadAhead(signals, scope, waitSeconds, noop, work);
}

/** The same, and while XAPI puts its answer together, `meanwhile` sees to what does not depend on it. */
export async function changeDom0AndReadAhead<T, S>(
  signals: SignalHandler,
  scope: ReadScope | null,
  waitSeconds: number,
  readAhead: (kernel: Kernel) => S,
  work: (dom0: Dom0, lock: ChangeLock, prefetched: S) => Promise<T>,
): Promise<T> {
  const files = readHostFilesAsRoot();
  return await withLock(signals, waitSeconds, (lock) =>
    openDom0(files, signals, scope, readAhead, (dom0, prefetched) => work(dom0, lock, prefetched)),
  );
}

/** The host with its inventory read again. */
export async function refreshInventory(dom0: Dom0, scope: ReadScope): Promise<Dom0> {
  if (!dom0.xapi.isKnown) return dom0;
  const { toolstack } = dom0.xapi;
  const read = await toolstack.readInventory(scope);
  return { ...dom0, xapi: { isKnown: true, inventory: read, toolstack } };
}

/** That XAPI did not answer, for commands that go on without it. */
export function toXapiProblems(xapi: XapiState): readonly Problem[] {
  return xapi.isKnown ? [] : xapi.failures.map(({ message }) => ({ code: "xapi-unavailable", message }));
}

/** The inventory and the toolstack, or XAPI's failures as those of the command. */
export function requireXapi(xapi: XapiState): { readonly inventory: Inventory; readonly toolstack: Toolstack } {
  if (!xapi.isKnown) throw new CommandError(xapi.failures);
  return xapi;
}
