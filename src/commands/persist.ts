import type { CommandDef } from "citty";
import { detectMethod, inspectBootLayer, removeBootFiles } from "../boot/boot-layer.ts";
import type { CommandContext, CommandResult } from "../cli/command.ts";
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
import type { SignalHandler } from "../cli/signals.ts";
import { PERSIST } from "../cli/specs/persist.ts";
import { toBootReport } from "../core/boot-layer.ts";
import { computeExitCode, type Problem } from "../core/problem.ts";
import { createReport, type Report } from "../core/report.ts";
import { type Result, success, usageFailure } from "../core/result.ts";
import { quote } from "../core/text.ts";
import { type HostDisableRequest, runDisable } from "../host/disable.ts";
import { withLocalHost, withLock } from "../host/open.ts";

interface PersistCommandRequest extends HostDisableRequest {
  readonly isRemoval: boolean;
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolOptions | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
  /** What other hosts are told of all this. */
  readonly flags: readonly string[];
}

/** `offload persist`: keeps off across reboots what the policy asks for. */
export function createPersistCommand(context: CommandContext): CommandDef {
  return createReportingCommand(PERSIST, context, async ({ rawArgs, signals, call }) => {
    const request = parsePersistRequest(rawArgs);
    if (!request.ok) return request;
    const { pool, isRemoval } = request.value;
    if (pool !== null) {
      const { runOnPool } = await import("../pool/run.ts");
      const confirmWithinSeconds = request.value.confirmWithinSeconds;
      const confirmation = isRemoval ? {} : { question: "Install what runs at boot" };
      const run = {
        command: "persist",
        confirmWithinSeconds,
        isChange: true,
        ...confirmation,
      } as const;
      return await runOnPool({ ...request.value, ...pool, ...run }, signals);
    }
    return isRemoval
      ? await removeBootLayer(request.value, signals)
      : await runDisable(request.value, { signals, call });
  });
}

function parsePersistRequest(rawArgs: readonly string[]): Result<PersistCommandRequest> {
  const args = parseArguments(PERSIST.args, rawArgs);
  if (!args.ok) return args;
  const selection = parseTargetsAndFeatures(args.value);
  if (!selection.ok) return selection;
  const [method = "auto"] = args.value.values("method");
  if (method !== "auto" && method !== "systemd" && method !== "rc.local") {
    return usageFailure("unknown-method", `--method: ${quote(method)} is not a method; use auto, systemd or rc.local`);
  }
  const isRemoval = args.value.flag("remove");
  if (isRemoval && selection.value.targets.length > 0) {
    return usageFailure("unexpected-target", "--remove removes everything; name no target with it");
  }
  if (selection.value.hasExplicitFeatures && selection.value.targets.length === 0) {
    return usageFailure(
      "conflicting-options",
      "--features requires a target: without one, persist follows the policy, which says what to keep off",
    );
  }
  const waitSeconds = parseWaitSeconds(args.value);
  if (!waitSeconds.ok) return waitSeconds;
  const confirmWithinSeconds = parseConfirmWithinSeconds(args.value);
  if (!confirmWithinSeconds.ok) return confirmWithinSeconds;
  const pool = parsePoolOptions(args.value, waitSeconds.value);
  if (!pool.ok) return pool;
  const rolling = parseRolling(args.value, pool.value);
  if (!rolling.ok) return rolling;
  return success({
    ...selection.value,
    isPicked: false,
    store: true,
    yes: args.value.flag("yes"),
    confirmWithinSeconds: confirmWithinSeconds.value,
    persist: { method: method === "auto" ? detectMethod() : method },
    pool: pool.value,
    dryRun: args.value.flag("dry-run"),
    isRemoval,
    waitSeconds: waitSeconds.value,
    rolling: rolling.value,
    flags: formatForwardedOptions(args.value, PERSIST.args, ["features", "method", "remove", "wait"]),
  });
}

function removeBootLayer(
  { dryRun, waitSeconds }: PersistCommandRequest,
  signals: SignalHandler,
): Promise<Result<CommandResult>> {
  return withLocalHost(async (host) => {
    if (dryRun) return createRemovalReport(host, dryRun);
    return await withLock(signals, waitSeconds, async () => {
      const removed = await signals.runUninterrupted(() => removeBootFiles());
      return removed.ok ? createRemovalReport(host, dryRun) : removed;
    });
  });
}

function createRemovalReport(host: NonNullable<Report["host"]>, dryRun: boolean): Result<CommandResult> {
  const boot = inspectBootLayer();
  if (!boot.ok) return boot;
  const { state } = boot.value;
  const message = `the boot layer is ${state} after it was removed`;
  const problems: readonly Problem[] = dryRun || state === "not-installed" ? [] : [{ code: "boot-drift", message }];
  const exitCode = computeExitCode(problems, { strict: false, changing: true });
  const bootReport = toBootReport(boot.value);
  return success({
    report: createReport("persist", { host, exitCode, dryRun, problems, boot: bootReport }),
  });
}
