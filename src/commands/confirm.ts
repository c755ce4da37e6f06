import type { CommandDef } from "citty";
import type { CommandContext, CommandResult } from "../cli/command.ts";
import { parseArguments } from "../cli/parse-args.ts";
import { createReportingCommand } from "../cli/reporting.ts";
import { CONFIRM } from "../cli/specs/confirm.ts";
import { attempt, CommandError, usageError } from "../core/command-error.ts";
import { withDom0 } from "../host/open.ts";
import { confirmPending, getPendingScope } from "../host/pending/confirm.ts";
import { readPendingChange } from "../state/pending-change.ts";

/** `offload confirm`: keeps what `disable --confirm-within` has changed, and stores it. */
export function createConfirmCommand(context: CommandContext): CommandDef {
  return createReportingCommand(CONFIRM, context, runConfirm);
}

async function runConfirm({ rawArgs, signals, call }: CommandContext): Promise<CommandResult> {
  const args = parseArguments(CONFIRM.args, rawArgs);
  if (args.positionals.length > 0) {
    throw usageError("unexpected-target", "confirm takes no target: there is one pending change at most");
  }
  const pending = attempt(readPendingChange);
  const targets = pending === null || pending instanceof CommandError ? [] : pending.targets;
  const scope = getPendingScope(targets, call);
  return await withDom0(signals, scope, (dom0) =>
    signals.runUninterrupted((isStopped) =>
      confirmPending(call?.runId ?? null, { dom0, call, command: "confirm", isStopped }),
    ),
  );
}
