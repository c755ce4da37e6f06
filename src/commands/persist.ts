import type { CommandDef } from "citty";
import { inspectBoot, removeBoot, usualMethod } from "../boot/boot-layer.ts";
import type { Invocation, Told } from "../cli/command.ts";
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
import type { Interruption } from "../cli/signals.ts";
import { PERSIST } from "../cli/specs/persist.ts";
import { bootReportOf } from "../core/boot-layer.ts";
import { exitCodeOf, type Problem } from "../core/problem.ts";
import { type Report, reportOf } from "../core/report.ts";
import { type Result, success, usage } from "../core/result.ts";
import { quoted } from "../core/text.ts";
import { type TurnOffRequest, turnOff } from "../host/disable.ts";
import { withHost, withLock } from "../host/open.ts";

interface Request extends TurnOffRequest {
  readonly remove: boolean;
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
  /** What other hosts are told of all this. */
  readonly flags: readonly string[];
}

/** `offload persist`: keeps off across reboots what the policy asks for. */
export function persistCommand(invocation: Invocation): CommandDef {
  return reportingCommand(PERSIST, invocation, async ({ rawArgs, interruption, call }) => {
    const request = requestOf(rawArgs);
    if (!request.ok) return request;
    const { pool, remove } = request.value;
    if (pool !== null) {
      const { runOnPool } = await import("../pool/run.ts");
      const confirmWithin = request.value.seconds;
      const asked = remove ? {} : { question: "Install what runs at boot" };
      const run = { command: "persist", confirmWithin, changes: true, ...asked } as const;
      return await runOnPool({ ...request.value, ...pool, ...run }, interruption);
    }
    return remove
      ? await removeLayer(request.value, interruption)
      : await turnOff(request.value, { interruption, call });
  });
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(PERSIST.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const [method = "auto"] = given.value.values("method");
  if (method !== "auto" && method !== "systemd" && method !== "rc.local") {
    return usage(
      "unknown-method",
      `--method: ${quoted(method)} is not a method; use auto, systemd or rc.local`,
    );
  }
  const remove = given.value.flag("remove");
  if (remove && wanted.value.targets.length > 0) {
    return usage("remove-takes-no-target", "--remove removes everything; name no target with it");
  }
  if (wanted.value.named && wanted.value.targets.length === 0) {
    return usage(
      "conflicting-options",
      "--features requires a target: without one, persist follows the policy, which says what to keep off",
    );
  }
  const wait = secondsOf(given.value);
  if (!wait.ok) return wait;
  const seconds = confirmWithinOf(given.value);
  if (!seconds.ok) return seconds;
  const pool = parsePool(given.value, wait.value);
  if (!pool.ok) return pool;
  const rolling = parseRolling(given.value, pool.value);
  if (!rolling.ok) return rolling;
  return success({
    ...wanted.value,
    pick: false,
    store: true,
    yes: given.value.flag("yes"),
    seconds: seconds.value,
    persist: { method: method === "auto" ? usualMethod() : method },
    pool: pool.value,
    dryRun: given.value.flag("dry-run"),
    remove,
    wait: wait.value,
    rolling: rolling.value,
    flags: passOptions(given.value, PERSIST.args, ["features", "method", "remove", "wait"]),
  });
}

function removeLayer({ dryRun, wait }: Request, interruption: Interruption): Promise<Result<Told>> {
  return withHost(async (host) => {
    if (dryRun) return removedReport(host, dryRun);
    return await withLock(interruption, wait, async () => {
      const removed = await interruption.protect(() => removeBoot());
      return removed.ok ? removedReport(host, dryRun) : removed;
    });
  });
}

function removedReport(host: NonNullable<Report["host"]>, dryRun: boolean): Result<Told> {
  const boot = inspectBoot();
  if (!boot.ok) return boot;
  const { state } = boot.value;
  const message = `the boot layer is ${state} after it was removed`;
  const problems: readonly Problem[] =
    dryRun || state === "absent" ? [] : [{ code: "boot-wrong", message }];
  const exitCode = exitCodeOf(problems, { strict: false, changing: true });
  const layer = bootReportOf(boot.value);
  return success({
    report: reportOf("persist", { host, exitCode, dryRun, problems, boot: layer }),
  });
}
