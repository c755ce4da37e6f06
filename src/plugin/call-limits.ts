import { unavailableError, usageError } from "../core/command-error.ts";
import type { XapiSession } from "../xapi/rpc/session.ts";

/** What says whether a call is still wanted. */
export interface CallLimits {
  /** UUID of the caller's session: it logs out when it gives up. */
  readonly session: string;
  /** In the coordinator's time. It holds where the caller was killed, and its session stays. */
  readonly deadline: Date;
}

/** Looks at both guards of a call, through a session of this host's own. */
export async function checkCallLimits(
  ownSession: Pick<XapiSession, "isSessionOpen" | "readCoordinatorTime">,
  { session, deadline }: CallLimits,
): Promise<void> {
  const [isOpen, now] = await Promise.all([ownSession.isSessionOpen(session), ownSession.readCoordinatorTime()]);
  if (!isOpen) throw usageError("call-abandoned", "the caller has given up on this call");
  if (now > deadline) {
    throw unavailableError("call-expired", "this call came, or lasted, beyond the time that it was given");
  }
}
