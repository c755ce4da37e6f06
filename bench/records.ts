import { Dom0, OFFLOAD } from "../test/dom0/dom0.ts";
import { MEASURED_COST, type RecordedCall } from "../test/dom0/simulator/control.ts";
import { LIMIT, must, takeDown } from "./loops.ts";
import { compare, type Rounds } from "./sides.ts";
import { forgetSettings } from "./whole.ts";

/** What the published scripts cost with a real xe: milliseconds a write, and writes an interface. */
const XE = { write: 7, writesAnInterface: 9, listingAVif: 100 / 600 };

/** What the settings of a VIF are that `disable` writes. */
const VIF_SETTINGS = 4;

/** The XAPI half of a run, with calls that cost what they cost a real coordinator or member. */
export interface RecordHalf {
  readonly vifs: number;
  /** Whether the host is a member, which passes every call on. */
  readonly member: boolean;
  readonly rounds: Rounds;
  /** How many calls read records, and how many records they read. */
  readonly reads: number;
  readonly recordsRead: number;
  readonly writes: number;
  /** How many of these are texts: policy and originals. */
  readonly texts: number;
  /** How long the calls took XAPI, round by round: what they cost, and more where the machine is busy. */
  readonly held: readonly number[];
  /** What the published scripts would take for the same, in milliseconds: a model, not measured. */
  readonly scripts: number;
}

/** Times `disable ALL` where the kernel is as it should be and everything is to be stored. */
export async function benchRecords(vifs: number, rounds: number, member: boolean): Promise<RecordHalf> {
  const scenarios = member ? (["member"] as const) : [];
  await using dom0 = await Dom0.start({ nics: 1, vms: vifs / 2, vifs: 2, scenarios });
  const devices = dom0.fixture.devices.flatMap(({ name, kind }) => (kind === "bridge" ? [] : [name]));
  await takeDown(dom0, devices);
  await must(dom0, [LIMIT, "off", ...devices]);
  await dom0.simulator.cost(MEASURED_COST);
  let calls: readonly RecordedCall[] = [];
  const held: number[] = [];
  const [taken] = await compare(
    dom0,
    devices,
    [
      {
        name: "offload disable ALL --yes, XAPI only",
        argv: [OFFLOAD, "disable", "ALL", "--yes"],
        reset: async (one) => {
          await must(one, ["rm", "-rf", "/var/lib/offload"]);
          await forgetSettings(one);
          await one.simulator.clearCalls();
        },
        check: async (one) => {
          calls = await one.simulator.calls();
          held.push(await one.simulator.heldMs());
          await mustBeStored(one);
        },
      },
    ],
    rounds,
  );
  if (taken === undefined) throw new Error("nothing was measured");
  const { VIF, VM } = dom0.fixture.database;
  const interfaces = Object.keys(VIF).length;
  const reads = calls.filter(({ method }) => method.includes(".get_"));
  return {
    vifs,
    member,
    rounds: taken,
    reads: reads.length,
    recordsRead: reads.reduce((sum, { records }) => sum + records, 0),
    writes: calls.filter(({ write, method }) => write || method === "event.inject").length,
    texts: calls.filter(({ params }) => String(params[2]).startsWith("offload-")).length,
    // The first round does not count.
    held: held.slice(1),
    scripts: interfaces * XE.writesAnInterface * XE.write + Object.keys(VM).length * interfaces * XE.listingAVif,
  };
}

/** Settings and one text on every VIF of a VM that is a target: templates and snapshots are none. */
async function mustBeStored({ simulator, fixture: world }: Dom0): Promise<void> {
  const { VIF: vifs = {} } = await simulator.database();
  const here = world.host.ref;
  const targets = new Set(
    Object.entries(world.database.VM)
      .filter(([, vm]) => !vm.is_a_template && !vm.is_a_snapshot && !vm.is_control_domain)
      .filter(([, vm]) => vm.resident_on === here || vm.resident_on === "OpaqueRef:NULL")
      .map(([ref]) => ref),
  );
  for (const { VM, uuid, other_config } of Object.values(vifs)) {
    if (!targets.has(String(VM))) continue;
    const entries = Object.entries(other_config ?? {});
    const off = entries.filter(([key, value]) => /^ethtool-(tx|sg|tso|gso)$/.test(key) && value === "off");
    const texts = entries.filter(([key]) => key.startsWith("offload-"));
    if (off.length === VIF_SETTINGS && texts.length === 1) continue;
    throw new Error(`the VIF ${uuid} has ${off.length} settings and ${texts.length} texts`);
  }
}
