import { expect, test } from "bun:test";
import { FaultHost } from "./host.ts";
import { KILL_SCENARIOS, killEverywhere } from "./kills.ts";

/** A few of all points; scripts/fault-test takes them all. */
const EVERY = 31;

for (const [command, followUp] of KILL_SCENARIOS) {
  test(`${followUp} does all of its work after ${command} was killed`, async () => {
    await using host = await FaultHost.start();
    const { killPoints, failures } = await killEverywhere(host, command, followUp, EVERY);
    expect(killPoints.get("sendto")).toBeGreaterThan(1);
    expect(failures).toEqual([]);
  }, 120_000);
}
