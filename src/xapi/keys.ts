import type { KeyOutcome, KeyWrite } from "../core/ports.ts";
import { sentenceOf } from "./rpc/errors.ts";
import type { CallError } from "./rpc/reply.ts";
import type { XapiSession } from "./rpc/session.ts";
import { sideBySide } from "./rpc/side-by-side.ts";

/**
 * After how many calls what they left in memory is collected. By itself the engine would wait until
 * there is much of it, on a host that has little memory to spare.
 */
const TIDY_UP = 1000;

/**
 * Writes keys of `other_config`. Those of one object come one after the other, objects side by side.
 * As soon as XAPI is gone, or `isStopped` says so, the rest is left and reported as not attempted.
 */
export async function writeKeys<W extends KeyWrite>(
  session: XapiSession,
  writes: readonly W[],
  isStopped: () => boolean,
  told: (outcome: KeyOutcome<W>) => void = () => {},
): Promise<readonly KeyOutcome<W>[]> {
  const outcomes = new Map<W, KeyOutcome<W>>();
  let gone: string | null = null;
  await sideBySide(Map.groupBy(writes, ({ owner }) => owner.ref).values(), async (own) => {
    for (const write of own) {
      if (gone !== null || isStopped()) break;
      const { state, because, isGone } = await writeKey(session, write);
      const outcome: KeyOutcome<W> = { write, state, because };
      outcomes.set(write, outcome);
      if (outcomes.size % TIDY_UP === 0) Bun.gc(true);
      told(outcome);
      if (isGone) gone = because;
    }
  });
  return writes.map(
    (write): KeyOutcome<W> =>
      outcomes.get(write) ?? { write, state: "unattempted", because: gone ?? "interrupted" },
  );
}

interface KeyWritten extends Pick<KeyOutcome, "state" | "because"> {
  readonly isGone: boolean;
}

const WRITTEN: KeyWritten = { state: "written", because: "", isGone: false };

/**
 * Remove then add, as xe does: adding a present key fails even with the value it has
 * (recorded: MAP_DUPLICATE_KEY), removing an absent one succeeds.
 */
async function writeKey(
  session: XapiSession,
  { owner, key, from, to }: KeyWrite,
): Promise<KeyWritten> {
  if (from !== null) {
    const removed = await session.call(`${owner.class}.remove_from_other_config`, owner.ref, key);
    if (!removed.ok) return notWritten(removed.error);
  }
  if (to === null) return WRITTEN;
  const added = await session.call(`${owner.class}.add_to_other_config`, owner.ref, key, to);
  if (added.ok) return WRITTEN;
  const failure = notWritten(added.error);
  if (from === null) return failure;
  const because = `its previous value ${JSON.stringify(from)} is gone; ${failure.because}`;
  return { ...failure, state: "failed", because };
}

/** Only a refusal is an end: XAPI may carry out later what it gave no answer to. */
function notWritten(error: CallError): KeyWritten {
  const isRefused = error.kind === "refused";
  return {
    state: isRefused ? "refused" : "failed",
    because: sentenceOf(error),
    isGone: !isRefused,
  };
}
