import type { CommandDef } from "citty";
import type { Invocation } from "../cli/command.ts";
import {
  confirmWithinOf,
  type PoolOptions,
  parseArguments,
  parsePool,
  parseRolling,
  passOptions,
  secondsOf,
  wantedOf,
} from "../cli/parse-args.ts";
import { reportingCommand } from "../cli/reporting.ts";
import { RESTORE } from "../cli/specs/restore.ts";
import { type Result, success } from "../core/result.ts";
import { type RestoreRun, runRestore } from "../host/restore/run.ts";

interface Request extends RestoreRun {
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
  /** What other hosts are told of all this. */
  readonly flags: readonly string[];
}

/** `offload restore`: brings back exactly what was there. */
export function restoreCommand(invocation: Invocation): CommandDef {
  return reportingCommand(RESTORE, invocation, async ({ rawArgs, interruption, call }) => {
    const request = requestOf(rawArgs);
    if (!request.ok) return request;
    const { pool } = request.value;
    if (pool === null) return await runRestore(request.value, interruption, call);
    const { runOnPool } = await import("../pool/run.ts");
    const question = "Restore what was there before";
    const confirmWithin = request.value.seconds;
    const run = { command: "restore", confirmWithin, changes: true, question } as const;
    return await runOnPool({ ...request.value, ...pool, ...run }, interruption);
  });
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(RESTORE.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const wait = secondsOf(given.value);
  if (!wait.ok) return wait;
  const seconds = confirmWithinOf(given.value);
  if (!seconds.ok) return seconds;
  const pool = parsePool(given.value, wait.value);
  if (!pool.ok) return pool;
  const rolling = parseRolling(given.value, pool.value);
  if (!rolling.ok) return rolling;
  return success({
    targets: wanted.value.targets,
    features: wanted.value.named ? wanted.value.features : null,
    yes: given.value.flag("yes"),
    dryRun: given.value.flag("dry-run"),
    force: given.value.flag("force"),
    replug: given.value.flag("replug"),
    seconds: seconds.value,
    wait: wait.value,
    pool: pool.value,
    rolling: rolling.value,
    flags: passOptions(given.value, RESTORE.args, ["features", "force", "replug", "wait"]),
  });
}
