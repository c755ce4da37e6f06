import { inspectBootLayer, rewriteBootScript } from "../boot/boot-layer.ts";
import { type CommandResult, defineOffloadCommand } from "../cli/command.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { SHARED_ARGS } from "../cli/specs/shared.ts";
import { toBootReport } from "../core/boot-layer.ts";
import { CommandError, usageError } from "../core/command-error.ts";
import { Policy } from "../core/policy.ts";
import { EXIT_CODES } from "../core/problem.ts";
import { createReport } from "../core/report.ts";
import { filterLocalNics } from "../host/change.ts";
import { withDom0, withLock } from "../host/open.ts";

/** How long to wait for another run, in seconds: the boot waits for this. */
const LOCK_WAIT_SECONDS = 10;

const REFRESH_BOOT_SCRIPT = {
  name: "refresh-boot-script",
  summary: "Rewrite the boot script",
  args: { json: SHARED_ARGS.json, color: SHARED_ARGS.color },
} as const;

/**
 * `offload refresh-boot-script`, hidden: rewrites the boot script from the policy in XAPI. The unit
 * runs it at boot, for what other hosts of the pool have changed meanwhile.
 */
export const refreshBootScriptCommand = defineOffloadCommand("persist", REFRESH_BOOT_SCRIPT, (_, { signals }) =>
  runRefresh(signals),
);

function runRefresh(signals: SignalHandler): Promise<CommandResult> {
  return withDom0(signals, { kind: "policy" }, async (dom0): Promise<CommandResult> => {
    const { xapi, host } = dom0;
    if (!xapi.isKnown) throw new CommandError(xapi.failures);
    const { inventory } = xapi;
    return await withLock(signals, LOCK_WAIT_SECONDS, async (): Promise<CommandResult> => {
      const before = inspectBootLayer();
      if (before.state === "not-installed") {
        throw usageError("not-persisted", "no boot script is installed; install it with offload persist");
      }
      await rewriteBootScript(Policy.fromInventory(inventory).computeCoverage(filterLocalNics(inventory)));
      const boot = inspectBootLayer();
      const bootReport = toBootReport(boot);
      return {
        report: createReport("persist", { host, exitCode: EXIT_CODES.success, boot: bootReport }),
      };
    });
  });
}
