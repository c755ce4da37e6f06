import { defineOffloadCommand } from "../cli/command.ts";
import { CONFIRM } from "../cli/specs/confirm.ts";
import { attempt, CommandError, usageError } from "../core/command-error.ts";
import { withDom0 } from "../host/open.ts";
import { confirmPending, getPendingScope } from "../host/pending/confirm.ts";
import { readPendingChange } from "../state/pending-change.ts";

/** `offload confirm`: keeps what `disable --confirm-within` has changed, and stores it. */
export const confirmCommand = defineOffloadCommand("confirm", CONFIRM, async ({ positionals }, { signals, call }) => {
  if (positionals.length > 0) {
    throw usageError("unexpected-target", "confirm takes no target: there is one pending change at most");
  }
  const pending = attempt(readPendingChange);
  const targets = pending === null || pending instanceof CommandError ? [] : pending.targets;
  return await withDom0(signals, getPendingScope(targets, call), (dom0) =>
    signals.runUninterrupted((isStopped) =>
      confirmPending(call?.runId ?? null, { dom0, call, command: "confirm", isStopped }),
    ),
  );
});
