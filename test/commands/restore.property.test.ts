import { expect, test } from "bun:test";
import fc from "fast-check";
import { FEATURE_NAMES } from "../../src/core/features.ts";
import { readLiveState } from "../assertions/ethtool.ts";
import { Dom0 } from "../dom0/dom0.ts";
import type { HostFixtureOptions } from "../dom0/fixture/host-fixture.ts";
import type { Scenario } from "../dom0/fixture/scenarios.ts";

const SCENARIOS: readonly Scenario[] = ["requested-on", "fixed", "elsewhere", "predictable", "unmanaged"];

const keywords = fc.subarray([...FEATURE_NAMES], { minLength: 1 });

/** A host: how large, of what kind, and what somebody had set by hand before. */
interface Host {
  readonly options: HostFixtureOptions;
  readonly byHand: readonly {
    readonly which: number;
    readonly feature: string;
    readonly to: string;
  }[];
  readonly recorded: readonly {
    readonly which: number;
    readonly key: string;
    readonly value: string;
  }[];
}

const hosts: fc.Arbitrary<Host> = fc.record({
  options: fc.record({
    nics: fc.integer({ min: 1, max: 5 }),
    vms: fc.integer({ min: 0, max: 4 }),
    vifs: fc.integer({ min: 1, max: 3 }),
    scenarios: fc.subarray([...SCENARIOS]),
    seed: fc.nat(),
  }),
  byHand: fc.array(
    fc.record({
      which: fc.nat(),
      feature: fc.constantFrom("rx", "tx", "sg", "tso", "gso", "gro"),
      to: fc.constantFrom("on", "off"),
    }),
    { maxLength: 6 },
  ),
  recorded: fc.array(
    fc.record({
      which: fc.nat(),
      key: fc.constantFrom("ethtool-tso", "ethtool-gro", "ethtool-rx", "ethtool-speed", "mine"),
      value: fc.constantFrom("off", "false", "on", "true", ""),
    }),
    { maxLength: 6 },
  ),
});

/** Runs of disable and enable: the whole host, or some of its NICs and VMs. */
const runs = fc.array(
  fc.record({
    command: fc.constantFrom("disable", "disable", "enable"),
    keywords,
    all: fc.boolean(),
    which: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
);

function picked<T>(from: readonly T[], which: number): readonly T[] {
  const one = from[which % Math.max(1, from.length)];
  return one === undefined ? [] : [one];
}

async function prepare(dom0: Dom0, { byHand, recorded }: Host): Promise<void> {
  const devices = dom0.fixture.devices.filter(({ kind }) => kind !== "bridge");
  for (const { which, feature, to } of byHand) {
    // Whether the driver follows is its own affair.
    for (const { name } of picked(devices, which)) {
      await dom0.run(["ethtool", "-K", name, feature, to]);
    }
  }
  const { PIF = {}, VIF = {} } = await dom0.simulator.database();
  const records = [
    ...Object.keys(PIF).map((ref) => ["PIF", ref] as const),
    ...Object.keys(VIF).map((ref) => ["VIF", ref] as const),
  ];
  for (const { which, key, value } of recorded) {
    for (const [kind, ref] of picked(records, which)) {
      await dom0.simulator.set([kind, ref, "other_config", { [key]: value }]);
    }
  }
}

async function state(dom0: Dom0) {
  const { PIF, VIF } = await dom0.simulator.database();
  const files = await dom0.run(["ls", "-A", "/var/lib/offload"]);
  const left = files.stdout.split("\n").filter((name) => name !== "");
  return { live: await readLiveState(dom0), PIF, VIF, left };
}

test("restore leaves kernel, XAPI and files as before, on every host and after any disable and enable", async () => {
  await fc.assert(
    fc.asyncProperty(hosts, runs, async (host, commands) => {
      await using dom0 = await Dom0.start(host.options);
      await prepare(dom0, host);
      const before = await state(dom0);
      const names = [
        ...dom0.fixture.pifs.flatMap(({ record }) =>
          record.host === dom0.fixture.host.ref && record.physical ? [record.device] : [],
        ),
        ...dom0.fixture.running.map(({ record }) => record.name_label),
      ];
      for (const { command, keywords, all, which } of commands) {
        const targets = all ? ["ALL", "--yes"] : which.flatMap((one) => picked(names, one));
        const run = await dom0.offload(command, `--features=${keywords.join(",")}`, ...targets);
        expect(run.exitCode, run.stdout + run.stderr).toBeOneOf([0, 1]);
      }
      const run = await dom0.offload("restore", "--yes");
      expect({ exitCode: run.exitCode, said: run.stderr }).toEqual({ exitCode: 0, said: "" });
      expect(await state(dom0)).toEqual(before);
    }),
    { numRuns: 15, endOnFailure: true },
  );
}, 240_000);
