import { defineOffloadCommand } from "../cli/command.ts";
import { formatForwardedOptions, parseChangeOptions } from "../cli/options.ts";
import { RESTORE } from "../cli/specs/restore.ts";
import { runRestore } from "../host/restore/run.ts";

/** `offload restore`: brings back exactly what was there. */
export const restoreCommand = defineOffloadCommand("restore", RESTORE, async (args, { signals, call }) => {
  const options = parseChangeOptions(args);
  if (options.pool !== null) {
    const { runOnPool } = await import("../pool/run.ts");
    const poolRun = {
      ...options,
      ...options.pool,
      command: "restore",
      flags: formatForwardedOptions(args, RESTORE.args, ["features", "force", "replug", "wait"]),
      isChange: true,
      question: "Restore what was there before",
    } as const;
    return await runOnPool(poolRun, signals);
  }
  const features = options.hasExplicitFeatures ? options.features : null;
  const request = { ...options, features, force: args.flag("force"), replug: args.flag("replug") };
  return await runRestore(request, signals, call);
});
