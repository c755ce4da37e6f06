import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { type Invocation, mannerOf, outcomeOf, type Told } from "../cli/command.ts";
import { EXIT } from "../core/problem.ts";
import { failureReport, reportOf } from "../core/report.ts";
import { type Result, success, usage } from "../core/result.ts";
import { withHost } from "../host/open.ts";
import { revertOwn } from "../host/pending/await-answer.ts";
import { REVERTED } from "../host/pending/pending-change.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { readPendingChange, secondsLeft } from "../state/pending-change.ts";

/** How often the revert timer looks whether the change was answered. */
const POLL_MS = 500;

/** How long it waits for whoever has the lock: nobody else would revert the change. */
const LOCK_WAIT_SECONDS = 24 * 3600;

/**
 * `offload revert`, hidden: reverts the pending change. With `--at-deadline` it waits until the time of
 * that change is over: `disable --confirm-within` starts it so.
 */
export function revertCommand(invocation: Invocation): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "revert", description: "Revert the pending change", hidden: true },
    async run() {
      const manner = mannerOf(invocation.rawArgs);
      const told = await revert(invocation);
      invocation.conclude("restore", manner, outcomeOf(told));
    },
  });
}

async function revert({ rawArgs, interruption, call }: Invocation): Promise<Result<Told>> {
  const pending = readPendingChange();
  if (!pending.ok) return pending;
  // What somebody else has made pending meanwhile is not the pool's to revert.
  if (pending.value === null || (call !== null && pending.value.id !== call.run)) {
    return usage("nothing-pending", "no change is pending");
  }
  const { id } = pending.value;
  while (rawArgs.includes("--at-deadline") && secondsLeft(pending.value) > 0) {
    await interruption.orElse(Bun.sleep(POLL_MS));
    const now = readPendingChange();
    // For one that was answered meanwhile nobody is to be kept from the lock.
    if (now.ok && now.value?.id !== id)
      return success({ report: failureReport("restore", EXIT.done, []) });
  }
  using kernel = new NetworkDevices();
  const reverted = await revertOwn(kernel, { id }, LOCK_WAIT_SECONDS);
  if (!reverted.ok) return reverted;
  const exitCode = reverted.value.length > 0 ? EXIT.partly : EXIT.done;
  if (call === null) {
    return success({ report: reportOf("restore", { exitCode, problems: reverted.value }) });
  }
  const problems = [...reverted.value, REVERTED];
  return await withHost(async (host) =>
    success({ report: reportOf("restore", { host, exitCode: EXIT.partly, problems }) }),
  );
}
