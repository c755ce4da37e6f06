import { expect, test } from "bun:test";
import { FaultHost } from "./host.ts";
import { killEverywhere, SCENES } from "./kills.ts";

for (const [command, sequel] of SCENES) {
  test(`${command}, killed at every call: ${sequel} then does all of its work`, async () => {
    await using host = await FaultHost.start();
    const { hit, lost } = await killEverywhere(host, command, sequel);
    const total = [...hit.values()].reduce((sum, count) => sum + count, 0);
    const calls = [...hit].map(([name, count]) => `${name} ${count}`).join(", ");
    console.log(
      `${command}, then ${sequel}: ${total} points (${calls}); ${lost.length} complaints`,
    );
    expect(lost).toEqual([]);
  });
}
