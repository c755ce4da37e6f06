import { defineOffloadCommand } from "../cli/command.ts";
import { checkChangeOptions, formatForwardedOptions, parseChangeOptions } from "../cli/options.ts";
import { ENABLE } from "../cli/specs/enable.ts";
import { WHOLE_HOST } from "../core/targets/targets.ts";
import { runChange } from "../host/run-change.ts";

/** `offload enable`: turns features on, in the kernel, and removes the settings that say off. */
export const enableCommand = defineOffloadCommand("enable", ENABLE, async (args, context) => {
  const options = parseChangeOptions(args);
  const liveOnly = args.flag("live-only");
  checkChangeOptions(options, { liveOnly, isPicked: false });
  if (options.pool !== null) {
    const { runOnPool } = await import("../pool/run.ts");
    const poolRun = {
      ...options,
      ...options.pool,
      command: "enable",
      targets: options.targets.length > 0 ? options.targets : [WHOLE_HOST],
      flags: formatForwardedOptions(args, ENABLE.args, ["features", "live-only", "replug", "wait"]),
      isChange: true,
      question: "Turn these offloads on",
    } as const;
    return await runOnPool(poolRun, context.signals);
  }
  const replug = args.flag("replug");
  const request = { ...options, direction: "on", isPicked: false, store: !liveOnly, replug, persist: null } as const;
  return await runChange(request, context);
});
