import type { Invocation, Told } from "../cli/command.ts";
import { agree } from "../cli/confirm.ts";
import type { Wanted } from "../cli/parse-args.ts";
import type { Interruption } from "../cli/signals.ts";
import type { Method } from "../core/boot-layer.ts";
import { applyDisable } from "../core/disable/apply.ts";
import { byHand } from "../core/disable/manual-commands.ts";
import { type DisablePlan, expectedChanges } from "../core/disable/plan.ts";
import { type DisableContext, disableReport, revertedReport } from "../core/disable/report.ts";
import type { LiveView } from "../core/disable/steps.ts";
import { requestsBefore } from "../core/pending-change.ts";
import { EXIT } from "../core/problem.ts";
import { type Report, reportOf } from "../core/report.ts";
import { type Result, success } from "../core/result.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { wordOf } from "../core/targets/targets.ts";
import { judge } from "../core/verify/verdict.ts";
import type { PoolCall } from "../plugin/pool-call.ts";
import { KernelBitsFile } from "../state/kernel-bits.ts";
import type { ChangeLock } from "../state/lock.ts";
import { viewOn } from "../terminal/view.ts";
import { planSummary } from "../terminal/views/plan-summary.ts";
import { installBootLayer, planPolicy, previewBootLayer } from "./boot-layer.ts";
import {
  changePorts,
  type Followed,
  isScriptBehind,
  otherHostsNotes,
  type Planned,
  planTargets,
  updateBootScript,
} from "./change.ts";
import { changeDom0Ahead, type Dom0, withDom0 } from "./open.ts";
import { awaitAnswer } from "./pending/await-answer.ts";
import { asReverted, beginPendingChange, settlePendingChange } from "./pending/pending-change.ts";
import { lookAhead, scopeOf } from "./selection.ts";

/** What is to be turned off, and how. Without targets it is what the policy asks for. */
export interface TurnOffRequest extends Wanted {
  /** Targets and features were picked from a list. */
  readonly pick: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Whether policy, originals and settings are stored in XAPI. */
  readonly store: boolean;
  /** Seconds within which the change has to be confirmed; 0 where it has not. */
  readonly seconds: number;
  /** Seconds to wait for another run. */
  readonly wait: number;
  /** The boot layer to be installed as well; null for none. */
  readonly persist: { readonly method: Method } | null;
}

/**
 * Turns features off as a request says: shows and asks where that goes beyond what was named, waits for
 * the lock, plans from what is read with the lock held, and changes, stores and reports.
 */
export async function turnOff(
  request: TurnOffRequest,
  { interruption, call }: Pick<Invocation, "interruption" | "call">,
): Promise<Result<Told>> {
  // What runs at boot covers VMs of the whole pool: they may come to this host.
  const isPolicy = request.targets.length === 0 || (request.persist !== null && request.dryRun);
  const scope: ReadScope = isPolicy ? { kind: "policy" } : scopeOf(request.targets, call);
  if (request.dryRun) {
    return await withDom0(interruption, scope, async (dom0): Promise<Result<Told>> => {
      const plan = await planFor(request, dom0, null);
      return plan.ok ? preview(plan.value, request, dom0) : plan;
    });
  }
  if (!request.yes && isBeyondNames(request)) {
    const agreed = await ask(request, scope, interruption);
    if (!agreed.ok) return agreed;
  }
  // VMs may have started and moved while a question or another run stood in the way: only what is
  // read with the lock held is planned from.
  return await changeDom0Ahead(
    interruption,
    scope,
    request.wait,
    (kernel) => lookAhead(kernel, request.targets),
    async (dom0, lock, ahead): Promise<Result<Told>> => {
      const bits = KernelBitsFile.read(dom0.kernel);
      if (!bits.ok) return bits;
      const settled = await settlePendingChange(dom0.kernel, bits.value);
      if (!settled.ok) return settled;
      // A pending change that was reverted has changed what was read ahead.
      const planned = await planFor(request, dom0, settled.value ? null : ahead);
      if (!planned.ok) return planned;
      // What stands in the way of the boot layer is found before anything is changed.
      const files = previewFiles(planned.value, request);
      if (!files.ok) return files;
      const run = { request, dom0, interruption, call, scope };
      return request.seconds > 0
        ? await pend(planned.value, run, lock)
        : await change(planned.value, run);
    },
  );
}

