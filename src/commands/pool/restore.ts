import { wishesByHand } from "../../offload/by-hand.ts";
import { DEFAULT_KEYWORDS } from "../../offload/features.ts";
import type { Interface, NicInterface } from "../../offload/interface.ts";
import type { Inventory } from "../../offload/inventory.ts";
import type { Journal } from "../../offload/journal.ts";
import { KernelFeatures } from "../../offload/kernel-features.ts";
import { type Change, type LiveView, type RecordStep, recordChanges } from "../../offload/plan.ts";
import { answeredRow, unansweredRow } from "../../offload/pool.ts";
import { EXIT, exitCodeOf, type Problem } from "../../offload/problem.ts";
import { problemAbout } from "../../offload/problem-about.ts";
import { type HostReport, reportOf } from "../../offload/report.ts";
import { planRestore } from "../../offload/restore.ts";
import { type Result, success } from "../../offload/result.ts";
import { everyInterface, type TargetRequest } from "../../offload/targets.ts";
import { judge } from "../../offload/verdict.ts";
import { counted, listed } from "../../offload/wording.ts";
import { toWire, viewFromWire } from "../../plugin/interfaces.ts";
import { fromDocument } from "../../state/journal-document.ts";
import { printable } from "../../terminal/text.ts";
import type { HostAnswer, PoolHost } from "../../xapi/pool.ts";
import { agree } from "../agreement.ts";
import type { Interruption } from "../interruption.ts";
import type { Told } from "../invocation.ts";
import { goneNote } from "../settlement.ts";
import { callHost, recordSteps } from "./call.ts";
import { type Pool, wholePool, withPool } from "./pool.ts";
import { DISABLED, hostsSideBySide, NOT_ATTEMPTED } from "./rounds.ts";
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
}

/** A host, and what it has noted of before; or why that is not known. */
interface Noted {
  readonly host: PoolHost;
  readonly answer: HostAnswer<Journal>;
}

/** What one journal tells of, as far as it still exists. */
interface Scope {
  readonly interfaces: readonly Interface[];
  readonly gone: readonly string[];
}

/** `restore --pool`: every host's own journal; the records through the coordinator, and first. */
export async function restorePool(
  request: PoolRestore,
  interruption: Interruption,
): Promise<Result<Told>> {
  const whole = wholePool(request.targets);
  if (!whole.ok) return whole;
  return await withPool(interruption, request.patience, async (pool): Promise<Result<Told>> => {
    const noted = await readJournals(pool, () => false);
    if (request.dryRun) return success(await foretell(request, pool, noted));
    if (!request.yes) {
      const agreed = await ask(pool, noted, interruption);
      if (!agreed.ok) return agreed;
    }
    const renewed = request.yes ? success(pool.inventory) : await pool.session.inventory();
    if (!renewed.ok) return renewed;
    return await interruption.protect(async (isStopped) => {
      const rows = await putBack(request, { ...pool, inventory: renewed.value }, noted, isStopped);
      return success({ report: poolReport("restore", pool, rows, { changing: true }) });
    });
  });
}

async function readJournals(pool: Pool, isStopped: () => boolean): Promise<readonly Noted[]> {
  const { session, patience: seconds, signal } = pool;
  const noted = new Map<string, HostAnswer<Journal>>();
  await hostsSideBySide(pool.hosts, async (host) => {
    if (!host.enabled || isStopped()) return;
    const answer = await callHost(session, host, "journal", {}, { seconds, signal });
    noted.set(
      host.uuid,
      answer.ok ? { ok: true, value: fromDocument(answer.value.journal) } : answer,
    );
  });
  return pool.hosts.map((host) => ({
    host,
    answer: noted.get(host.uuid) ?? {
      ok: false,
      why: host.enabled ? NOT_ATTEMPTED : DISABLED,
    },
  }));
}

function scopeOf(journal: Journal, host: PoolHost, inventory: Inventory): Scope {
  const all = everyInterface({ ...inventory, host });
  const interfaces: Interface[] = [];
  const gone: string[] = [];
  for (const key of journal.keys()) {
    // What is noted by device only its own host can look for.
    if (key.startsWith("device:")) continue;
    const subject = all.get(key);
    if (subject === undefined) gone.push(key);
    else interfaces.push(subject);
  }
  return { interfaces, gone };
}

/** Nothing is known of any device: a plan made from it is about records alone. */
const NO_DEVICES: LiveView = {
  kernel: new KernelFeatures([]),
  existing: new Set(),
  observations: new Map(),
};

function recordsOf(
  journal: Journal,
  interfaces: readonly Interface[],
  force: boolean,
): readonly RecordStep[] {
  return planRestore(journal, interfaces, NO_DEVICES, { force }).records;
}

