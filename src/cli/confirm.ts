import { usageError } from "../core/command-error.ts";
import { askYesNo, isInteractive } from "../terminal/confirm.ts";
import { writeAll } from "../terminal/streams.ts";
import type { SignalHandler } from "./signals.ts";

/** What someone is to agree to. */
export interface ConfirmationPrompt {
  readonly question: string;
  /** Printed above the question. */
  readonly summary: string;
  /** Why this is asked at all, for a run without a terminal: half a sentence. */
  readonly refusal: string;
}

/**
 * Asks for a yes. Fails with `not-confirmed` where the answer is no or there is no terminal, and with
 * `cancelled` after Esc, Ctrl-D and Ctrl-C; by the last of these the process then ends.
 */
export async function requireConfirmation(
  { question, summary, refusal }: ConfirmationPrompt,
  signals: SignalHandler,
): Promise<void> {
  if (!isInteractive()) {
    const message = `${refusal}: stdin is not a terminal; pass --yes`;
    throw usageError("not-confirmed", message);
  }
  await writeAll("stderr", summary);
  const answer = await askYesNo(question, signals.abortSignal);
  if (answer === "interrupted") signals.handleSignal("SIGINT");
  if (answer === "cancelled" || answer === "interrupted") {
    throw usageError("cancelled", "cancelled; nothing was changed");
  }
  if (answer !== "yes") throw usageError("not-confirmed", "not confirmed; nothing was changed");
}
