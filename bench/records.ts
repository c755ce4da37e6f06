import { Dom0, OFFLOAD } from "../test/dom0/dom0.ts";
import type { RecordedCall } from "../test/dom0/simulator/control.ts";
import { LIMIT, must, takeDown } from "./loops.ts";
import { compare, type Rounds } from "./sides.ts";
import { forgetRecords } from "./whole.ts";

/** What a call costs a real xapi, in milliseconds: one call at a time, reads by the record. */
const COST = { callMs: 0.4, recordMs: 0.15 };

/** What the published scripts cost with a real xe: milliseconds a write, and writes an interface. */
const XE = { write: 7, writesAnInterface: 9, listingAVif: 100 / 600 };

/** The record half of a run against a XAPI whose calls cost what they cost a real one. */
export interface RecordHalf {
  readonly vifs: number;
  readonly rounds: Rounds;
  /** How many calls read, and how many wrote. */
  readonly reads: number;
  readonly writes: number;
  /** What the calls cost XAPI itself, in milliseconds. */
  readonly ownCost: number;
  /** How long they took it, round by round: no less, and more where the machine is busy. */
  readonly held: readonly number[];
  /** What the published scripts would take for the same, in milliseconds: a model, not measured. */
  readonly scripts: number;
}

/** Times `disable ALL` where the kernel is as it should be and every record is to be written. */
export async function benchRecords(vifs: number, rounds: number): Promise<RecordHalf> {
  await using dom0 = await Dom0.start({ nics: 1, vms: vifs / 2, vifs: 2 });
  const devices = dom0.world.devices.flatMap(({ name, kind }) => (kind === "bridge" ? [] : [name]));
  await takeDown(dom0, devices);
  await must(dom0, [LIMIT, "off", ...devices]);
  await dom0.simulator.cost(COST);
  let calls: readonly RecordedCall[] = [];
  const held: number[] = [];
  const [taken] = await compare(
    dom0,
    devices,
    [
      {
        name: "offload disable ALL --yes, records only",
        argv: [OFFLOAD, "disable", "ALL", "--yes"],
        reset: async (one) => {
          await must(one, ["rm", "-rf", "/var/lib/offload"]);
          await forgetRecords(one);
          await one.simulator.clearCalls();
        },
        judge: async (one) => {
          calls = await one.simulator.calls();
          held.push(await one.simulator.heldMs());
          await mustBeRecorded(one);
        },
      },
    ],
    rounds,
  );
  if (taken === undefined) throw new Error("nothing was measured");
  const writes = calls.filter(({ write, method }) => write || method === "event.inject").length;
  const reads = calls.filter(({ method }) => method.includes(".get_all_records"));
  const { VIF, VM } = dom0.world.database;
  const interfaces = Object.keys(VIF).length;
  return {
    vifs,
    rounds: taken,
    reads: reads.length,
    writes,
    // The first round does not count.
    held: held.slice(1),
    ownCost: writes * COST.callMs + recordsRead(dom0, reads) * COST.recordMs,
    scripts:
      interfaces * XE.writesAnInterface * XE.write +
      Object.keys(VM).length * interfaces * XE.listingAVif,
  };
}

/** Every call reads the records of one class; VMs without the snapshots. */
function recordsRead({ world }: Dom0, reads: readonly RecordedCall[]): number {
  const { host, PIF, VIF, VM } = world.database;
  const counts = new Map([
    ["host", Object.keys(host).length],
    ["PIF", Object.keys(PIF).length],
    ["VIF", Object.keys(VIF).length],
    ["VM", Object.values(VM).filter(({ is_a_snapshot }) => !is_a_snapshot).length],
  ]);
  return reads
    .map(({ method }) => counts.get(method.split(".")[0] ?? "") ?? 0)
    .reduce((sum, count) => sum + count, 0);
}

/** Six keys on every VIF of a VM that is a target: templates and snapshots are none. */
async function mustBeRecorded({ simulator, world }: Dom0): Promise<void> {
  const { VIF: vifs = {} } = await simulator.database();
  const targets = new Set(
    Object.entries(world.database.VM)
      .filter(([, vm]) => !vm.is_a_template && !vm.is_a_snapshot && !vm.is_control_domain)
      .map(([ref]) => ref),
  );
  for (const { VM, uuid, other_config } of Object.values(vifs)) {
    if (!targets.has(String(VM))) continue;
    const off = Object.entries(other_config ?? {}).filter(([key, value]) => {
      return /^ethtool-(rx|tx|sg|tso|ufo|gso)$/.test(key) && value === "off";
    });
    if (off.length !== 6) throw new Error(`the records of the VIF ${uuid} are not all off`);
  }
}
