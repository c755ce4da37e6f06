import type { OtherConfigWrite, OtherConfigWriteOutcome } from "../core/ports.ts";
import { formatCallError } from "./rpc/errors.ts";
import { forEachConcurrent } from "./rpc/for-each-concurrent.ts";
import type { CallError, CallResult } from "./rpc/reply.ts";

/** A call of XAPI within a session. */
type XapiCall = (method: string, ...params: readonly unknown[]) => Promise<CallResult>;

/**
 * After how many calls what they left in memory is collected. By itself the engine would wait until
 * there is much of it, on a host that has little memory to spare.
 */
const WRITES_PER_GC = 1000;

/**
 * Writes keys of `other_config`. Those of one object come one after the other, objects side by side.
 * As soon as XAPI is gone, or `isStopped` says so, the rest is left and reported as not attempted.
 */
export async function writeOtherConfigKeys<W extends OtherConfigWrite>(
  call: XapiCall,
  writes: readonly W[],
  isStopped: () => boolean,
  onOutcome: (outcome: OtherConfigWriteOutcome<W>) => void = () => {},
): Promise<readonly OtherConfigWriteOutcome<W>[]> {
  const outcomes = new Map<W, OtherConfigWriteOutcome<W>>();
  let unavailableReason: string | null = null;
  await forEachConcurrent(Map.groupBy(writes, ({ owner }) => owner.ref).values(), async (objectWrites) => {
    for (const write of objectWrites) {
      if (unavailableReason !== null || isStopped()) break;
      const { state, reason, isXapiDown } = await writeOtherConfigKey(call, write);
      const outcome: OtherConfigWriteOutcome<W> = { write, state, reason };
      outcomes.set(write, outcome);
      if (outcomes.size % WRITES_PER_GC === 0) Bun.gc(true);
      onOutcome(outcome);
      if (isXapiDown) unavailableReason = reason;
    }
  });
  return writes.map(
    (write): OtherConfigWriteOutcome<W> =>
      outcomes.get(write) ?? {
        write,
        state: "unattempted",
        reason: unavailableReason ?? "interrupted",
      },
  );
}

interface WriteResult extends Pick<OtherConfigWriteOutcome, "state" | "reason"> {
  readonly isXapiDown: boolean;
}

const WRITTEN: WriteResult = { state: "written", reason: "", isXapiDown: false };

/**
 * Remove then add, as xe does: adding a present key fails even with the value it has
 * (seen: MAP_DUPLICATE_KEY), removing an absent one succeeds.
 */
async function writeOtherConfigKey(call: XapiCall, { owner, key, from, to }: OtherConfigWrite): Promise<WriteResult> {
  if (from !== null) {
    const removed = await call(`${owner.class}.remove_from_other_config`, owner.ref, key);
    if (!removed.ok) return toFailedWrite(removed.error);
  }
  if (to === null) return WRITTEN;
  const added = await call(`${owner.class}.add_to_other_config`, owner.ref, key, to);
  if (added.ok) return WRITTEN;
  const failure = toFailedWrite(added.error);
  if (from === null) return failure;
  const reason = `its previous value ${JSON.stringify(from)} is gone; ${failure.reason}`;
  return { ...failure, state: "failed", reason };
}

/** Only a refusal is an end: XAPI may carry out later what it gave no answer to. */
function toFailedWrite(error: CallError): WriteResult {
  const isRefused = error.kind === "refused";
  return {
    state: isRefused ? "refused" : "failed",
    reason: formatCallError(error),
    isXapiDown: !isRefused,
  };
}
