import type { Host, Inventory } from "../../offload/inventory.ts";
import { type Result, success, usage } from "../../offload/result.ts";
import { isWholeHost, resolveTargets, type TargetRequest } from "../../offload/targets.ts";
import { progress } from "../../terminal/progress.ts";
import { type PoolHost, readHosts } from "../../xapi/pool.ts";
import type { XapiSession } from "../../xapi/session.ts";
import { withSession } from "../dom0.ts";
import type { Interruption } from "../interruption.ts";

/** The pool that this host is in, opened for a command. */
export interface Pool {
  readonly session: XapiSession;
  /** The host that the command was given on. */
  readonly home: Host;
  readonly hosts: readonly PoolHost[];
  readonly inventory: Inventory;
  /** How long a host may take to answer, in seconds. */
  readonly patience: number;
  /** Aborted when a signal comes: nobody waits for an answer any more. */
  readonly signal: AbortSignal;
}

/** Opens the pool, hands it to the work, and logs out again. */
export function withPool<T>(
  interruption: Interruption,
  patience: number,
  work: (pool: Pool) => Promise<Result<T>>,
): Promise<Result<T>> {
  return withSession(interruption, async (session) => {
    progress.begin("reading XAPI's inventory");
    const read = await Promise.all([session.inventory(), readHosts(session)]);
    progress.end();
    const [inventory, hosts] = read;
    if (!inventory.ok) return inventory;
    if (!hosts.ok) return hosts;
    return await work({
      session,
      home: inventory.value.host,
      hosts: hosts.value,
      inventory: inventory.value,
      patience,
      signal: interruption.abortSignal,
    });
  });
}

/** `--pool` is about all that there is: the only target beside it is ALL. */
export function wholePool(targets: readonly TargetRequest[]): Result<void> {
  return targets.every(isWholeHost)
    ? success(undefined)
    : usage(
        "pool-takes-all",
        "--pool is about every host and every VM; name ALL or nothing with it",
      );
}

/** Whether ALL is what it says: a VM may be called so. */
export function checkTargets(
  targets: readonly TargetRequest[],
  inventory: Inventory,
): Result<void> {
  const resolved = resolveTargets(targets, inventory);
  return resolved.ok ? success(undefined) : resolved;
}