async function putBack(
  request: PoolRestore,
  pool: Pool,
  noted: readonly Noted[],
  isStopped: () => boolean,
): Promise<readonly HostReport[]> {
  const { session, inventory } = pool;
  const records = new Map<
    string,
    { readonly changes: readonly Change[]; problems: readonly Problem[] }
  >();
  // Records first, so that a plug meanwhile finds the former ones.
  for (const { host, answer } of noted) {
    if (!answer.ok) continue;
    const { interfaces } = scopeOf(answer.value, host, inventory);
    const steps = recordsOf(answer.value, interfaces, request.force);
    const { written, problems } = await recordSteps(steps, session, isStopped);
    records.set(host.uuid, { changes: recordChanges(written, new Set()), problems });
  }
  const read = await session.inventory();
  const now = read.ok ? read.value : inventory;
  const rows = new Map<string, HostReport>();
  await hostsSideBySide(noted, async ({ host, answer }) => {
    const why = answer.ok ? (isStopped() ? NOT_ATTEMPTED : null) : answer.why;
    const done = records.get(host.uuid) ?? { changes: [], problems: [] };
    rows.set(
      host.uuid,
      !answer.ok || why !== null
        ? unansweredRow(host, why ?? NOT_ATTEMPTED)
        : await liveHalf(request, { ...pool, inventory: now }, host, answer.value, done),
    );
  });
  return noted.flatMap(({ host }) => rows.get(host.uuid) ?? []);
}

async function liveHalf(
  { force, wait }: PoolRestore,
  { session, patience: seconds, signal, inventory }: Pool,
  host: PoolHost,
  journal: Journal,
  records: { readonly changes: readonly Change[]; readonly problems: readonly Problem[] },
): Promise<HostReport> {
  const { interfaces, gone } = scopeOf(journal, host, inventory);
  const answer = await callHost(
    session,
    host,
    "restore",
    { ...toWire(interfaces, host), gone: [...gone], force, wait },
    { seconds, signal },
  );
  if (!answer.ok) return unansweredRow(host, answer.why);
  const { changes, problems, notes, strangers } = answer.value;
  const strange = new Map(strangers.map(({ vm, because }) => [vm, because]));
  const moving = interfaces.flatMap((one): Problem[] => {
    const because = one.kind === "vif" ? strange.get(one.vm.uuid) : undefined;
    if (because === undefined) return [];
    const says = `not put back, for its VM was on the move (${because}); run this again`;
    return [problemAbout("domain-changed", one, says)];
  });
  const own = interfaces.filter((one) => one.kind !== "vif" || !strange.has(one.vm.uuid));
  const all = [...records.problems, ...problems, ...moving];
  const { devices } = judge(own, viewFromWire(answer.value.view), {
    keywords: DEFAULT_KEYWORDS,
    records: true,
  });
  return answeredRow(
    "restore",
    host,
    reportOf("restore", {
      host: { uuid: host.uuid, name: host.name },
      exitCode: exitCodeOf(all, { strict: false, changing: true }),
      devices,
      changes: [...records.changes, ...changes],
      problems: all,
      notes: [...gone.map((key) => goneNote(journal, key)), ...notes],
    }),
  );
}

async function ask(
  { inventory }: Pool,
  noted: readonly Noted[],
  interruption: Interruption,
): Promise<Result<void>> {
  const reached = noted.filter(({ answer }) => answer.ok).length;
  // Nothing will be changed, and the rows say why.
  if (reached === 0) return success(undefined);
  const lines = noted.map(({ host, answer }) => {
    const nics = [...everyInterface({ ...inventory, host }).values()].filter(
      (one): one is NicInterface => one.kind === "pif",
    );
    const management = nics.filter((one) => one.management).map(({ pif }) => pif.device);
    const what = answer.ok
      ? `${counted(answer.value.size, "interface")} to be put back`
      : answer.why.message;
    return `  ${printable(`${host.name}: management on ${listed(management)}; ${what}`)}\n`;
  });
  return await agree(
    {
      question: `Put everything back on ${reached} of ${noted.length} hosts?`,
      summary: lines.join(""),
      unasked: "this puts back everything that offload has changed on every host",
    },
    interruption,
  );
}

/** The dry run: a host after the other, as `restore --dry-run` would tell it there. */
async function foretell(
  { force }: PoolRestore,
  pool: Pool,
  noted: readonly Noted[],
): Promise<Told> {
  const { session, patience: seconds, signal, inventory } = pool;
  const rows: HostReport[] = [];
  const texts: string[] = [];
  for (const { host, answer } of noted) {
    const scope = answer.ok ? scopeOf(answer.value, host, inventory) : null;
    const seen =
      scope === null
        ? null
        : await callHost(session, host, "observe", toWire(scope.interfaces, host), {
            seconds,
            signal,
          });
    if (!answer.ok || scope === null || seen?.ok !== true) {
      const why = answer.ok ? (seen?.ok === false ? seen.why : NOT_ATTEMPTED) : answer.why;
      rows.push(unansweredRow(host, why));
      texts.push(`# ${printable(`${host.name}: ${why.message}`)}`);
      continue;
    }
    const view = viewFromWire(seen.value.view);
    const plan = planRestore(answer.value, scope.interfaces, view, { force });
    texts.push(`# ${printable(host.name)}`, ...wishesByHand(plan.live, plan.records, view.kernel));
    const { devices } = judge(scope.interfaces, view, {
      keywords: DEFAULT_KEYWORDS,
      records: true,
    });
    rows.push(
      answeredRow(
        "restore",
        host,
        reportOf("restore", {
          host: { uuid: host.uuid, name: host.name },
          exitCode: EXIT.done,
          dryRun: true,
          devices,
          notes: [...scope.gone.map((key) => goneNote(answer.value, key)), ...plan.notes],
        }),
      ),
    );
  }
  const report = poolReport("restore", pool, rows, { changing: false, dryRun: true });
  return { report, text: texts.map((line) => `${line}\n`).join("") };
}
