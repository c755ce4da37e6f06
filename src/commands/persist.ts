import { detectMethod, inspectBootLayer, removeBootFiles } from "../boot/boot-layer.ts";
import { type CommandResult, defineOffloadCommand } from "../cli/command.ts";
import { type ChangeOptions, formatForwardedOptions, parseChangeOptions } from "../cli/options.ts";
import type { ParsedArguments } from "../cli/parse-args.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { PERSIST } from "../cli/specs/persist.ts";
import { type BootMethod, toBootReport } from "../core/boot-layer.ts";
import { usageError } from "../core/command-error.ts";
import { computeExitCode, type Problem } from "../core/problem.ts";
import { createReport, type Report } from "../core/report.ts";
import { quote } from "../core/text.ts";

import { evaluateThirdPartyFiles } from "../core/verify/boot-findings.ts";
import { withLocalHost, withLock } from "../host/open.ts";
import { runChange } from "../host/run-change.ts";

type PersistArguments = ParsedArguments<typeof PERSIST.args>;

/** `offload persist`: keeps off across reboots what the policy asks for. */
export const persistCommand = defineOffloadCommand("persist", PERSIST, async (args, context) => {
  const options = parseChangeOptions(args);
  const isRemoval = args.flag("remove");
  const method = parseMethod(args);
  checkPersistOptions(options, isRemoval);
  if (options.pool !== null) {
    const { runOnPool } = await import("../pool/run.ts");
    const poolRun = {
      ...options,
      ...options.pool,
      command: "persist",
      flags: formatForwardedOptions(args, PERSIST.args, ["features", "method", "remove", "wait"]),
      isChange: true,
      ...(isRemoval ? {} : { question: "Install what runs at boot" }),
    } as const;
    return await runOnPool(poolRun, context.signals);
  }
  if (isRemoval) return await removeBootLayer(options, context.signals);
  return await runChange({ ...options, ...PERSIST_REQUEST, persist: { method } }, context);
});

/** What persist turns off, or has turned off at boot, is stored as disable stores it. */
const PERSIST_REQUEST = { direction: "off", isPicked: false, store: true, replug: false } as const;

function parseMethod(args: PersistArguments): BootMethod {
  const [method = "auto"] = args.values("method");
  if (method === "auto") return detectMethod();
  if (method === "systemd" || method === "rc.local") return method;
  throw usageError("unknown-method", `--method: ${quote(method)} is not a method; use auto, systemd or rc.local`);
}

function checkPersistOptions({ targets, hasExplicitFeatures }: ChangeOptions, isRemoval: boolean): void {
  if (isRemoval && targets.length > 0) {
    throw usageError("unexpected-target", "--remove removes everything; name no target with it");
  }
  if (hasExplicitFeatures && targets.length === 0) {
    throw usageError(
      "conflicting-options",
      "--features requires a target: without one, persist follows the policy, which says what to keep off",
    );
  }
}

function removeBootLayer({ dryRun, waitSeconds }: ChangeOptions, signals: SignalHandler): Promise<CommandResult> {
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
  const thirdParty = evaluateThirdPartyFiles(boot, { isMaskProblem: false });
  const problems: readonly Problem[] = [
    ...(dryRun || state === "not-installed" ? [] : [{ code: "boot-drift", message } as const]),
    ...thirdParty.problems,
  ];
  const exitCode = computeExitCode(problems, { strict: false, changing: true });
  const bootReport = toBootReport(boot);
  return {
    report: createReport("persist", { host, exitCode, dryRun, problems, notes: thirdParty.notes, boot: bootReport }),
  };
}
