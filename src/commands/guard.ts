import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { NetworkDevices } from "../kernel/devices.ts";
import { EXIT } from "../offload/problem.ts";
import { failureReport } from "../offload/report.ts";
import { usage } from "../offload/result.ts";
import { readTrial } from "../state/trial.ts";
import { type Invocation, mannerOf, outcomeOf } from "./invocation.ts";
import { putBack } from "./trial.ts";

/** How often the guard looks whether the trial was answered, in milliseconds. */
const LOOK_AGAIN = 500;

/** How long it waits for whoever has the lock, in seconds: nobody else would put the trial back. */
const PATIENCE = 24 * 3600;

/** `offload guard`: puts a trial back when its time is over. `disable --confirm-within` starts it. */
export function guardCommand(invocation: Invocation): CommandDef {
  return defineCommand<ArgsDef>({
    meta: { name: "guard", description: "Put a trial back when its time is over", hidden: true },
    async run() {
      const manner = mannerOf(invocation.rawArgs);
      const trial = readTrial();
      if (!trial.ok || trial.value === null) {
        const nothing = trial.ok ? usage("no-trial", "no change is on trial") : trial;
        invocation.conclude("restore", manner, outcomeOf(nothing));
        return;
      }
      const { deadline } = trial.value;
      while (Date.now() < deadline) {
        await invocation.interruption.orElse(Bun.sleep(LOOK_AGAIN));
        const now = readTrial();
        if (now.ok && now.value?.deadline !== deadline) break;
      }
      const now = readTrial();
      using kernel = new NetworkDevices();
      // For one that was answered meanwhile nobody is to be kept from the lock.
      const mine = now.ok && now.value?.deadline === deadline;
      const done = mine ? await putBack({ kernel }, trial.value, PATIENCE) : null;
      const failures = done === null || done.ok ? [] : done.failures;
      const report = failureReport(
        "restore",
        failures.length > 0 ? EXIT.unavailable : EXIT.done,
        failures,
      );
      invocation.conclude("restore", manner, { type: "report", report });
    },
  });
}
