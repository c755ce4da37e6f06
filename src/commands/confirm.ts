import type { CommandDef } from "citty";
import { type Result, usage } from "../offload/result.ts";
import { readPendingChange } from "../state/pending-change.ts";
import { parseArguments } from "./arguments.ts";
import { confirmPending, scopeForPending } from "./confirm-pending.ts";
import { CONFIRM } from "./definition/confirm.ts";
import { withDom0 } from "./dom0.ts";
import type { Invocation, Told } from "./invocation.ts";
import { reportingCommand } from "./reporting.ts";

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
