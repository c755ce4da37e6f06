import { expect, test } from "bun:test";
import { FaultHost } from "./host.ts";
import { KILL_SCENARIOS, killEverywhere } from "./kills.ts";

for (const [command, followUp] of KILL_SCENARIOS) {
  test(`${followUp} does all of its work after ${command} was killed at any call`, async () => {
    await using host = await FaultHost.start();
    const { killPoints, failures } = await killEverywhere(host, command, followUp);
    const total = [...killPoints.values()].reduce((sum, count) => sum + count, 0);
    const calls = [...killPoints].map(([name, count]) => `${name} ${count}`).join(", ");
    console.log(`${command}, then ${followUp}: ${total} points (${calls}); ${failures.length} complaints`);
    expect(failures).toEqual([]);
  });
}
