import { describe, expect, test } from "bun:test";
import { listWrites, readLiveState } from "../assertions/ethtool.ts";
import { Dom0, OFFLOAD } from "../dom0/dom0.ts";
import { type Mistake, Paths } from "../dom0/paths.ts";

/** Through eth1, `web 1` and one VIF of the firewall there are paths with real packets. */
const TARGETS = ["eth1", "web 1", "pfSense"];

async function bisect(mistakes: Readonly<Record<string, Mistake>>) {
  await using dom0 = await Dom0.start();
  const paths = await Paths.open(dom0, mistakes);
  const before = await readLiveState(dom0);
  const run = await dom0.run([OFFLOAD, "bisect", ...TARGETS, "--check", paths.check, "--timeout", "5", "--json"], {
    timeoutMs: 110_000,
  });
  expect(await readLiveState(dom0)).toBe(before);
  expect(await listWrites(dom0)).toEqual([]);
  const { bisect: found, advice } = JSON.parse(run.stdout);
  for (const command of advice)
    expect((await dom0.run(["sh", "-c", command.replace("offload", OFFLOAD)])).exitCode).toBe(0);
  const isGone = (await dom0.run(["sh", "-c", paths.check])).exitCode === 0;
  return { exitCode: run.exitCode, ...found, advice, isGone };
}

describe("with real packets, bisect finds", () => {
  test("TSO where a guest loses what is longer than the MTU", async () => {
    expect(await bisect({ eth1: "none", "vif1.0": "none", "vif4.0": "drops-long" })).toMatchObject({
      exitCode: 0,
      outcome: "found",
      cause: [{ device: "vif4.0", features: ["tso"] }],
      wentAlong: [],
      advice: ["offload disable vif4.0 --features tso"],
      isGone: true,
    });
  });

  test("transmit checksums where a guest sends on what was left to the device", async () => {
    expect(await bisect({ eth1: "keeps-checksums", "vif1.0": "none", "vif4.0": "none" })).toMatchObject({
      exitCode: 0,
      outcome: "found",
      cause: [{ device: "eth1", features: ["tx"] }],
      advice: ["offload disable eth1 --features tx"],
      isGone: true,
    });
  });

  test("two causes on two devices at once", async () => {
    expect(await bisect({ eth1: "keeps-checksums", "vif1.0": "drops-long", "vif4.0": "none" })).toMatchObject({
      exitCode: 0,
      cause: [
        { device: "eth1", features: ["tx"] },
        { device: "vif1.0", features: ["tso"] },
      ],
      isGone: true,
    });
  });

  test("that offloads are not the cause where nothing gets through", async () => {
    expect(await bisect({ eth1: "none", "vif1.0": "drops-all", "vif4.0": "none" })).toMatchObject({
      exitCode: 1,
      outcome: "not-the-cause",
      cause: [],
      advice: [],
      isGone: false,
    });
  });
});
