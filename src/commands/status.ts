import type { CommandDef } from "citty";
import { inspectBootLayer } from "../boot/boot-layer.ts";
import type { CommandContext, CommandResult } from "../cli/command.ts";
import {
  formatForwardedOptions,
  parseArguments,
  parsePoolOptions,
  parseTargetsAndFeatures,
} from "../cli/parse-args.ts";
import { createReportingCommand } from "../cli/reporting.ts";
import { STATUS } from "../cli/specs/status.ts";
import { toBootReport } from "../core/boot-layer.ts";
import { EXIT_CODES, type Problem } from "../core/problem.ts";
import { createReport } from "../core/report.ts";
import { type Result, success } from "../core/result.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import { evaluateInterfaces } from "../core/verify/evaluate-interfaces.ts";
import { type Dom0, toXapiProblems, withDom0AndReadAhead } from "../host/open.ts";
import { getReadScope, readAhead, selectTargetsWithFallback, selectWholeHost } from "../host/selection.ts";
import { findNetworkdNotes } from "../host/verify.ts";
import { readPendingChange, toPendingReport } from "../state/pending-change.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";

/** `offload status`: the whole picture, live and in XAPI, without a verdict. */
export function createStatusCommand(context: CommandContext): CommandDef {
  return createReportingCommand(STATUS, context, runStatus);
}

async function runStatus({ rawArgs, signals, call }: CommandContext): Promise<Result<CommandResult>> {
  const args = parseArguments(STATUS.args, rawArgs);
  if (!args.ok) return args;
  const selection = parseTargetsAndFeatures(args.value);
  if (!selection.ok) return selection;
  const pool = parsePoolOptions(args.value);
  if (!pool.ok) return pool;
  const { targets, features } = selection.value;
  if (pool.value !== null) {
    const { runOnPool } = await import("../pool/run.ts");
    const flags = formatForwardedOptions(args.value, STATUS.args, ["features"]);
    return await runOnPool({ command: "status", targets, flags, ...pool.value }, signals);
  }
  return withDom0AndReadAhead(
    signals,
    getReadScope(targets, call),
    (kernel) => ({
      prefetched: readAhead(kernel, targets.length > 0 ? targets : [WHOLE_HOST]),
      boot: inspectBootLayer(),
      networkd: readNetworkdDb(),
    }),
    async (dom0, { prefetched, boot, networkd }): Promise<Result<CommandResult>> => {
      const selected =
        targets.length > 0 ? await selectTargetsWithFallback(dom0, targets) : await selectWholeHost(dom0);
      dom0.closeXapi();
      if (!selected.ok) return selected;
      const snapshot = readInterfaceFeatures(
        selected.value.interfaces,
        dom0.kernel,
        prefetched ?? selected.value.initialSnapshot,
      );
      if (!snapshot.ok) return snapshot;
      const evaluation = evaluateInterfaces(selected.value.interfaces, snapshot.value, {
        features,
        includesSettings: dom0.xapi.isKnown,
      });
      const problems = [...selected.value.problems, ...listReadProblems(dom0, evaluation.problems)];
      if (!boot.ok) return boot;
      const report = createReport("status", {
        host: dom0.host,
        exitCode: problems.length > 0 ? EXIT_CODES.unavailable : EXIT_CODES.success,
        devices: evaluation.devices,
        problems,
        notes: [...selected.value.notes, ...findNetworkdNotes(selected.value, snapshot.value, networkd)],
        boot: toBootReport(boot.value),
        pending: toPendingReport(readPendingChange()),
      });
      return success({ report });
    },
  );
}

/** Whether a problem is that something could not be seen. */
export function isReadProblem({ code }: Problem): boolean {
  return code === "device-missing" || code === "device-unreadable" || code === "domain-mismatch";
}

/** What could not be seen; this command gives no verdict on it. */
function listReadProblems({ xapi }: Dom0, problems: readonly Problem[]): readonly Problem[] {
  return [...toXapiProblems(xapi), ...problems.filter(isReadProblem)];
}
