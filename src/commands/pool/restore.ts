import { wishesByHand } from "../../offload/by-hand.ts";
import { DEFAULT_KEYWORDS } from "../../offload/features.ts";
import { type Interface, type NicInterface, nameOf } from "../../offload/interface.ts";
import { deviceOfKey, type Journal, withForeign } from "../../offload/journal.ts";
import { answeredRow, notedElsewhere, shareOutNoted, unansweredRow } from "../../offload/pool.ts";
import { EXIT } from "../../offload/problem.ts";
import { type HostReport, reportOf } from "../../offload/report.ts";
import { planRestore } from "../../offload/restore.ts";
import { type Result, success } from "../../offload/result.ts";
import { everyInterface, type TargetRequest } from "../../offload/targets.ts";
import { judge } from "../../offload/verdict.ts";
import { counted, listed } from "../../offload/wording.ts";
import { toWire, viewFromWire } from "../../plugin/interfaces.ts";
import { printable } from "../../terminal/text.ts";
import { agree } from "../agreement.ts";
import type { Interruption } from "../interruption.ts";
import type { Told } from "../invocation.ts";
import { goneNote } from "../settlement.ts";
import { callHost } from "./call.ts";
import { goneFrom, type Noted, readJournals } from "./notes.ts";
import { type Pool, wholePool, withPool } from "./pool.ts";
import { putBack } from "./put-back.ts";
import { NOT_ATTEMPTED } from "./rounds.ts";
import { poolReport } from "./verdict.ts";

/** What `restore --pool` is to do. */
export interface PoolRestore {
  readonly targets: readonly TargetRequest[];
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  /** Seconds that each host waits for another run there. */
  readonly wait: number;
  /** Seconds that a host may take to answer. */
  readonly patience: number;
  /** One host after the other. */
  readonly rolling: boolean;
}

/** `restore --pool`: every host's own journal; the records through the coordinator, and first. */
export async function restorePool(
  request: PoolRestore,
  interruption: Interruption,
): Promise<Result<Told>> {
  const whole = wholePool(request.targets);
  if (!whole.ok) return whole;
  return await withPool(interruption, request.patience, async (pool): Promise<Result<Told>> => {
    const noted = await readJournals(pool);
    if (request.dryRun) return success(await foretell(request, pool, noted));
    if (!request.yes) {
      const agreed = await ask(pool, noted, interruption);
      if (!agreed.ok) return agreed;
    }
    // Time has passed: a host may take minutes to tell its notes, and so may whoever is asked.
    const renewed = await pool.session.inventory();
    if (!renewed.ok) return renewed;
    const now: Pool = { ...pool, inventory: renewed.value };
    return await interruption.protect(async (isStopped) =>
      success({ report: await putBack(request, now, noted, isStopped) }),
    );
  });
}

async function ask(
  { inventory, hosts }: Pool,
  { journals, why }: Noted,
  interruption: Interruption,
): Promise<Result<void>> {
  // Nothing will be changed, and the rows say why.
  if (journals.size === 0) return success(undefined);
  const lines = hosts.map((host) => {
    const nics = [...everyInterface({ ...inventory, host }).values()].filter(
      (one): one is NicInterface => one.kind === "pif",
    );
    const management = nics.filter((one) => one.management).map(({ pif }) => pif.device);
    const journal = journals.get(host.uuid);
    const what =
      journal === undefined
        ? (why.get(host.uuid) ?? NOT_ATTEMPTED).message
        : `${counted(journal.size, "interface")} to be put back`;
    return `  ${printable(`${host.name}: management on ${listed(management)}; ${what}`)}\n`;
  });
  return await agree(
    {
      question: `Put everything back on ${journals.size} of ${hosts.length} hosts?`,
      summary: lines.join(""),
      unasked: "this puts back everything that offload has changed on every host",
    },
    interruption,
  );
}

/** The dry run: a host after the other, as `restore --dry-run` would tell it there. */
async function foretell({ force }: PoolRestore, pool: Pool, noted: Noted): Promise<Told> {
  const { inventory } = pool;
  const shares = shareOutNoted(noted.journals, inventory);
  const rows: HostReport[] = [];
  const texts: string[] = [];
  for (const host of pool.hosts) {
    const own = noted.journals.get(host.uuid);
    const interfaces = shares.get(host.uuid) ?? [];
    const all = everyInterface({ ...inventory, host });
    const bare = own === undefined ? [] : bareInterfaces(own, all);
    const looked = toWire([...interfaces, ...bare.map(({ like }) => like)], host);
    const seen = own === undefined ? null : await callHost(pool, host, "observe", looked);
    if (own === undefined || seen?.ok !== true) {
      const why = (seen?.ok === false ? seen.why : noted.why.get(host.uuid)) ?? NOT_ATTEMPTED;
      rows.push(unansweredRow(host, why));
      texts.push(`# ${printable(`${host.name}: ${why.message}`)}`);
      continue;
    }
    const view = viewFromWire(seen.value.view);
    const journal = withForeign(own, notedElsewhere(noted.journals, host, interfaces));
    const here = [...interfaces, ...bare.map(({ subject }) => subject)];
    const plan = planRestore(journal, here, view, { force });
    texts.push(`# ${printable(host.name)}`, ...wishesByHand(plan.live, plan.records, view.kernel));
    const { devices } = judge(interfaces, view, { keywords: DEFAULT_KEYWORDS, records: true });
    const gone = goneFrom(own.keys(), all).map((key) => goneNote(own, key));
    const report = reportOf("restore", {
      host: { uuid: host.uuid, name: host.name },
      exitCode: EXIT.done,
      dryRun: true,
      devices,
      notes: [...gone, ...plan.notes],
    });
    const what = `${counted(plan.live.length, "device")} and ${counted(plan.records.length, "record")}`;
    rows.push({ ...answeredRow("restore", host, report), message: `${what} to be put back` });
  }
  const report = poolReport("restore", pool, rows, { changing: false, dryRun: true });
  return { report, text: texts.map((line) => `${line}\n`).join("") };
}

/**
 * What a host has noted by device, because XAPI could not be asked at the time; each with the
 * interface whose device it is by now, by which the host can be asked about it.
 */
function bareInterfaces(own: Journal, all: ReadonlyMap<string, Interface>) {
  return [...own].flatMap(([key, { kind }]) => {
    const device = deviceOfKey(key);
    if (device === null) return [];
    const like = [...all.values()].find((one) => nameOf(one) === device);
    const subject: Interface = { kind: "bare", device, as: kind };
    return like === undefined ? [] : [{ subject, like }];
  });
}
