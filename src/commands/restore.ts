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
    const { pool } = request;
    if (pool === null) return await runRestore(request, signals, call);
    const { runOnPool } = await import("../pool/run.ts");
    const question = "Restore what was there before";
    const confirmWithinSeconds = request.confirmWithinSeconds;
    const run = { command: "restore", confirmWithinSeconds, isChange: true, question } as const;
    return await runOnPool({ ...request, ...pool, ...run }, signals);
  });
}

function parseRestoreRequest(rawArgs: readonly string[]): RestoreCommandRequest {
  const args = parseArguments(RESTORE.args, rawArgs);
  const selection = parseTargetsAndFeatures(args);
  const waitSeconds = parseWaitSeconds(args);
  const confirmWithinSeconds = parseConfirmWithinSeconds(args);
  const pool = parsePoolOptions(args, waitSeconds);
  const rolling = parseRolling(args, pool);
  return {
    targets: selection.targets,
    features: selection.hasExplicitFeatures ? selection.features : null,
    yes: args.flag("yes"),
    dryRun: args.flag("dry-run"),
    force: args.flag("force"),
    replug: args.flag("replug"),
    confirmWithinSeconds,
    waitSeconds,
    pool,
    rolling,
    flags: formatForwardedOptions(args, RESTORE.args, ["features", "force", "replug", "wait"]),
  };
}
