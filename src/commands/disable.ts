import type { CommandDef } from "citty";
import type { Remembered } from "../offload/boot.ts";
import { byHand } from "../offload/by-hand.ts";
import {
  carryOut,
  type DisablePlan,
  disableReport,
  forecast,
  planDisable,
  revertedReport,
} from "../offload/disable.ts";
import type { LiveView } from "../offload/plan.ts";
import { EXIT } from "../offload/problem.ts";
import { reportOf } from "../offload/report.ts";
import { type Result, success, usage } from "../offload/result.ts";
import { survey } from "../offload/survey.ts";
import { isWholeHost } from "../offload/targets.ts";
import { judge } from "../offload/verdict.ts";
import { FileJournal } from "../state/journal.ts";
import type { ChangeLock } from "../state/lock.ts";
import { readRemembered } from "../state/remembered.ts";
import { settleTrial } from "../state/trial.ts";
import { planSummary } from "../terminal/plan-summary.ts";
import { viewOn } from "../terminal/view.ts";
import { agree } from "./agreement.ts";
import {
  type PoolManner,
  parseArguments,
  poolOf,
  rollingOf,
  secondsOf,
  trialOf,
  type Wanted,
  wantedOf,
} from "./arguments.ts";
import { DISABLE } from "./definition/disable.ts";
import { changeDom0Ahead, type Dom0, withDom0 } from "./dom0.ts";
import type { Interruption } from "./interruption.ts";
import { type Invocation, mannerOf, type Told } from "./invocation.ts";
import { rememberDone } from "./remember.ts";
import { reportingCommand } from "./reporting.ts";
import { type Chosen, choose, chooseWithoutXapi, lookAhead } from "./selection.ts";
import { tryOut } from "./trial.ts";

interface Request extends Wanted {
  /** Targets and features are to be picked from a list, and agreed to. */
  readonly pick: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly record: boolean;
  /** Seconds that the change is on trial; 0 where it is not. */
  readonly seconds: number;
  /** Seconds to wait for another run. */
  readonly wait: number;
  /** How the whole pool is meant; null where it is this host. */
  readonly pool: PoolManner | null;
  /** One host of the pool after the other. */
  readonly rolling: boolean;
}

/** `offload disable`: turns features off, in the kernel and in XAPI's records. */
export function disableCommand(invocation: Invocation): CommandDef {
  return reportingCommand(DISABLE, invocation, async ({ rawArgs, interruption }) => {
    const request = requestOf(rawArgs);
    if (!request.ok) return request;
    const { pick, pool, keywords } = request.value;
    if (pool !== null) {
      const { disablePool } = await import("./pool/disable.ts");
      return await disablePool({ ...request.value, ...pool }, interruption);
    }
    if (!pick) return await disable(request.value, interruption);
    const { pickWork } = await import("./pick.ts");
    const picked = await pickWork(keywords, mannerOf(rawArgs), interruption);
    return picked.ok ? await disable({ ...request.value, ...picked.value }, interruption) : picked;
  });
}

function requestOf(rawArgs: readonly string[]): Result<Request> {
  const given = parseArguments(DISABLE.args, rawArgs);
  if (!given.ok) return given;
  const wanted = wantedOf(given.value);
  if (!wanted.ok) return wanted;
  const wait = secondsOf(given.value);
  if (!wait.ok) return wait;
  const trial = trialOf(given.value);
  if (!trial.ok) return trial;
  const pool = poolOf(given.value, wait.value);
  if (!pool.ok) return pool;
  const pick = given.value.flag("pick");
  if (pick && wanted.value.targets.length > 0) {
    return usage(
      "pick-takes-no-target",
      "--pick shows a list to choose from; name no target with it",
    );
  }
  const rolling = rollingOf(given.value, pool.value);
  if (!rolling.ok) return rolling;
  if (rolling.value && trial.value > 0) {
    return usage(
      "rolling-or-trial",
      "--rolling and --confirm-within exclude each other: one answer is for all hosts at once",
    );
  }
  if (pick && pool.value !== null) {
    return usage(
      "pick-or-pool",
      "--pick is about this host, and --pool about all; say one of them",
    );
  }
  if (!pick && pool.value === null && wanted.value.targets.length === 0) {
    return usage(
      "no-target",
      "nothing named to work on; name VMs, PIFs or VIFs, or ALL for the whole host",
    );
  }
  return success({
    ...wanted.value,
    pick,
    yes: given.value.flag("yes"),
    dryRun: given.value.flag("dry-run"),
    record: given.value.flag("record"),
    seconds: trial.value,
    wait: wait.value,
    pool: pool.value,
    rolling: rolling.value,
  });
}

