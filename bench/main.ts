import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { benchLive } from "./live.ts";
import { benchRecords, type RecordHalf } from "./records.ts";
import type { Rounds } from "./sides.ts";
import { renderRecords, renderSides, renderTargets } from "./table.ts";
import { judgeTargets } from "./targets.ts";
import { benchWhole } from "./whole.ts";

const USAGE = `Times offload against what people use instead, side by side in a throwaway dom0.

Usage: scripts/bench [--sizes N,...] [--rounds N] [--parts live,whole,records]

  --sizes N,...  numbers of devices, even ones (default 10,100,500,2000)
  --rounds N     rounds that count, after one that does not (default 7)
  --parts P,...  what to measure (default all): live is the kernel alone, without XAPI; whole is
                 whole commands with XAPI; records is the record half with what calls really cost

Prints tables, and what was promised with what became of it; writes bench/results.json.
`;

const RESULTS = resolve(import.meta.dir, "results.json");
/** Numbers of VIFs for the record half; the smaller one shows that reads are constant in number. */
const RECORDED = [60, 600];

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "10,100,500,2000" },
    rounds: { type: "string", default: "7" },
    parts: { type: "string", default: "live,whole,records" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
} else {
  await bench(
    values.sizes.split(",").map(Number),
    Number(values.rounds),
    new Set(values.parts.split(",")),
  );
}

async function bench(
  sizes: readonly number[],
  rounds: number,
  parts: ReadonlySet<string>,
): Promise<void> {
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
  for (const vifs of parts.has("records") ? RECORDED : []) {
    records.push(await benchRecords(vifs, rounds));
  }
  if (records.length > 0) show("The record half, calls at their real cost", renderRecords(records));
  const targets = judgeTargets({ live, whole, records });
  show("What was promised", renderTargets(targets));
  const results = {
    rounds,
    live: Object.fromEntries(live),
    whole: Object.fromEntries(whole),
    records,
    targets,
  };
  await Bun.write(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
}

function show(title: string, table: string): void {
  process.stdout.write(`### ${title}\n\n${table}\n`);
}
