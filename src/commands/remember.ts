import type { Remembered } from "../offload/boot.ts";
import { type Disabled, stateProblem } from "../offload/disable.ts";
import type { Keyword } from "../offload/features.ts";
import type { Result } from "../offload/result.ts";
import { remember } from "../state/remembered.ts";
import type { Chosen } from "./selection.ts";

/**
 * Keeps in mind what a run has turned off, for `persist`; that it could not be kept is one more
 * problem of the run. To be called with the lock held; `before` as for `remember`.
 */
export async function rememberDone(
  done: Disabled,
  { interfaces, wholeHost }: Chosen,
  keywords: readonly Keyword[],
  before?: Result<Remembered>,
): Promise<Disabled> {
  const remembered = await remember(interfaces, wholeHost, keywords, before);
  if (remembered.ok) return done;
  return { ...done, problems: [...done.problems, ...remembered.failures.map(stateProblem)] };
}
