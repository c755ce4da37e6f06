import type { CommandDef } from "citty";
import type { Invocation, Told } from "../cli/command.ts";
import { parseArguments } from "../cli/parse-args.ts";
import { reportingCommand } from "../cli/reporting.ts";
import { CONFIRM } from "../cli/specs/confirm.ts";
import { type Result, usage } from "../core/result.ts";
import { withDom0 } from "../host/open.ts";
import { confirmPending, scopeForPending } from "../host/pending/confirm.ts";
import { readPendingChange } from "../state/pending-change.ts";

/** `offload confirm`: keeps what `disable --confirm-within` has changed, and stores it. */
export function confirmCommand(invocation: Invocation): CommandDef {
  return reportingCommand(CONFIRM, invocation, confirm);
}

async function confirm({ rawArgs, interruption, call }: Invocation): Promise<Result<Told>> {
  const given = parseArguments(CONFIRM.args, rawArgs);
  if (!given.ok) return given;
  if (given.value.positionals.length > 0) {
    return usage("no-target-taken", "confirm takes no target: there is one pending change at most");
  }
  const pending = readPendingChange();
  const scope = scopeForPending(pending.ok ? (pending.value?.targets ?? []) : [], call);
  return await withDom0(interruption, scope, (dom0) =>
    interruption.protect((isStopped) =>
      confirmPending(call?.run ?? null, { dom0, call, command: "confirm", isStopped }),
    ),
  );
}
