import type { SignalHandler } from "../cli/signals.ts";
import { unavailableError } from "../core/command-error.ts";
import { withSession } from "../host/open.ts";
import { progress } from "../terminal/progress.ts";
import type { PoolHost } from "../xapi/inventory/hosts.ts";
import type { XapiSession } from "../xapi/rpc/session.ts";

/** The pool that this host is in, opened for a command. */
export interface Pool {
  readonly session: XapiSession;
  /** The host that the command was given on. */
  readonly local: PoolHost;
  readonly hosts: readonly PoolHost[];
  /** Names this run to the hosts that it calls. */
  readonly runId: string;
  /** The coordinator's time in so many milliseconds from now. */
  getCoordinatorTimeAfter(delayMs: number): Date;
}

/** XAPI gives its time in whole seconds: it may be nearly one old. */
const COORDINATOR_TIME_RESOLUTION_MS = 1000;

/** Opens the pool, hands it to the work, and logs out again. */
export function withPool<T>(signals: SignalHandler, work: (pool: Pool) => Promise<T>): Promise<T> {
  return withSession(signals, async (session) => {
    progress.begin("reading the hosts of the pool");
    const [hosts, coordinatorTime] = await Promise.all([session.readPoolHosts(), session.readCoordinatorTime()]);
    const readAtMs = performance.now();
    progress.end();
    const local = hosts.find(({ uuid }) => uuid === session.hostUuid);
    if (local === undefined) {
      throw unavailableError("host-not-in-xapi", `XAPI knows no host ${session.hostUuid}`);
    }
    const getCoordinatorTimeAfter = (delayMs: number) =>
      new Date(coordinatorTime.getTime() + performance.now() - readAtMs + delayMs + COORDINATOR_TIME_RESOLUTION_MS);
    const runId = crypto.randomUUID();
    return await work({ session, local, hosts, runId, getCoordinatorTimeAfter });
  });
}
