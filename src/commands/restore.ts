import type { CommandDef } from "citty";
import { wishesByHand } from "../offload/by-hand.ts";
import { DEFAULT_KEYWORDS } from "../offload/features.ts";
import type { Interface } from "../offload/interface.ts";
import { deviceOfKey, type Journal, journalKey } from "../offload/journal.ts";
import { EXIT, exitCodeOf, type Note } from "../offload/problem.ts";
import { reportOf } from "../offload/report.ts";
import { carryBack, planRestore, type RestorePlan } from "../offload/restore.ts";
import { type Result, success } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import { everyInterface, type TargetRequest } from "../offload/targets.ts";
import { judge } from "../offload/verdict.ts";
import { counted } from "../offload/wording.ts";
import { readJournal } from "../state/journal.ts";
import { readTrial, revertTrial } from "../state/trial.ts";
import { agree } from "./agreement.ts";
import {
  type PoolManner,
  parseArguments,
  poolOf,
  rollingOf,
  secondsOf,
  targetsOf,
} from "./arguments.ts";
import { RESTORE } from "./definition/restore.ts";
import { changeDom0, type Dom0, withDom0 } from "./dom0.ts";
import type { Interruption } from "./interruption.ts";
import type { Invocation, Told } from "./invocation.ts";
import { reportingCommand } from "./reporting.ts";
import { chooseWithoutXapi } from "./selection.ts";
import { goneNote, settleJournal } from "./settlement.ts";

interface Request {
  /** Empty: everything that was changed. */
  readonly targets: readonly TargetRequest[];
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly wait: number;
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolManner | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
}

/** What of the journal a run is about. */
interface Scope {
  readonly interfaces: readonly Interface[];
  /** Keys of what no longer exists: there is nothing left to put back. */
  readonly gone: readonly string[];
  readonly notes: readonly Note[];
}

/** `offload restore`: puts back exactly what was there before. */
export function restoreCommand(invocation: Invocation): CommandDef {
  return reportingCommand(RESTORE, invocation, async ({ rawArgs, interruption }) => {
    const request = requestOf(rawArgs);
    if (!request.ok) return request;
    const { pool } = request.value;
    if (pool === null) return await restore(request.value, interruption);
    const { restorePool } = await import("./pool/restore.ts");
    return await restorePool({ ...request.value, ...pool }, interruption);
  });
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(RESTORE.args, rawArgs);
  if (!given.ok) return given;
  const targets = targetsOf(given.value);
  if (!targets.ok) return targets;
  const wait = secondsOf(given.value);
  if (!wait.ok) return wait;
  const pool = poolOf(given.value, wait.value);
  if (!pool.ok) return pool;
  const rolling = rollingOf(given.value, pool.value);
  if (!rolling.ok) return rolling;
  return success({
    targets: targets.value,
    yes: given.value.flag("yes"),
    dryRun: given.value.flag("dry-run"),
    force: given.value.flag("force"),
    wait: wait.value,
    pool: pool.value,
    rolling: rolling.value,
  });
}

async function restore(request: Request, interruption: Interruption): Promise<Result<Told>> {
  if (request.dryRun) {
    return await withDom0(interruption, async (dom0): Promise<Result<Told>> => {
      const looked = look(request, dom0);
      return looked.ok ? success(foretell(looked.value, dom0)) : looked;
    });
  }
  if (request.targets.length === 0 && !request.yes) {
    const agreed = await ask(request, interruption);
    if (!agreed.ok) return agreed;
  }
  return await changeDom0(interruption, request.wait, async (dom0): Promise<Result<Told>> => {
    const trial = readTrial();
    if (!trial.ok) return trial;
    if (trial.value !== null) {
      const reverted = await revertTrial(trial.value, dom0.kernel);
      if (!reverted.ok) return reverted;
    }
    const looked = look(request, dom0);
    if (!looked.ok) return looked;
    return await interruption.protect((isStopped) => putBack(looked.value, dom0, isStopped));
  });
}

interface Looked {
  readonly journal: Journal;
  readonly scope: Scope;
  readonly plan: RestorePlan;
}

