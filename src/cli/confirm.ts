import { type Result, success, usage } from "../core/result.ts";
import { canAsk, confirm } from "../terminal/confirm.ts";
import { writeOut } from "../terminal/streams.ts";
import type { Interruption } from "./signals.ts";

/** What somebody is to agree to. */
export interface Proposal {
  readonly question: string;
  /** Printed above the question. */
  readonly summary: string;
  /** Why this is asked at all, for whoever cannot be asked: half a sentence. */
  readonly unasked: string;
}

/**
 * Asks for a yes. Fails with `not-confirmed` where the answer is no or nobody can be asked, and with
 * `cancelled` after Ctrl-C, by which the process then ends.
 */
export async function agree(
  { question, summary, unasked }: Proposal,
  interruption: Interruption,
): Promise<Result<void>> {
  if (!canAsk()) {
    const message = `${unasked}, and nobody can be asked here; confirm with --yes`;
    return usage("not-confirmed", message);
  }
  await writeOut("stderr", summary);
  const answer = await confirm(question, interruption.abortSignal);
  if (answer === "cancelled") {
    interruption.raise("SIGINT");
    return usage("cancelled", "cancelled; nothing was changed");
  }
  return answer === "yes"
    ? success(undefined)
    : usage("not-confirmed", "not confirmed; nothing was changed");
}
