import type { CommandDef } from "citty";
import { type CommandContext, parseOutputOptions } from "../cli/command.ts";
import {
  formatForwardedOptions,
  type PoolOptions,
  parseArguments,
  parseConfirmWithinSeconds,
  parsePoolOptions,
  parseRolling,
  parseTargetsAndFeatures,
  parseWaitSeconds,
} from "../cli/parse-args.ts";
import { createReportingCommand } from "../cli/reporting.ts";
import { DISABLE } from "../cli/specs/disable.ts";
import { type Result, success, usageFailure } from "../core/result.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import { type HostDisableRequest, runDisable } from "../host/disable.ts";
import type { PoolRun } from "../pool/run.ts";

interface DisableCommandRequest extends HostDisableRequest {
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
  /** What other hosts are told of all this. */
  readonly flags: readonly string[];
}

/** `offload disable`: turns features off, in the kernel and in XAPI's records. */
export function createDisableCommand(context: CommandContext): CommandDef {
  return createReportingCommand(DISABLE, context, async ({ rawArgs, signals, call }) => {
    const request = parseDisableRequest(rawArgs);
    if (!request.ok) return request;
    const { isPicked, pool, features } = request.value;
    if (pool !== null) {
      const { runOnPool } = await import("../pool/run.ts");
      return await runOnPool(createPoolRun(request.value, pool), signals);
    }
    if (!isPicked) return await runDisable(request.value, { signals, call });
    const { pickTargetsAndFeatures } = await import("../host/pick.ts");
    const picked = await pickTargetsAndFeatures(features, parseOutputOptions(rawArgs), signals);
    return picked.ok ? await runDisable({ ...request.value, ...picked.value }, { signals, call }) : picked;
  });
}

function createPoolRun(request: DisableCommandRequest, { timeoutSeconds }: PoolOptions): PoolRun {
  const { targets, flags, yes, dryRun, rolling, confirmWithinSeconds } = request;
  return {
    command: "disable",
    targets: targets.length > 0 ? targets : [WHOLE_HOST],
    ...{ flags, yes, dryRun, rolling, timeoutSeconds },
    confirmWithinSeconds,
    isChange: true,
    question: "Turn these offloads off",
  };
}

function parseDisableRequest(rawArgs: readonly string[]): Result<DisableCommandRequest> {
  const args = parseArguments(DISABLE.args, rawArgs);
  if (!args.ok) return args;
  const selection = parseTargetsAndFeatures(args.value);
  if (!selection.ok) return selection;
  const waitSeconds = parseWaitSeconds(args.value);
  if (!waitSeconds.ok) return waitSeconds;
  const confirmWithinSeconds = parseConfirmWithinSeconds(args.value);
  if (!confirmWithinSeconds.ok) return confirmWithinSeconds;
  if (confirmWithinSeconds.value > 0 && args.value.flag("live-only")) {
    return usageFailure(
      "conflicting-options",
      "--confirm-within and --live-only exclude each other: a confirmed change is stored",
    );
  }
  const pool = parsePoolOptions(args.value, waitSeconds.value);
  if (!pool.ok) return pool;
  const isPicked = args.value.flag("pick");
  if (isPicked && selection.value.targets.length > 0) {
    return usageFailure("unexpected-target", "--pick shows a list to choose from; name no target with it");
  }
  const rolling = parseRolling(args.value, pool.value);
  if (!rolling.ok) return rolling;
  if (rolling.value && confirmWithinSeconds.value > 0) {
    return usageFailure(
      "conflicting-options",
      "--rolling and --confirm-within exclude each other: one answer is for all hosts at once",
    );
  }
  if (isPicked && pool.value !== null) {
    return usageFailure("conflicting-options", "--pick is about this host, and --pool about all; say one of them");
  }
  if (!isPicked && pool.value === null && selection.value.targets.length === 0) {
    return usageFailure(
      "missing-target",
      "nothing named to work on; name VMs, PIFs or VIFs, or ALL for the whole host",
    );
  }
  return success({
    ...selection.value,
    isPicked,
    yes: args.value.flag("yes"),
    dryRun: args.value.flag("dry-run"),
    store: !args.value.flag("live-only"),
    persist: null,
    confirmWithinSeconds: confirmWithinSeconds.value,
    waitSeconds: waitSeconds.value,
    pool: pool.value,
    rolling: rolling.value,
    flags: formatForwardedOptions(args.value, DISABLE.args, ["features", "live-only", "wait"]),
  });
}