/** Reads the journal and what it tells of, and plans. */
function look(request: Request, dom0: Dom0): Result<Looked> {
  const journal = readJournal();
  if (!journal.ok) return journal;
  const scope = scopeOf(request, dom0, journal.value);
  if (!scope.ok) return scope;
  const { interfaces } = scope.value;
  const before = survey(interfaces, dom0.kernel);
  if (!before.ok) return before;
  const plan = planRestore(journal.value, interfaces, before.value, { force: request.force });
  return success({ journal: journal.value, scope: scope.value, plan });
}

function scopeOf(request: Request, dom0: Dom0, journal: Journal): Result<Scope> {
  if (request.targets.length > 0) {
    const chosen = chooseWithoutXapi(dom0, request.targets);
    if (!chosen.ok) return chosen;
    const interfaces = chosen.value.interfaces.filter((one) => journal.has(journalKey(one)));
    if (!dom0.records.known && interfaces.length < chosen.value.interfaces.length) {
      return { ok: false, failures: dom0.records.failures };
    }
    return success({ interfaces, gone: [], notes: chosen.value.notes });
  }
  const bare = dom0.kernel.observe(() => []);
  if (!bare.ok) return bare;
  const { records } = dom0;
  const byDevice = [...journal].every(([key]) => deviceOfKey(key) !== null);
  if (!records.known && !byDevice) return { ok: false, failures: records.failures };
  const all = records.known ? everyInterface(records.inventory) : new Map<string, Interface>();
  const interfaces: Interface[] = [];
  const gone: string[] = [];
  for (const [key, entry] of journal) {
    const device = deviceOfKey(key);
    const subject: Interface | undefined =
      device === null
        ? all.get(key)
        : bare.value.existing.has(device)
          ? { kind: "bare", device, as: entry.kind }
          : undefined;
    if (subject === undefined) gone.push(key);
    else interfaces.push(subject);
  }
  return success({ interfaces, gone, notes: gone.map((key) => goneNote(journal, key)) });
}

async function ask(request: Request, interruption: Interruption): Promise<Result<void>> {
  const looked = await withDom0(interruption, async (dom0) => look(request, dom0));
  if (!looked.ok) return looked;
  const { journal, plan } = looked.value;
  if (journal.size === 0) return success(undefined);
  const what = `${counted(plan.live.length, "device")} and ${counted(plan.records.length, "record")}`;
  return await agree(
    {
      question: `Put back ${what} as they were?`,
      summary: "",
      unasked: "this puts back everything that offload has changed",
    },
    interruption,
  );
}

function foretell({ plan, scope }: Looked, { host }: Dom0): Told {
  const { devices } = judge(plan.interfaces, plan.before, {
    keywords: DEFAULT_KEYWORDS,
    records: true,
  });
  const report = reportOf("restore", {
    host,
    exitCode: EXIT.done,
    dryRun: true,
    devices,
    notes: [...scope.notes, ...plan.notes],
  });
  const commands = wishesByHand(plan.live, plan.records, plan.before.kernel);
  return { report, text: commands.map((command) => `${command}\n`).join("") };
}

async function putBack(
  { plan, journal, scope }: Looked,
  dom0: Dom0,
  isStopped: () => boolean,
): Promise<Result<Told>> {
  const toolstack = dom0.records.known ? dom0.records.toolstack : null;
  const restored = await carryBack(plan, dom0.kernel, toolstack, isStopped);
  const settled = await settleJournal(journal, plan, restored, scope.gone);
  if (!settled.ok) return settled;
  const { devices } = judge(restored.interfaces, restored.after, {
    keywords: DEFAULT_KEYWORDS,
    records: restored.recordsKnown,
  });
  return success({
    report: reportOf("restore", {
      host: dom0.host,
      exitCode: exitCodeOf(restored.problems, { strict: false, changing: true }),
      devices,
      changes: restored.changes,
      problems: restored.problems,
      notes: [...scope.notes, ...plan.notes, ...settled.value],
    }),
  });
}
