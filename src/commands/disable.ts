import type { CommandDef } from "citty";
import { type Invocation, mannerOf } from "../cli/command.ts";
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
import { DISABLE } from "../cli/specs/disable.ts";
import { type Result, success, usage } from "../core/result.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import { type TurnOffRequest, turnOff } from "../host/disable.ts";
import type { PoolRun } from "../pool/run.ts";

interface Request extends TurnOffRequest {
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
  /** What other hosts are told of all this. */
  readonly flags: readonly string[];
}

/** `offload disable`: turns features off, in the kernel and in XAPI's records. */
export function disableCommand(invocation: Invocation): CommandDef {
  return reportingCommand(DISABLE, invocation, async ({ rawArgs, interruption, call }) => {
    const request = requestOf(rawArgs);
    if (!request.ok) return request;
    const { pick, pool, features } = request.value;
    if (pool !== null) {
      const { runOnPool } = await import("../pool/run.ts");
      return await runOnPool(poolRun(request.value, pool), interruption);
    }
    if (!pick) return await turnOff(request.value, { interruption, call });
    const { pickWork } = await import("../host/pick.ts");
    const picked = await pickWork(features, mannerOf(rawArgs), interruption);
    return picked.ok
      ? await turnOff({ ...request.value, ...picked.value }, { interruption, call })
      : picked;
  });
}

function poolRun(request: Request, { timeoutSeconds }: PoolOptions): PoolRun {
  const { targets, flags, yes, dryRun, rolling, seconds } = request;
  return {
    command: "disable",
    targets: targets.length > 0 ? targets : [WHOLE_HOST],
    ...{ flags, yes, dryRun, rolling, timeoutSeconds },
    confirmWithin: seconds,
    changes: true,
    question: "Turn these offloads off",
  };
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(DISABLE.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const wait = secondsOf(given.value);
  if (!wait.ok) return wait;
  const seconds = confirmWithinOf(given.value);
  if (!seconds.ok) return seconds;
  if (seconds.value > 0 && given.value.flag("live-only")) {
    return usage(
      "conflicting-options",
      "--confirm-within and --live-only exclude each other: a confirmed change is stored",
    );
  }
  const pool = parsePool(given.value, wait.value);
  if (!pool.ok) return pool;
  const pick = given.value.flag("pick");
  if (pick && wanted.value.targets.length > 0) {
    return usage(
      "pick-takes-no-target",
      "--pick shows a list to choose from; name no target with it",
    );
  }
  const rolling = parseRolling(given.value, pool.value);
  if (!rolling.ok) return rolling;
  if (rolling.value && seconds.value > 0) {
    return usage(
      "conflicting-options",
      "--rolling and --confirm-within exclude each other: one answer is for all hosts at once",
    );
  }
  if (pick && pool.value !== null) {
    return usage(
      "pick-or-pool",
      "--pick is about this host, and --pool about all; say one of them",
    );
  }
  if (!pick && pool.value === null && wanted.value.targets.length === 0) {
    return usage(
      "no-target",
      "nothing named to work on; name VMs, PIFs or VIFs, or ALL for the whole host",
    );
  }
  return success({
    ...wanted.value,
    pick,
    yes: given.value.flag("yes"),
    dryRun: given.value.flag("dry-run"),
    store: !given.value.flag("live-only"),
    persist: null,
    seconds: seconds.value,
    wait: wait.value,
    pool: pool.value,
    rolling: rolling.value,
    flags: passOptions(given.value, DISABLE.args, ["features", "live-only", "wait"]),
  });
}
