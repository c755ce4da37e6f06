import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { inspectBoot, rewriteBootScript } from "../boot/boot-layer.ts";
import { type Invocation, mannerOf, outcomeOf, type Told } from "../cli/command.ts";
import { bootReportOf } from "../core/boot-layer.ts";
import { Policy } from "../core/policy.ts";
import { EXIT } from "../core/problem.ts";
import { reportOf } from "../core/report.ts";
import { type Result, success, usage } from "../core/result.ts";
import { ownNics } from "../host/change.ts";
import { withDom0, withLock } from "../host/open.ts";

/** How long to wait for another run, in seconds: the boot waits for this. */
const LOCK_WAIT_SECONDS = 10;

/**
 * `offload refresh-boot-script`, hidden: writes the boot script anew from the policy in XAPI. The unit
 * runs it at boot, for what other hosts of the pool have changed meanwhile.
 */
export function refreshBootScriptCommand(invocation: Invocation): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "refresh-boot-script", description: "Rewrite the boot script", hidden: true },
    async run() {
      const told = await refresh(invocation);
      invocation.conclude("persist", mannerOf(invocation.rawArgs), outcomeOf(told));
    },
  });
}

function refresh({ interruption }: Invocation): Promise<Result<Told>> {
  return withDom0(interruption, { kind: "policy" }, async (dom0): Promise<Result<Told>> => {
    const { records, host } = dom0;
    if (!records.known) return { ok: false, failures: records.failures };
    const { inventory } = records;
    return await withLock(interruption, LOCK_WAIT_SECONDS, async (): Promise<Result<Told>> => {
      const before = inspectBoot();
      if (!before.ok) return before;
      if (before.value.state === "absent") {
        return usage(
          "not-persisted",
          "no boot script is installed; install it with offload persist",
        );
      }
      const written = await rewriteBootScript(Policy.of(inventory).coverage(ownNics(inventory)));
      if (!written.ok) return written;
      const boot = inspectBoot();
      if (!boot.ok) return boot;
      const layer = bootReportOf(boot.value);
      return success({ report: reportOf("persist", { host, exitCode: EXIT.done, boot: layer }) });
    });
  });
}
