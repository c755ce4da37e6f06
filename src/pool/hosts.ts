import type { Interruption } from "../cli/signals.ts";
import { type Result, unavailable } from "../core/result.ts";
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
  readonly run: string;
  /** The coordinator's time in so many milliseconds from now. */
  timeAfter(milliseconds: number): Date;
}

/** XAPI tells its time in whole seconds: what it says may be nearly one old. */
const RESOLUTION_MS = 1000;

/** Opens the pool, hands it to the work, and logs out again. */
export function withPool<T>(
  interruption: Interruption,
  work: (pool: Pool) => Promise<Result<T>>,
): Promise<Result<T>> {
  return withSession(interruption, async (session) => {
    progress.begin("reading the hosts of the pool");
    const [hosts, time] = await Promise.all([session.residentVms(), session.serverTime()]);
    const readAt = performance.now();
    progress.end();
    if (!hosts.ok) return hosts;
    if (!time.ok) return time;
    const local = hosts.value.find(({ uuid }) => uuid === session.hostUuid);
    if (local === undefined) {
      return unavailable("host-unknown-to-xapi", `XAPI knows no host ${session.hostUuid}`);
    }
    const timeAfter = (milliseconds: number) =>
      new Date(time.value.getTime() + performance.now() - readAt + milliseconds + RESOLUTION_MS);
    const run = crypto.randomUUID();
    return await work({ session, local, hosts: hosts.value, run, timeAfter });
  });
}
