import type { CommandDef } from "citty";
import type { CommandContext } from "../cli/command.ts";
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
import { RESTORE } from "../cli/specs/restore.ts";
import { type Result, success } from "../core/result.ts";
import { type HostRestoreRequest, runRestore } from "../host/restore/run.ts";

interface RestoreCommandRequest extends HostRestoreRequest {
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
  /** What other hosts are told of all this. */
  readonly flags: readonly string[];
}

/** `offload restore`: brings back exactly what was there. */
export function createRestoreCommand(context: CommandContext): CommandDef {
  return createReportingCommand(RESTORE, context, async ({ rawArgs, signals, call }) => {
    const request = parseRestoreRequest(rawArgs);
    if (!request.ok) return request;
    const { pool } = request.value;
    if (pool === null) return await runRestore(request.value, signals, call);
    const { runOnPool } = await import("../pool/run.ts");
    const question = "Restore what was there before";
    const confirmWithinSeconds = request.value.confirmWithinSeconds;
    const run = { command: "restore", confirmWithinSeconds, isChange: true, question } as const;
    return await runOnPool({ ...request.value, ...pool, ...run }, signals);
  });
}

function parseRestoreRequest(rawArgs: readonly string[]): Result<RestoreCommandRequest> {
  const args = parseArguments(RESTORE.args, rawArgs);
  if (!args.ok) return args;
  const selection = parseTargetsAndFeatures(args.value);
  if (!selection.ok) return selection;
  const waitSeconds = parseWaitSeconds(args.value);
  if (!waitSeconds.ok) return waitSeconds;
  const confirmWithinSeconds = parseConfirmWithinSeconds(args.value);
  if (!confirmWithinSeconds.ok) return confirmWithinSeconds;
  const pool = parsePoolOptions(args.value, waitSeconds.value);
  if (!pool.ok) return pool;
  const rolling = parseRolling(args.value, pool.value);
  if (!rolling.ok) return rolling;
  return success({
    targets: selection.value.targets,
    features: selection.value.hasExplicitFeatures ? selection.value.features : null,
    yes: args.value.flag("yes"),
    dryRun: args.value.flag("dry-run"),
    force: args.value.flag("force"),
    replug: args.value.flag("replug"),
    confirmWithinSeconds: confirmWithinSeconds.value,
    waitSeconds: waitSeconds.value,
    pool: pool.value,
    rolling: rolling.value,
    flags: formatForwardedOptions(args.value, RESTORE.args, ["features", "force", "replug", "wait"]),
  });
}
