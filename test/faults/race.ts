import { readOtherConfig } from "../assertions/ethtool.ts";
import type { Result } from "../dom0/running.ts";
import type { FaultHost } from "./host.ts";
import { ARGUMENTS, type Command } from "./kills.ts";

/** How long every call takes meanwhile: long enough to write in between, from outside. */
const SLOW_CALL_MS = 60;

/**
 * Runs a command slowly; after XAPI has given its records and before the program writes any, another
 * client gives a PIF or VIF a key.
 */
export async function runWithOtherClientWrite(
  host: FaultHost,
  command: Command,
  kind: "PIF" | "VIF",
  ref: string,
  key: string,
  value: string,
): Promise<Result> {
  const { simulator } = host.dom0;
  await simulator.clearCalls();
  await simulator.fault({ fault: "slow", ms: SLOW_CALL_MS });
  const run = host.offload(...ARGUMENTS[command]);
  const classes = ["host", "PIF", "VM", "VIF"];
  for (;;) {
    const calls = await simulator.calls();
    const isRead = (name: string) => calls.some(({ method }) => method.startsWith(`${name}.get_all_records`));
    if (classes.every(isRead)) break;
    await Bun.sleep(1);
  }
  const config = await readOtherConfig(host.dom0, kind, ref);
  await simulator.set([kind, ref, "other_config", { ...config, [key]: value }]);
  const written = (await simulator.calls()).filter(({ write }) => write).length;
  await simulator.fault({ fault: "none" });
  const result = await run;
  if (written > 0) throw new Error(`the other client came after ${written} writes`);
  return result;
}
