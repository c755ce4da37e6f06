import { type CommandContext, defineOffloadCommand } from "../cli/command.ts";
import { formatForwardedOptions, parseChangeOptions } from "../cli/options.ts";
import { RESTORE } from "../cli/specs/restore.ts";
import { usageError } from "../core/command-error.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { runRestore } from "../host/restore/run.ts";

/** `offload restore`: brings back exactly what was there. */
export const restoreCommand = defineOffloadCommand("restore", RESTORE, async (args, context) => {
  const { signals, call } = context;
  const options = parseChangeOptions(args);
  const isPicked = args.flag("pick");
  if (isPicked && options.targets.length > 0) {
    throw usageError("unexpected-target", "--pick shows a list to choose from; name no target with it");
  }
  if (isPicked && options.pool !== null) {
    throw usageError("conflicting-options", "--pick is about this host, and --pool about all; say one of them");
  }
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
  const targets = isPicked ? await pick(context) : options.targets;
  const request = { ...options, targets, isPicked, features, force: args.flag("force"), replug: args.flag("replug") };
  return await runRestore(request, signals, call);
});

async function pick({ output, signals }: CommandContext): Promise<readonly TargetRequest[]> {
  const { pickRestoreTargets } = await import("../host/pick.ts");
  return await pickRestoreTargets(output, signals);
}
