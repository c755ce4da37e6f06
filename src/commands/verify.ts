import type { CommandDef } from "citty";
import { inspectBootLayer } from "../boot/boot-layer.ts";
import {
  type CommandContext,
  type CommandOutcome,
  type CommandResult,
  cutAtDoubleDash,
  toCommandOutcome,
} from "../cli/command.ts";
import {
  formatForwardedOptions,
  type PoolOptions,
  parseArguments,
  parsePoolOptions,
  parseTargetsAndFeatures,
  type TargetsAndFeatures,
} from "../cli/parse-args.ts";
import { createReportingCommand } from "../cli/reporting.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { VERIFY } from "../cli/specs/verify.ts";
import { toBootReport } from "../core/boot-layer.ts";
import { attempt, CommandError, usageError } from "../core/command-error.ts";
import type { PoolCall } from "../core/pool-call.ts";
import { computeExitCode } from "../core/problem.ts";
import { createReport } from "../core/report.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import {
  createNagiosFailure,
  createNagiosPoolResult,
  createNagiosResult,
  type NagiosResult,
} from "../core/verify/nagios.ts";
import { withDom0AndReadAhead } from "../host/open.ts";
import { getReadScope, readAhead, type SelectedTargets, selectTargets } from "../host/selection.ts";
import { type VerifyOptions, verifyHost } from "../host/verify.ts";
import { readPendingChange, toPendingReport } from "../state/pending-change.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";

/** Without targets it is about the policy of the whole host. */
interface VerifyCommandRequest extends TargetsAndFeatures {
  readonly strict: boolean;
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** What other hosts are told of all this. */
  readonly flags: readonly string[];
}

/** `offload verify`: holds reality against the policy, or against "everything off". */
export function createVerifyCommand(context: CommandContext): CommandDef {
  const parseAndVerify = async ({ rawArgs, signals, call }: CommandContext) => {
    const request = parseVerifyRequest(rawArgs);
    const { pool } = request;
    if (pool === null) return await runVerify(request, signals, call);
    const { runOnPool } = await import("../pool/run.ts");
    return await runOnPool({ command: "verify", ...request, ...pool }, signals);
  };
  return createReportingCommand(VERIFY, context, parseAndVerify, toVerifyOutcome);
}

/** A plugin answers to a wrong command line in its own way, too. */
function toVerifyOutcome(result: CommandResult | CommandError, rawArgs: readonly string[]): CommandOutcome {
  const args = cutAtDoubleDash(rawArgs);
  if (!args.some((arg) => /^--nagios(?:=|$)/.test(arg))) return toCommandOutcome(result);
  return { type: "line", ...toNagiosAnswer(result, args.includes("--strict")) };
}

function toNagiosAnswer(result: CommandResult | CommandError, strict: boolean): NagiosResult {
  if (result instanceof CommandError) return createNagiosFailure(result.failures);
  const { report } = result;
  return report.hosts === undefined ? createNagiosResult(report, strict) : createNagiosPoolResult(report.hosts, strict);
}

function parseVerifyRequest(rawArgs: readonly string[]): VerifyCommandRequest {
  const args = parseArguments(VERIFY.args, rawArgs);
  const selection = parseTargetsAndFeatures(args);
  const pool = parsePoolOptions(args);
  if (args.flag("nagios") && args.flag("json")) {
    throw usageError("conflicting-options", "--nagios and --json exclude each other");
  }
  return {
    ...selection,
    pool,
    strict: args.flag("strict"),
    flags: formatForwardedOptions(args, VERIFY.args, ["features", "strict"]),
  };
}

function runVerify(
  request: VerifyCommandRequest,
  signals: SignalHandler,
  call: PoolCall | null,
): Promise<CommandResult> {
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

function toVerifyOptions(request: VerifyCommandRequest, { groups }: SelectedTargets): VerifyOptions {
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
