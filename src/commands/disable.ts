import { defineOffloadCommand } from "../cli/command.ts";
import { type ChangeOptions, formatForwardedOptions, parseChangeOptions } from "../cli/options.ts";
import type { ParsedArguments } from "../cli/parse-args.ts";
import { DISABLE } from "../cli/specs/disable.ts";
import { usageError } from "../core/command-error.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import { type HostDisableRequest, runDisable } from "../host/disable.ts";

type DisableArguments = ParsedArguments<typeof DISABLE.args>;

/** `offload disable`: turns features off, in the kernel and in XAPI's settings. */
export const disableCommand = defineOffloadCommand("disable", DISABLE, async (args, context) => {
  const options = parseChangeOptions(args);
  checkDisableOptions(args, options);
  if (options.pool !== null) {
    const { runOnPool } = await import("../pool/run.ts");
    const poolRun = {
      ...options,
      ...options.pool,
      command: "disable",
      targets: options.targets.length > 0 ? options.targets : [WHOLE_HOST],
      flags: formatForwardedOptions(args, DISABLE.args, ["features", "live-only", "wait"]),
      isChange: true,
      question: "Turn these offloads off",
    } as const;
    return await runOnPool(poolRun, context.signals);
  }
  const isPicked = args.flag("pick");
  const request: HostDisableRequest = { ...options, isPicked, store: !args.flag("live-only"), persist: null };
  if (!isPicked) return await runDisable(request, context);
  const { pickTargetsAndFeatures } = await import("../host/pick.ts");
  const picked = await pickTargetsAndFeatures(options.features, context.output, context.signals);
  return await runDisable({ ...request, ...picked }, context);
});

/** Refuses options that exclude each other, and a line that names nothing to work on. */
function checkDisableOptions(args: DisableArguments, options: ChangeOptions): void {
  const { targets, confirmWithinSeconds, rolling, pool } = options;
  const isPicked = args.flag("pick");
  if (confirmWithinSeconds > 0 && args.flag("live-only")) {
    throw usageError(
      "conflicting-options",
      "--confirm-within and --live-only exclude each other: a confirmed change is stored",
    );
  }
  if (isPicked && targets.length > 0) {
    throw usageError("unexpected-target", "--pick shows a list to choose from; name no target with it");
  }
  if (rolling && confirmWithinSeconds > 0) {
    throw usageError(
      "conflicting-options",
      "--rolling and --confirm-within exclude each other: one answer is for all hosts at once",
    );
  }
  if (isPicked && pool !== null) {
    throw usageError("conflicting-options", "--pick is about this host, and --pool about all; say one of them");
  }
  if (!isPicked && pool === null && targets.length === 0) {
    throw usageError("missing-target", "nothing named to work on; name VMs, PIFs or VIFs, or ALL for the whole host");
  }
}
