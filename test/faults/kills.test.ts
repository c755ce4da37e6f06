import { expect, test } from "bun:test";
import type { Call } from "../dom0/strace.ts";
import { isEthtool, isRelevant } from "./calls.ts";
import { FaultHost } from "./host.ts";
import { KILL_SCENARIOS, killEverywhere } from "./kills.ts";

/** A few of all points; scripts/fault-test takes them all. */
const EVERY = 31;

test("restore puts everything back after bisect was killed", async () => {
  await using host = await FaultHost.start();
  // It reads while it waits, not always as often: what it writes, to devices and files, is what counts.
  const isWrite = (call: Call) => isEthtool(call) || (isRelevant(call) && /^(?:rename|unlink)/.test(call.name));
  const { killPoints, failures } = await killEverywhere(host, "bisect", "restore", 19, isWrite);
  expect(killPoints.get("ioctl")).toBeGreaterThan(1);
  expect(failures).toEqual([]);
}, 240_000);

for (const [command, followUp] of KILL_SCENARIOS) {
  test(`${followUp} does all of its work after ${command} was killed`, async () => {
    await using host = await FaultHost.start();
    const { killPoints, failures } = await killEverywhere(host, command, followUp, EVERY);
    expect(killPoints.get("sendto")).toBeGreaterThan(1);
    expect(failures).toEqual([]);
  }, 120_000);
}
