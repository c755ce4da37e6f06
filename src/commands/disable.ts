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
import { usageError } from "../core/command-error.ts";
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
    const { isPicked, pool, features } = request;
    if (pool !== null) {
      const { runOnPool } = await import("../pool/run.ts");
      return await runOnPool(createPoolRun(request, pool), signals);
    }
    if (!isPicked) return await runDisable(request, { signals, call });
    const { pickTargetsAndFeatures } = await import("../host/pick.ts");
    const picked = await pickTargetsAndFeatures(features, parseOutputOptions(rawArgs), signals);
    return await runDisable({ ...request, ...picked }, { signals, call });
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

function parseDisableRequest(rawArgs: readonly string[]): DisableCommandRequest {
  const args = parseArguments(DISABLE.args, rawArgs);
  const selection = parseTargetsAndFeatures(args);
  const waitSeconds = parseWaitSeconds(args);
  const confirmWithinSeconds = parseConfirmWithinSeconds(args);
  if (confirmWithinSeconds > 0 && args.flag("live-only")) {
    throw usageError(
      "conflicting-options",
      "--confirm-within and --live-only exclude each other: a confirmed change is stored",
    );
  }
  const pool = parsePoolOptions(args, waitSeconds);
  const isPicked = args.flag("pick");
  if (isPicked && selection.targets.length > 0) {
    throw usageError("unexpected-target", "--pick shows a list to choose from; name no target with it");
  }
  const rolling = parseRolling(args, pool);
  if (rolling && confirmWithinSeconds > 0) {
    throw usageError(
      "conflicting-options",
      "--rolling and --confirm-within exclude each other: one answer is for all hosts at once",
    );
  }
  if (isPicked && pool !== null) {
    throw usageError("conflicting-options", "--pick is about this host, and --pool about all; say one of them");
  }
  if (!isPicked && pool === null && selection.targets.length === 0) {
    throw usageError("missing-target", "nothing named to work on; name VMs, PIFs or VIFs, or ALL for the whole host");
  }
  return {
    ...selection,
    isPicked,
    yes: args.flag("yes"),
    dryRun: args.flag("dry-run"),
    store: !args.flag("live-only"),
    persist: null,
    confirmWithinSeconds,
    waitSeconds,
    pool,
    rolling,
    flags: formatForwardedOptions(args, DISABLE.args, ["features", "live-only", "wait"]),
  };
}
