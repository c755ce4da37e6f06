import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { benchLive } from "./live.ts";
import { benchProportion, type Share } from "./proportion.ts";
import { benchRecords, type RecordHalf } from "./records.ts";
import type { Rounds } from "./sides.ts";
import { renderRecords, renderShares, renderSides, renderTargets } from "./table.ts";
import { evaluateTargets } from "./targets.ts";
import { benchWhole } from "./whole.ts";

const USAGE = `Times offload against what people use instead, side by side in a throwaway dom0.

Usage: scripts/bench [--sizes N,...] [--rounds N] [--parts live,whole,records,pool]

  --sizes N,...  numbers of devices, even ones (default 10,100,500,2000)
  --rounds N     rounds that count, after one that does not (default 7)
  --parts P,...  what to measure (default all): live is the kernel alone, without XAPI; whole is
                 whole commands with XAPI; records is what is stored, with what calls really cost a
                 coordinator and a member; pool is one VM and one host in pools of 4 and 64 hosts

Prints tables, and what was promised with what became of it; writes bench/results.json.
`;

const RESULTS = resolve(import.meta.dir, "results.json");
/** Numbers of VIFs for the record half; the smaller one shows that reads are constant in number. */
const RECORDED = [60, 600];
/** Numbers of hosts; the larger pool has 5,000 VMs with 10,000 VIFs. */
const POOLS = [4, 64];

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "10,100,500,2000" },
    rounds: { type: "string", default: "7" },
    parts: { type: "string", default: "live,whole,records,pool" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
} else {
  await bench(values.sizes.split(",").map(Number), Number(values.rounds), new Set(values.parts.split(",")));
}

async function bench(sizes: readonly number[], rounds: number, parts: ReadonlySet<string>): Promise<void> {
  const live = new Map<number, readonly Rounds[]>();
  const whole = new Map<number, readonly Rounds[]>();
  const records: RecordHalf[] = [];
  for (const size of parts.has("live") ? sizes : []) {
    live.set(size, await benchLive(size, rounds));
    show(`The live half, ${size} devices`, renderSides(live.get(size) ?? []));
  }
  for (const size of parts.has("whole") ? sizes : []) {
    whole.set(size, await benchWhole(size, rounds));
    show(`With XAPI, ${size} VIFs, two a VM`, renderSides(whole.get(size) ?? []));
  }
  for (const member of [false, true]) {
    for (const vifs of parts.has("records") ? RECORDED : []) {
      records.push(await benchRecords(vifs, rounds, member));
    }
  }
  if (records.length > 0) show("What is stored, calls at their real cost", renderRecords(records));
  const shares: Share[] = [];
  for (const hosts of parts.has("pool") ? POOLS : []) {
    shares.push(...(await benchProportion(hosts, rounds)));
  }
  if (shares.length > 0) show("One VM and one host of a pool", renderShares(shares));
  const targets = evaluateTargets({ live, whole, records, shares });
  show("What was promised", renderTargets(targets));
  const results = {
    rounds,
    live: Object.fromEntries(live),
    whole: Object.fromEntries(whole),
    records,
    shares,
    targets,
  };
  await Bun.write(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
}

function show(title: string, table: string): void {
  process.stdout.write(`### ${title}\n\n${table}\n`);
}