interface Run {
  readonly request: TurnOffRequest;
  readonly dom0: Dom0;
  readonly interruption: Interruption;
  readonly call: PoolCall | null;
  readonly scope: ReadScope;
}

function planFor(
  request: TurnOffRequest,
  dom0: Dom0,
  ahead: LiveView | null,
): Promise<Result<Planned>> {
  const { targets, store } = request;
  return targets.length === 0
    ? planPolicy(dom0)
    : planTargets(dom0, targets, request, { store, ahead });
}

function contextOf(
  { chosen, boot, featuresOf }: Planned,
  { request, dom0 }: Run,
): Omit<DisableContext, "store"> {
  return {
    host: dom0.host,
    featuresOf,
    persisted: request.persist !== null || boot.state === "current",
    notes: chosen.notes,
  };
}

/** What goes beyond VMs, VIFs and NICs that were named one by one is shown and asked for. */
function isBeyondNames({ pick, targets }: TurnOffRequest): boolean {
  return pick || targets.length === 0 || targets.some((target) => wordOf(target) !== null);
}

async function ask(
  request: TurnOffRequest,
  scope: ReadScope,
  interruption: Interruption,
): Promise<Result<void>> {
  const view = viewOn("stderr", false);
  const summary = await withDom0(interruption, scope, async (dom0): Promise<Result<string>> => {
    const planned = await planFor(request, dom0, null);
    if (!planned.ok) return planned;
    const { plan } = planned.value;
    return success(isNothingToDo(plan) ? "" : planSummary(plan, dom0, view));
  });
  if (!summary.ok) return summary;
  // Nothing to do, nothing to ask.
  if (summary.value === "") return success(undefined);
  return await agree(
    {
      question: "Turn these offloads off?",
      summary: summary.value,
      unasked: `refusing to change ${whatIsMeant(request)} without confirmation`,
    },
    interruption,
  );
}

function isNothingToDo({ live, settings, texts, rule, unannounced }: DisablePlan): boolean {
  const count = live.length + settings.length + texts.length + unannounced.length;
  return count === 0 && rule === null;
}

function whatIsMeant({ pick, targets }: TurnOffRequest): string {
  if (pick) return "what was picked";
  if (targets.length === 0) return "everything in the policy";
  const words = targets.filter((target) => wordOf(target) !== null).map(({ text }) => text);
  return words.includes("ALL") ? "the whole host" : `all ${words.join(" and ")}`;
}

/** The dry run: what would change, and by which commands or files. */
function preview(planned: Planned, request: TurnOffRequest, { host }: Dom0): Result<Told> {
  const { plan, chosen } = planned;
  const { devices, notes } = judge(plan.interfaces, plan.before, {
    keywords: request.features,
    records: request.store,
  });
  const files = previewFiles(planned, request);
  if (!files.ok) return files;
  const report = reportOf(request.persist === null ? "disable" : "persist", {
    host,
    exitCode: EXIT.done,
    dryRun: true,
    devices,
    changes: expectedChanges(plan),
    problems: [...chosen.problems, ...plan.excluded],
    notes: [...chosen.notes, ...notes],
  });
  const commands = byHand(plan.live, plan.settings).map((command) => `${command}\n`);
  return success({ report, text: `${commands.join("")}${files.value}` });
}

function previewFiles(planned: Planned, { persist }: TurnOffRequest): Result<string> {
  return persist === null ? success("") : previewBootLayer(planned, persist);
}

