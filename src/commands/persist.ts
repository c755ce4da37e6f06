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
import { usageError } from "../core/command-error.ts";
import { computeExitCode, type Problem } from "../core/problem.ts";
import { createReport, type Report } from "../core/report.ts";
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
    const { pool, isRemoval } = request;
    if (pool !== null) {
      const { runOnPool } = await import("../pool/run.ts");
      const confirmWithinSeconds = request.confirmWithinSeconds;
      const confirmation = isRemoval ? {} : { question: "Install what runs at boot" };
      const run = {
        command: "persist",
        confirmWithinSeconds,
        isChange: true,
        ...confirmation,
      } as const;
      return await runOnPool({ ...request, ...pool, ...run }, signals);
    }
    return isRemoval ? await removeBootLayer(request, signals) : await runDisable(request, { signals, call });
  });
}

function parsePersistRequest(rawArgs: readonly string[]): PersistCommandRequest {
  const args = parseArguments(PERSIST.args, rawArgs);
  const selection = parseTargetsAndFeatures(args);
  const [method = "auto"] = args.values("method");
  if (method !== "auto" && method !== "systemd" && method !== "rc.local") {
    throw usageError("unknown-method", `--method: ${quote(method)} is not a method; use auto, systemd or rc.local`);
  }
  const isRemoval = args.flag("remove");
  if (isRemoval && selection.targets.length > 0) {
    throw usageError("unexpected-target", "--remove removes everything; name no target with it");
  }
  if (selection.hasExplicitFeatures && selection.targets.length === 0) {
    throw usageError(
      "conflicting-options",
      "--features requires a target: without one, persist follows the policy, which says what to keep off",
    );
  }
  const waitSeconds = parseWaitSeconds(args);
  const confirmWithinSeconds = parseConfirmWithinSeconds(args);
  const pool = parsePoolOptions(args, waitSeconds);
  const rolling = parseRolling(args, pool);
  return {
    ...selection,
    isPicked: false,
    store: true,
    yes: args.flag("yes"),
    confirmWithinSeconds,
    persist: { method: method === "auto" ? detectMethod() : method },
    pool,
    dryRun: args.flag("dry-run"),
    isRemoval,
    waitSeconds,
    rolling,
    flags: formatForwardedOptions(args, PERSIST.args, ["features", "method", "remove", "wait"]),
  };
}

function removeBootLayer(
  { dryRun, waitSeconds }: PersistCommandRequest,
  signals: SignalHandler,
): Promise<CommandResult> {
  return withLocalHost(async (host) => {
    if (dryRun) return createRemovalReport(host, dryRun);
    return await withLock(signals, waitSeconds, async () => {
      await signals.runUninterrupted(() => removeBootFiles());
      return createRemovalReport(host, dryRun);
    });
  });
}

function createRemovalReport(host: NonNullable<Report["host"]>, dryRun: boolean): CommandResult {
  const boot = inspectBootLayer();
  const { state } = boot;
  const message = `the boot layer is ${state} after it was removed`;
  const problems: readonly Problem[] = dryRun || state === "not-installed" ? [] : [{ code: "boot-drift", message }];
  const exitCode = computeExitCode(problems, { strict: false, changing: true });
  const bootReport = toBootReport(boot);
  return {
    report: createReport("persist", { host, exitCode, dryRun, problems, boot: bootReport }),
  };
}
