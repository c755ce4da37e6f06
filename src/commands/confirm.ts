import type { CommandDef } from "citty";
import { disableReport } from "../offload/disable.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { parseArguments } from "./arguments.ts";
import { CONFIRM } from "./definition/confirm.ts";
import { withDom0 } from "./dom0.ts";
import type { Invocation, Told } from "./invocation.ts";
import { reportingCommand } from "./reporting.ts";
import { keepTrial } from "./trial.ts";

/** `offload confirm`: keeps what `disable --confirm-within` has put on trial, and records it. */
export function confirmCommand(invocation: Invocation): CommandDef {
  return reportingCommand(CONFIRM, invocation, keep);
}

async function keep({ rawArgs, interruption }: Invocation): Promise<Result<Told>> {
  const given = parseArguments(CONFIRM.args, rawArgs);
  if (!given.ok) return given;
  if (given.value.positionals.length > 0) {
    return usage("no-target-taken", "confirm takes no target: there is one trial at most");
  }
  return await withDom0(interruption, async (dom0): Promise<Result<Told>> => {
    const kept = await interruption.protect(() => keepTrial(dom0, null));
    if (!kept.ok) return kept;
    const { done, keywords, notes } = kept.value;
    const concerned = { host: dom0.host, keywords, record: true, notes };
    return success({ report: disableReport("confirm", done, concerned) });
  });
}
