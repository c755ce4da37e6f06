import { resolve } from "node:path";
import { Dom0, OFFLOAD } from "../test/dom0/dom0.ts";
import { LIMIT, must, readEach, takeDown, turnOn } from "./loops.ts";
import { compare, type Rounds } from "./sides.ts";

/** The sides with XAPI, by what they are. */
export const WHOLE = {
  first: "offload disable ALL --yes, first run",
  again: "offload disable ALL --yes, nothing to do",
  verify: "offload verify",
  status: "offload status --json",
  version: "offload --version",
  empty: "an empty program, compiled alike",
  read: "ethtool -k, one process a device",
  limit: "the same reading from C",
} as const;

/** Whole commands, with a XAPI that answers as fast as it can: so many VIFs, two a VM, and a NIC. */
export async function benchWhole(size: number, rounds: number): Promise<readonly Rounds[]> {
  await using dom0 = await Dom0.start({ nics: 1, vms: size / 2, vifs: 2 });
  const devices = dom0.fixture.devices.flatMap(({ name, kind }) => (kind === "bridge" ? [] : [name]));
  await takeDown(dom0, devices);
  const disable = [OFFLOAD, "disable", "ALL", "--yes"];
  // So that verify finds everything as it should be, which is what it has to find out every night.
  await must(dom0, disable);
  await must(dom0, [OFFLOAD, "persist", "--yes"]);
  return await compare(
    dom0,
    devices,
    [
      {
        name: WHOLE.first,
        argv: disable,
        reset: async (one) => {
          await turnOn(one, devices);
          await forgetSettings(one);
        },
      },
      { name: WHOLE.again, argv: disable, repeats: 5 },
      { name: WHOLE.verify, argv: [OFFLOAD, "verify"], repeats: 5 },
      { name: WHOLE.status, argv: [OFFLOAD, "status", "--json"], repeats: 5 },
      { name: WHOLE.read, argv: readEach(devices) },
      { name: WHOLE.limit, argv: [LIMIT, "read", ...devices] },
      { name: WHOLE.version, argv: [OFFLOAD, "--version"], repeats: 9 },
      { name: WHOLE.empty, argv: [resolve(import.meta.dir, "../dist/empty")], repeats: 9 },
    ],
    rounds,
  );
}

/** Gives hosts, PIFs and VIFs what they had in the beginning, in XAPI. */
export async function forgetSettings({ simulator, fixture: world }: Dom0): Promise<void> {
  const { host, PIF, VIF } = world.database;
  await simulator.put(
    ...Object.entries(host).map(([ref, record]): [string, string, typeof record] => ["host", ref, record]),
    ...Object.entries(PIF).map(([ref, record]): [string, string, typeof record] => ["PIF", ref, record]),
    ...Object.entries(VIF).map(([ref, record]): [string, string, typeof record] => ["VIF", ref, record]),
  );
}