async function disable(request: Request, interruption: Interruption): Promise<Result<Told>> {
  if (request.dryRun) {
    return await withDom0(interruption, async (dom0): Promise<Result<Told>> => {
      const looked = look(request, dom0);
      return looked.ok ? success(foretell(looked.value, request, dom0)) : looked;
    });
  }
  if (!request.yes && (request.pick || request.targets.some(isWholeHost))) {
    const agreed = await ask(request, interruption);
    if (!agreed.ok) return agreed;
  }
  // VMs may have started and moved while a question or another run stood in the way: only what is
  // read with the lock held is planned from.
  return await changeDom0Ahead(
    interruption,
    request.wait,
    (kernel) => ({ ahead: lookAhead(kernel, request.targets), remembered: readRemembered() }),
    async (dom0, lock, { ahead, remembered }): Promise<Result<Told>> => {
      const settled = await settleTrial(dom0.kernel);
      if (!settled.ok) return settled;
      // A trial that was put back has changed what was read ahead.
      const looked = look(request, dom0, settled.value ? null : ahead);
      if (!looked.ok) return looked;
      return request.seconds > 0
        ? await onTrial(looked.value, request, dom0, lock, interruption)
        : await change({ ...looked.value, remembered }, request, dom0, interruption);
    },
  );
}

interface Looked {
  readonly plan: DisablePlan;
  readonly chosen: Chosen;
}

/** Finds the targets, reads their devices and plans. */
function look(request: Request, dom0: Dom0, ahead: LiveView | null = null): Result<Looked> {
  const chosen = request.record
    ? choose(dom0, request.targets)
    : chooseWithoutXapi(dom0, request.targets);
  if (!chosen.ok) return chosen;
  const before = survey(chosen.value.interfaces, dom0.kernel, ahead ?? chosen.value.seen);
  if (!before.ok) return before;
  const plan = planDisable(chosen.value.interfaces, request.keywords, before.value);
  return success({ plan, chosen: chosen.value });
}

async function ask(request: Request, interruption: Interruption): Promise<Result<void>> {
  const view = viewOn("stderr", false);
  const summary = await withDom0(interruption, async (dom0): Promise<Result<string>> => {
    const looked = look(request, dom0);
    if (!looked.ok) return looked;
    const { plan } = looked.value;
    return success(planSummary(plan, forecast(plan, { records: request.record }), dom0, view));
  });
  if (!summary.ok) return summary;
  return await agree(
    {
      question: "Turn these offloads off?",
      summary: summary.value,
      unasked: "ALL changes every NIC and VM of this host",
    },
    interruption,
  );
}

/** The dry run: what would change, and by which commands. */
function foretell({ plan, chosen }: Looked, request: Request, { host }: Dom0): Told {
  const { records, changes } = forecast(plan, { records: request.record });
  const { devices, notes } = judge(plan.interfaces, plan.before, {
    keywords: plan.keywords,
    records: request.record,
  });
  const report = reportOf("disable", {
    host,
    exitCode: EXIT.done,
    dryRun: true,
    devices,
    changes,
    notes: [...chosen.notes, ...notes],
  });
  const commands = byHand(plan.live, records);
  return { report, text: commands.map((command) => `${command}\n`).join("") };
}

async function change(
  { plan, chosen, remembered }: Looked & { readonly remembered: Result<Remembered> },
  { record, keywords }: Request,
  { host, kernel, leaveXapi }: Dom0,
  interruption: Interruption,
): Promise<Result<Told>> {
  const journal = new FileJournal();
  const toolstack = record ? chosen.toolstack : null;
  return await interruption.protect(async (isStopped): Promise<Result<Told>> => {
    const carried = await carryOut(plan, kernel, toolstack, journal, isStopped);
    leaveXapi();
    if (!carried.ok) return carried;
    const done = await rememberDone(carried.value, chosen, keywords, remembered);
    const concerned = { host, keywords, record, notes: chosen.notes };
    return success({ report: disableReport("disable", done, concerned) });
  });
}

async function onTrial(
  { plan, chosen }: Looked,
  request: Request,
  dom0: Dom0,
  lock: ChangeLock,
  interruption: Interruption,
): Promise<Result<Told>> {
  const tried = await tryOut(plan, request, dom0, lock, interruption);
  if (!tried.ok) return tried;
  const { kept, done, notes = chosen.notes } = tried.value;
  const concerned = { host: dom0.host, keywords: request.keywords, record: true, notes };
  const report = kept ? disableReport("disable", done, concerned) : revertedReport(done, concerned);
  return success({ report });
}
