import { expect, test } from "bun:test";
import { FaultHost } from "./host.ts";
import { killEverywhere, SCENES } from "./kills.ts";

/** A few of all points; scripts/fault-test takes them all. */
const EVERY = 31;

for (const [command, sequel] of SCENES) {
  test(`${command}, killed: ${sequel} then does all of its work`, async () => {
    await using host = await FaultHost.start();
    const { hit, lost } = await killEverywhere(host, command, sequel, EVERY);
    expect(hit.get("sendto")).toBeGreaterThan(1);
    expect(lost).toEqual([]);
  }, 120_000);
}
