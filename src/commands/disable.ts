import { defineOffloadCommand } from "../cli/command.ts";
import { checkChangeOptions, formatForwardedOptions, parseChangeOptions } from "../cli/options.ts";
import { DISABLE } from "../cli/specs/disable.ts";
import { usageError } from "../core/command-error.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import type { HostChangeRequest } from "../host/change-request.ts";
import { runChange } from "../host/run-change.ts";

/** `offload disable`: turns features off, in the kernel and in XAPI's settings. */
export const disableCommand = defineOffloadCommand("disable", DISABLE, async (args, context) => {
  const options = parseChangeOptions(args);
  const isPicked = args.flag("pick");
  const liveOnly = args.flag("live-only");
  if (isPicked && options.targets.length > 0) {
    throw usageError("unexpected-target", "--pick shows a list to choose from; name no target with it");
  }
  if (isPicked && options.pool !== null) {
    throw usageError("conflicting-options", "--pick is about this host, and --pool about all; say one of them");
  }
  checkChangeOptions(options, { liveOnly, isPicked });
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
  const request: HostChangeRequest = {
    ...options,
    direction: "off",
    isPicked,
    store: !liveOnly,
    replug: false,
    persist: null,
  };
  if (!isPicked) return await runChange(request, context);
  const { pickTargetsAndFeatures } = await import("../host/pick.ts");
  const picked = await pickTargetsAndFeatures(options.features, context.output, context.signals);
  return await runChange({ ...request, ...picked }, context);
});
