import { Dom0, OFFLOAD } from "../test/dom0/dom0.ts";
import { buildPool } from "../test/dom0/pool/pool-fixture.ts";
import { MEASURED_COST } from "../test/dom0/simulator/control.ts";
import { takeDown } from "./loops.ts";
import { type Summary, summary } from "./statistics.ts";

/** What a run asks of XAPI in a pool of one size. */
export interface Share {
  readonly hosts: number;
  readonly vms: number;
  readonly vifs: number;
  readonly command: string;
  readonly calls: number;
  readonly records: number;
  readonly milliseconds: Summary;
}

/** VMs of each host, and VIFs of each VM: 64 hosts have 5,000 VMs and 10,000 VIFs. */
const EACH = { vms: 78, vifs: 2, nics: 2 };

/** For one VM, and for one host. */
const COMMANDS: readonly (readonly string[])[] = [
  ["verify", "vm 1-1"],
  ["disable", "vm 1-1"],
  ["restore", "vm 1-1"],
  ["verify", "ALL"],
];

/** What runs cost on the coordinator of a pool, of which only its own devices are real. */
export async function benchProportion(hosts: number, rounds: number): Promise<readonly Share[]> {
  const { database, fixtures } = buildPool({ ...EACH, hosts });
  const [fixture] = fixtures;
  if (fixture === undefined) throw new Error("a pool has a first host");
  await using dom0 = await Dom0.start({ fixture });
  await takeDown(
    dom0,
    fixture.devices.map(({ name }) => name),
  );
  await dom0.simulator.cost(MEASURED_COST);
  const taken = COMMANDS.map((args) => ({ args, calls: 0, records: 0, times: [] as number[] }));
  for (let round = 0; round <= rounds; round++) {
    for (const one of taken) {
      await dom0.simulator.clearCalls();
      const start = performance.now();
      const { exitCode, stderr } = await dom0.run([OFFLOAD, ...one.args]);
      const milliseconds = performance.now() - start;
      if (exitCode !== 0 && exitCode !== 1) throw new Error(`${one.args.join(" ")}: ${stderr}`);
      const calls = await dom0.simulator.calls();
      one.calls = calls.length;
      one.records = calls.reduce((sum, { records }) => sum + records, 0);
      if (round > 0) one.times.push(milliseconds);
    }
  }
  return taken.map(({ args, calls, records, times }) => ({
    hosts,
    vms: Object.keys(database.VM).length - hosts,
    vifs: Object.keys(database.VIF).length,
    command: args.join(" "),
    calls,
    records,
    milliseconds: summary(times),
  }));
}
