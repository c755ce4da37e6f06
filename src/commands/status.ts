import type { CommandDef } from "citty";
import { inspectBoot } from "../boot/boot-layer.ts";
import type { Invocation, Told } from "../cli/command.ts";
import { parseArguments, parsePool, passOptions, wantedOf } from "../cli/parse-args.ts";
import { reportingCommand } from "../cli/reporting.ts";
import { STATUS } from "../cli/specs/status.ts";
import { bootReportOf } from "../core/boot-layer.ts";
import { EXIT, type Problem } from "../core/problem.ts";
import { reportOf } from "../core/report.ts";
import { type Result, success } from "../core/result.ts";
import { survey } from "../core/targets/survey.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import { judge } from "../core/verify/verdict.ts";
import { type Dom0, silenceProblems, withDom0Ahead } from "../host/open.ts";
import { chooseWholeHost, chooseWithoutXapi, lookAhead, scopeOf } from "../host/selection.ts";
import { networkdNotes } from "../host/verify.ts";
import { pendingReport, readPendingChange } from "../state/pending-change.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";

/** `offload status`: the whole picture, live and recorded, without judging. */
export function statusCommand(invocation: Invocation): CommandDef {
  return reportingCommand(STATUS, invocation, status);
}

async function status({ rawArgs, interruption, call }: Invocation): Promise<Result<Told>> {
  const given = parseArguments(STATUS.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const pool = parsePool(given.value);
  if (!pool.ok) return pool;
  const { targets, features } = wanted.value;
  if (pool.value !== null) {
    const { runOnPool } = await import("../pool/run.ts");
    const flags = passOptions(given.value, STATUS.args, ["features"]);
    return await runOnPool({ command: "status", targets, flags, ...pool.value }, interruption);
  }
  return withDom0Ahead(
    interruption,
    scopeOf(targets, call),
    (kernel) => ({
      ahead: lookAhead(kernel, targets.length > 0 ? targets : [WHOLE_HOST]),
      boot: inspectBoot(),
      networkd: readNetworkdDb(),
    }),
    async (dom0, { ahead, boot, networkd }): Promise<Result<Told>> => {
      const chosen =
        targets.length > 0 ? await chooseWithoutXapi(dom0, targets) : await chooseWholeHost(dom0);
      dom0.leaveXapi();
      if (!chosen.ok) return chosen;
      const view = survey(chosen.value.interfaces, dom0.kernel, ahead ?? chosen.value.seen);
      if (!view.ok) return view;
      const judged = judge(chosen.value.interfaces, view.value, {
        keywords: features,
        records: dom0.records.known,
      });
      const problems = [...chosen.value.problems, ...unseen(dom0, judged.problems)];
      if (!boot.ok) return boot;
      const report = reportOf("status", {
        host: dom0.host,
        exitCode: problems.length > 0 ? EXIT.unavailable : EXIT.done,
        devices: judged.devices,
        problems,
        notes: [...chosen.value.notes, ...networkdNotes(chosen.value, view.value, networkd)],
        boot: bootReportOf(boot.value),
        pending: pendingReport(readPendingChange()),
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
