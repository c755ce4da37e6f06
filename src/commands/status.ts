import { inspectBootLayer } from "../boot/boot-layer.ts";
import { type CommandResult, defineOffloadCommand } from "../cli/command.ts";
import { formatForwardedOptions, parsePoolOptions, parseTargetsAndFeatures } from "../cli/options.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { STATUS } from "../cli/specs/status.ts";
import { formatThirdPartyFile, toBootReport } from "../core/boot-layer.ts";
import { attempt, CommandError } from "../core/command-error.ts";
import type { Feature } from "../core/features.ts";
import type { PoolCall } from "../core/pool-call.ts";
import { EXIT_CODES, type Note, type Problem } from "../core/problem.ts";
import { createReport } from "../core/report.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import { evaluateInterfaces } from "../core/verify/evaluate-interfaces.ts";
import { type Dom0, toXapiProblems, withDom0AndReadAhead } from "../host/open.ts";
import { getReadScope, readAhead, selectTargetsWithFallback, selectWholeHost } from "../host/selection.ts";
import { findNetworkdNotes } from "../host/verify.ts";
import { readPendingChange, toPendingReport } from "../state/pending-change.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";

/** `offload status`: the whole picture, live and in XAPI, without evaluating it. */
export const statusCommand = defineOffloadCommand("status", STATUS, async (args, { signals, call }) => {
  const { targets, features } = parseTargetsAndFeatures(args);
  const pool = parsePoolOptions(args);
  if (pool === null) return await runStatus(targets, features, signals, call);
  const { runOnPool } = await import("../pool/run.ts");
  const flags = formatForwardedOptions(args, STATUS.args, ["features", "all"]);
  return await runOnPool({ command: "status", targets, flags, ...pool }, signals);
});

function runStatus(
  targets: readonly TargetRequest[],
  features: readonly Feature[],
  signals: SignalHandler,
  call: PoolCall | null,
): Promise<CommandResult> {
  return withDom0AndReadAhead(
    signals,
    getReadScope(targets, call),
    (kernel) => ({
      prefetched: readAhead(kernel, targets.length > 0 ? targets : [WHOLE_HOST]),
      boot: attempt(inspectBootLayer),
      networkd: attempt(readNetworkdDb),
    }),
    async (dom0, { prefetched, boot, networkd }): Promise<CommandResult> => {
      const selected =
        targets.length > 0 ? await selectTargetsWithFallback(dom0, targets) : await selectWholeHost(dom0);
      dom0.closeXapi();
      const snapshot = readInterfaceFeatures(selected.interfaces, dom0.kernel, prefetched ?? selected.initialSnapshot);
      const evaluation = evaluateInterfaces(selected.interfaces, snapshot, {
        features,
        includesSettings: dom0.xapi.isKnown,
      });
      const problems = [...selected.problems, ...listReadProblems(dom0, evaluation.problems)];
      if (boot instanceof CommandError) throw boot;
      const report = createReport("status", {
        host: dom0.host,
        exitCode: problems.length > 0 ? EXIT_CODES.unavailable : EXIT_CODES.success,
        devices: evaluation.devices,
        problems,
        notes: [
          ...selected.notes,
          ...findNetworkdNotes(selected, snapshot, networkd),
          ...boot.thirdParty.map((file): Note => ({ code: "boot-third-party", message: formatThirdPartyFile(file) })),
        ],
        boot: toBootReport(boot),
        pending: toPendingReport(attempt(readPendingChange)),
      });
      return { report };
    },
  );
}

const READ_PROBLEMS: ReadonlySet<Problem["code"]> = new Set([
  "device-missing",
  "device-unreadable",
  "domain-mismatch",
  "xenstore-unavailable",
]);

/** Whether a problem is that something could not be seen. */
export function isReadProblem({ code }: Problem): boolean {
  return READ_PROBLEMS.has(code);
}

/** What could not be seen; this command gives no verdict on it. */
function listReadProblems({ xapi }: Dom0, problems: readonly Problem[]): readonly Problem[] {
  return [...toXapiProblems(xapi), ...problems.filter(isReadProblem)];
}