async function change(planned: Planned, run: Run): Promise<Result<Told>> {
  const { plan, chosen, bits } = planned;
  const { request, dom0, interruption, call } = run;
  const toolstack = request.store ? chosen.toolstack : null;
  return await interruption.protect(async (isStopped): Promise<Result<Told>> => {
    const ports = changePorts(dom0, bits, toolstack, call, isStopped);
    const applied = await applyDisable(plan, ports);
    if (!applied.ok) return applied;
    const isPolicyNew = plan.texts.length > 0 || plan.rule !== null;
    const followed = await followPolicy(isPolicyNew, planned, run);
    dom0.leaveXapi();
    const { store, persist } = request;
    const problems = [...chosen.problems, ...applied.value.problems, ...followed.problems];
    const notes = [...chosen.notes, ...followed.notes];
    const command = persist === null ? "disable" : "persist";
    const context = { ...contextOf(planned, run), store, notes };
    const report = disableReport(command, { ...applied.value, problems }, context);
    return success({ report: { ...report, boot: followed.boot } });
  });
}

/** Installs the boot layer where that was asked for; otherwise one that is there follows the policy. */
async function followPolicy(
  isPolicyNew: boolean,
  { chosen, bits, boot, plan }: Planned,
  { request, dom0, scope, call }: Run,
): Promise<Followed & { readonly boot: Report["boot"] }> {
  const { toolstack } = chosen;
  if (toolstack === null) return { ...NOTHING_FOLLOWED, boot: null };
  if (request.persist !== null) {
    const { method } = request.persist;
    const { kernel } = dom0;
    const stillWanted = () => call?.stillWanted() ?? Promise.resolve(success(undefined));
    return await installBootLayer(method, { kernel, toolstack, bits, stillWanted });
  }
  // A run that was killed may have left a script that does not know its policy.
  if (!isPolicyNew && !isScriptBehind(boot, chosen.inventory)) {
    return { ...NOTHING_FOLLOWED, boot: null };
  }
  const updated = await updateBootScript(boot, toolstack, scope);
  const isAboutVms = call === null && plan.texts.some(({ iface }) => iface.kind === "vif");
  const others = isAboutVms ? await otherHostsNotes(boot, toolstack) : [];
  return { ...updated, notes: [...updated.notes, ...others], boot: null };
}

const NOTHING_FOLLOWED: Followed = { notes: [], problems: [] };

/** Changes the kernel alone, until somebody confirms it. */
async function pend(planned: Planned, run: Run, lock: ChangeLock): Promise<Result<Told>> {
  const { plan, chosen, bits } = planned;
  const { request, dom0, interruption, call } = run;
  const wanted = (await call?.stillWanted()) ?? success(undefined);
  if (!wanted.ok) return wanted;
  const { named, targets, seconds } = request;
  const begun = await beginPendingChange(
    { id: call?.run ?? crypto.randomUUID(), targets, features: plan.request.features, seconds },
    { command: "disable", named, persist: request.persist?.method ?? null },
    requestsBefore(plan.live, plan.before),
    bits,
  );
  if (!begun.ok) return begun;
  const live = await interruption.protect((isStopped) =>
    applyDisable(plan, changePorts(dom0, bits, null, call, isStopped)),
  );
  lock[Symbol.dispose]();
  if (!live.ok) return live;
  const problems = [...chosen.problems, ...live.value.problems];
  const context = { ...contextOf(planned, run), store: false };
  const command = request.persist === null ? "disable" : "persist";
  if (call !== null) {
    // Whoever called asks for all hosts at once.
    const report = disableReport(command, { ...live.value, problems }, context);
    return success({ report: { ...report, pending: { secondsLeft: seconds } } });
  }
  const ended = await awaitAnswer(begun.value, seconds, { dom0, interruption, command });
  if (!ended.ok) return ended;
  if (ended.value.type === "confirmed") return success(ended.value.told);
  const reverted = asReverted(live.value, dom0.kernel, ended.value.problems);
  return success({ report: revertedReport(reverted, context) });
}
