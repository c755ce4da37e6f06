import type { CommandDef } from "citty";
import { inspectBoot } from "../boot/boot-layer.ts";
import { flagsAmong, type Invocation, type Outcome, outcomeOf, type Told } from "../cli/command.ts";
import {
  type PoolOptions,
  parseArguments,
  parsePool,
  passOptions,
  type Wanted,
  wantedOf,
} from "../cli/parse-args.ts";
import { reportingCommand } from "../cli/reporting.ts";
import type { Interruption } from "../cli/signals.ts";
import { VERIFY } from "../cli/specs/verify.ts";
import { bootReportOf } from "../core/boot-layer.ts";
import { exitCodeOf } from "../core/problem.ts";
import { reportOf } from "../core/report.ts";
import { type Result, success, usage } from "../core/result.ts";
import { survey } from "../core/targets/survey.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import {
  type PluginAnswer,
  pluginAnswer,
  pluginFailure,
  poolAnswer,
} from "../core/verify/nagios.ts";
import { withDom0Ahead } from "../host/open.ts";
import { type Chosen, choose, lookAhead, scopeOf } from "../host/selection.ts";
import { type VerifyOptions, verifyHost } from "../host/verify.ts";
import type { PoolCall } from "../plugin/pool-call.ts";
import { pendingReport, readPendingChange } from "../state/pending-change.ts";
import { readNetworkdDb } from "../xapi/networkd/database.ts";

/** Without targets it is about the policy of the whole host. */
interface VerifyRequest extends Wanted {
  readonly strict: boolean;
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** What other hosts are told of all this. */
  readonly flags: readonly string[];
}

/** `offload verify`: holds reality against the policy, or against "everything off". */
export function verifyCommand(invocation: Invocation): CommandDef {
  const work = async ({ rawArgs, interruption, call }: Invocation) => {
    const request = requestOf(rawArgs);
    if (!request.ok) return request;
    const { pool } = request.value;
    if (pool === null) return await verify(request.value, interruption, call);
    const { runOnPool } = await import("../pool/run.ts");
    return await runOnPool({ command: "verify", ...request.value, ...pool }, interruption);
  };
  return reportingCommand(VERIFY, invocation, work, outcome);
}

/** A plugin answers to a wrong command line in its own way, too. */
function outcome(told: Result<Told>, rawArgs: readonly string[]): Outcome {
  const flags = flagsAmong(rawArgs);
  if (!flags.some((word) => /^--nagios(?:=|$)/.test(word))) return outcomeOf(told);
  return { type: "line", ...nagiosAnswer(told, flags.includes("--strict")) };
}

function nagiosAnswer(told: Result<Told>, strict: boolean): PluginAnswer {
  if (!told.ok) return pluginFailure(told.failures);
  const { report } = told.value;
  return report.hosts === undefined
    ? pluginAnswer(report, strict)
    : poolAnswer(report.hosts, strict);
}

function requestOf(rawArgs: readonly string[]): Result<VerifyRequest> {
  const given = parseArguments(VERIFY.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const pool = parsePool(given.value);
  if (!pool.ok) return pool;
  if (given.value.flag("nagios") && given.value.flag("json")) {
    return usage("nagios-or-json", "--nagios and --json exclude each other");
  }
  return success({
    ...wanted.value,
    pool: pool.value,
    strict: given.value.flag("strict"),
    flags: passOptions(given.value, VERIFY.args, ["features", "strict"]),
  });
}

function verify(
  request: VerifyRequest,
  interruption: Interruption,
  call: PoolCall | null,
): Promise<Result<Told>> {
  const targets = request.targets.length > 0 ? request.targets : [WHOLE_HOST];
  return withDom0Ahead(
    interruption,
    scopeOf(targets, call),
    (kernel) => ({
      ahead: lookAhead(kernel, targets),
      boot: inspectBoot(),
      networkd: readNetworkdDb(),
      pending: readPendingChange(),
    }),
    async (dom0, { ahead, boot, networkd, pending }): Promise<Result<Told>> => {
      const chosen = await choose(dom0, targets);
      dom0.leaveXapi();
      if (!chosen.ok) return chosen;
      const view = survey(chosen.value.interfaces, dom0.kernel, ahead);
      if (!view.ok) return view;
      if (!boot.ok) return boot;
      const hasCarrier = (device: string) => dom0.kernel.hasCarrier(device);
      const found = verifyHost(
        { chosen: chosen.value, view: view.value, boot: boot.value, networkd, hasCarrier },
        optionsOf(request, chosen.value),
      );
      return success({
        report: reportOf("verify", {
          host: dom0.host,
          exitCode: exitCodeOf(found.problems, { strict: request.strict, changing: false }),
          ...found,
          boot: bootReportOf(boot.value),
          pending: pendingReport(pending),
        }),
      });
    },
  );
}

function optionsOf(request: VerifyRequest, { rule }: Chosen): VerifyOptions {
  const { features, named, strict, targets } = request;
  const isEverything = targets.length > 0 && (rule.nics || rule.vifs);
  const word = rule.nics && rule.vifs ? "ALL" : rule.nics ? "NICS" : "VIFS";
  return {
    ...{ features, named, strict },
    everything: isEverything,
    wholeHost: rule.nics || rule.vifs,
    words: rule.nics || rule.vifs ? [word] : [],
  };
}
