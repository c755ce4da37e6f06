import type { CommandDef } from "citty";
import { EXIT, type Problem } from "../offload/problem.ts";
import { reportOf } from "../offload/report.ts";
import { type Result, success } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import { WHOLE_HOST } from "../offload/targets.ts";
import { judge } from "../offload/verdict.ts";
import { inspectBoot } from "../persistence/boot-layer.ts";
import { parseArguments, poolOf, wantedOf } from "./arguments.ts";
import { STATUS } from "./definition/status.ts";
import { type Dom0, silenceProblems, withDom0Ahead } from "./dom0.ts";
import type { Invocation, Told } from "./invocation.ts";
import { reportingCommand } from "./reporting.ts";
import { chooseWholeHost, chooseWithoutXapi, lookAhead } from "./selection.ts";

/** `offload status`: the whole picture, live and recorded, without judging. */
export function statusCommand(invocation: Invocation): CommandDef {
  return reportingCommand(STATUS, invocation, status);
}

async function status({ rawArgs, interruption }: Invocation): Promise<Result<Told>> {
  const given = parseArguments(STATUS.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const pool = poolOf(given.value);
  if (!pool.ok) return pool;
  const { targets, keywords } = wanted.value;
  if (pool.value !== null) {
    const { statusPool } = await import("./pool/status.ts");
    return await statusPool(wanted.value, pool.value, interruption);
  }
  return withDom0Ahead(
    interruption,
    (kernel) => ({
      ahead: lookAhead(kernel, targets.length > 0 ? targets : [WHOLE_HOST]),
      boot: inspectBoot(),
    }),
    async (dom0, { ahead, boot }): Promise<Result<Told>> => {
      dom0.leaveXapi();
      const chosen = targets.length > 0 ? chooseWithoutXapi(dom0, targets) : chooseWholeHost(dom0);
      if (!chosen.ok) return chosen;
      const view = survey(chosen.value.interfaces, dom0.kernel, ahead ?? chosen.value.seen);
      if (!view.ok) return view;
      const judged = judge(chosen.value.interfaces, view.value, {
        keywords,
        records: dom0.records.known,
      });
      const problems = unseen(dom0, judged.problems);
      if (!boot.ok) return boot;
      const report = reportOf("status", {
        host: dom0.host,
        exitCode: problems.length > 0 ? EXIT.unavailable : EXIT.done,
        devices: judged.devices,
        problems,
        notes: chosen.value.notes,
        boot: boot.value,
      });
      return success({ report });
    },
  );
}

/** Whether a problem is that something could not be seen. */
export function isUnread({ code }: Problem): boolean {
  return code === "device-missing" || code === "device-unreadable" || code === "domain-changed";
}

/** What could not be seen; how it looks is not for this command to judge. */
function unseen({ records }: Dom0, problems: readonly Problem[]): readonly Problem[] {
  return [...silenceProblems(records), ...problems.filter(isUnread)];
}
