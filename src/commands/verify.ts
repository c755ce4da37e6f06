import { inspectBootLayer } from "../boot/boot-layer.ts";
import { type CommandResult, defineOffloadCommand } from "../cli/command.ts";
import {
  formatForwardedOptions,
  parsePoolOptions,
  parseTargetsAndFeatures,
  type TargetsAndFeatures,
} from "../cli/options.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { VERIFY } from "../cli/specs/verify.ts";
import { toBootReport } from "../core/boot-layer.ts";
import { attempt, CommandError, usageError } from "../core/command-error.ts";
import type { PoolCall } from "../core/pool-call.ts";
import { computeExitCode } from "../core/problem.ts";
import { createReport } from "../core/report.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import { withDom0AndReadAhead } from "../host/open.ts";
import { getReadScope, readAhead, type SelectedTargets, selectTargets } from "../host/selection.ts";
import { readOtherSettings, type VerifyOptions, verifyHost } from "../host/verify.ts";
import { readNetworkBackend } from "../kernel/software.ts";
import { readPendingChange, toPendingReport } from "../state/pending-change.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";

/** What is to be verified. Without targets it is the policy of the whole host. */
interface VerifyRequest extends TargetsAndFeatures {
  readonly strict: boolean;
}

/** `offload verify`: holds reality against the policy, or against "everything off". */
export const verifyCommand = defineOffloadCommand("verify", VERIFY, async (args, { signals, call }) => {
  const request: VerifyRequest = { ...parseTargetsAndFeatures(args), strict: args.flag("strict") };
  const pool = parsePoolOptions(args);
  const formats = (["nagios", "prometheus", "json"] as const).filter((format) => args.flag(format));
  if (formats.length > 1) {
    const [first, second] = formats;
    throw usageError("conflicting-options", `--${first} and --${second} exclude each other`);
  }
  if (args.flag("prometheus") && pool !== null) {
    throw usageError("conflicting-options", "--prometheus is about one host: let each host of the pool write its own");
  }
  if (pool === null) return await runVerify(request, signals, call);
  const { runOnPool } = await import("../pool/run.ts");
  const flags = formatForwardedOptions(args, VERIFY.args, ["features", "strict"]);
  return await runOnPool({ command: "verify", ...request, flags, ...pool }, signals);
});

function runVerify(request: VerifyRequest, signals: SignalHandler, call: PoolCall | null): Promise<CommandResult> {
  const targets = request.targets.length > 0 ? request.targets : [WHOLE_HOST];
  return withDom0AndReadAhead(
    signals,
    getReadScope(targets, call),
    (kernel) => ({
      prefetched: readAhead(kernel, targets),
      boot: attempt(inspectBootLayer),
      networkd: attempt(readNetworkdDb),
      pending: attempt(readPendingChange),
    }),
    async (dom0, { prefetched, boot, networkd, pending }): Promise<CommandResult> => {
      const selected = await selectTargets(dom0, targets);
      const otherSettings = await readOtherSettings(selected, readNetworkBackend());
      dom0.closeXapi();
      const snapshot = readInterfaceFeatures(selected.interfaces, dom0.kernel, prefetched);
      if (boot instanceof CommandError) throw boot;
      const hasCarrier = (device: string) => dom0.kernel.hasCarrier(device);
      const findings = verifyHost(
        {
          selected,
          snapshot,
          boot,
          networkd,
          hasCarrier,
          otherSettings,
        },
        toVerifyOptions(request, selected),
      );
      return {
        report: createReport("verify", {
          host: dom0.host,
          exitCode: computeExitCode(findings.problems, { strict: request.strict, changing: false }),
          ...findings,
          boot: toBootReport(boot),
          pending: toPendingReport(pending),
        }),
      };
    },
  );
}

function toVerifyOptions(request: VerifyRequest, { groups }: SelectedTargets): VerifyOptions {
  const { features, hasExplicitFeatures, strict, targets } = request;
  const isEverything = targets.length > 0 && (groups.nics || groups.vifs);
  const targetWord = groups.nics && groups.vifs ? "ALL" : groups.nics ? "NICS" : "VIFS";
  return {
    ...{ features, hasExplicitFeatures, strict },
    hasGroupTarget: isEverything,
    isWholeHost: groups.nics || groups.vifs,
    targetWords: groups.nics || groups.vifs ? [targetWord] : [],
  };
}
