import { describe, expect, test } from "bun:test";
import { Dom0 } from "../dom0/dom0.ts";
import { buildPool } from "../dom0/pool/pool-fixture.ts";
import type { RecordedCall } from "../dom0/simulator/control.ts";

/** NICs and VMs of each host, and VIFs of each VM. */
const SHARE = { nics: 2, vms: 4, vifs: 2 };

/** The coordinator of a pool of so many hosts that are alike; nothing runs on the others. */
async function startCoordinator(hosts: number): Promise<Dom0> {
  const [fixture] = buildPool({ ...SHARE, hosts }).fixtures;
  if (fixture === undefined) throw new Error("a pool has a first host");
  return await Dom0.start({ fixture });
}

/** What a command asks XAPI. */
async function callsOf(dom0: Dom0, args: readonly string[]): Promise<readonly RecordedCall[]> {
  await dom0.simulator.clearCalls();
  await dom0.offload(...args);
  return await dom0.simulator.calls();
}

/** How many calls a command makes, and how many records XAPI writes out for it. */
async function countsOf(dom0: Dom0, args: readonly string[]) {
  const calls = await callsOf(dom0, args);
  return { calls: calls.length, records: calls.reduce((sum, { records }) => sum + records, 0) };
}

describe("the number of XAPI calls", () => {
  test.each([
    { args: ["status", "vm 1-1"] },
    { args: ["verify", "vm 1-1"] },
    { args: ["disable", "vm 1-1"] },
    { args: ["restore", "vm 1-1"] },
    { args: ["disable", "archive"] },
    { args: ["restore", "archive"] },
  ])("for one VM costs the same in a pool of any size: $args", async ({ args }) => {
    const counts: unknown[] = [];
    for (const hosts of [2, 12]) {
      await using dom0 = await startCoordinator(hosts);
      if (args[0] === "restore") await dom0.offload("disable", ...args.slice(1));
      counts.push(await countsOf(dom0, args));
    }
    expect(counts[1]).toEqual(counts[0]);
  });

  test.each([{ args: ["status"] }, { args: ["verify"] }, { args: ["disable", "ALL", "--yes"] }])(
    "of a run on one host grows by one record for each other host: $args",
    async ({ args }) => {
      await using small = await startCoordinator(2);
      await using large = await startCoordinator(12);
      const { calls, records } = await countsOf(small, args);
      expect(await countsOf(large, args)).toEqual({ calls, records: records + 10 });
    },
  );

  test("does not grow with the number of VMs when reading", async () => {
    const counts: number[] = [];
    for (const vms of [2, 20]) {
      const [fixture] = buildPool({ hosts: 2, nics: 1, vms }).fixtures;
      if (fixture === undefined) throw new Error("a pool has a first host");
      await using dom0 = await Dom0.start({ fixture });
      counts.push((await callsOf(dom0, ["verify"])).length);
    }
    expect(counts[1]).toBe(counts[0] ?? Number.NaN);
  });
});

describe("the writes of disable, beside its settings", () => {
  test("store one text on each interface, and one on the host", async () => {
    await using dom0 = await startCoordinator(2);
    const calls = await callsOf(dom0, ["disable", "ALL", "--yes"]);
    const interfaces = SHARE.nics + (SHARE.vms + 1) * SHARE.vifs;
    const texts = calls.filter(({ params }) => String(params[2]).startsWith("offload-"));
    expect(texts.map(({ method }) => method.replace(/^.*\./, ""))).toEqual(
      Array.from({ length: interfaces + 1 }, () => "add_to_other_config"),
    );
    const settings = calls.filter(({ params }) => String(params[2]).startsWith("ethtool-"));
    // A write each, and nothing else: rx, tx, sg, tso, gso and gro of a NIC, four of them of a VIF.
    expect(settings).toHaveLength(SHARE.nics * 6 + (SHARE.vms + 1) * SHARE.vifs * 4);
  });

  test("add a text and remove the previous one when more features are disabled", async () => {
    await using dom0 = await startCoordinator(2);
    await dom0.offload("disable", "archive", "--features=tso");
    const calls = await callsOf(dom0, ["disable", "archive"]);
    const texts = calls.filter(({ params }) => String(params[2]).startsWith("offload-"));
    const methods = Object.groupBy(texts, ({ method }) => method);
    expect(methods["VIF.add_to_other_config"]).toHaveLength(SHARE.vifs);
    expect(methods["VIF.remove_from_other_config"]).toHaveLength(SHARE.vifs);
  });
});
