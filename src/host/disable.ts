import type { CommandContext, CommandResult } from "../cli/command.ts";
import { requireConfirmation } from "../cli/confirm.ts";
import type { TargetsAndFeatures } from "../cli/parse-args.ts";
import type { SignalHandler } from "../cli/signals.ts";
import type { BootMethod } from "../core/boot-layer.ts";
import { applyDisable } from "../core/disable/apply.ts";
import { formatDisableCommands } from "../core/disable/manual-commands.ts";
import { type DisablePlan, previewChanges } from "../core/disable/plan.ts";
import { createDisableReport, createRevertedReport, type DisableReportContext } from "../core/disable/report.ts";
import type { FeatureSnapshot } from "../core/disable/steps.ts";
import { collectPreviousRequests } from "../core/pending-change.ts";
import type { PoolCall } from "../core/pool-call.ts";
import { EXIT_CODES } from "../core/problem.ts";
import { createReport, type Report } from "../core/report.ts";
import { type Result, success } from "../core/result.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { parseTargetGroup } from "../core/targets/targets.ts";
import { evaluateInterfaces } from "../core/verify/evaluate-interfaces.ts";
import { KernelBitsFile } from "../state/kernel-bits.ts";
import type { ChangeLock } from "../state/lock.ts";
import { createView } from "../terminal/view.ts";
import { formatPlanSummary } from "../terminal/views/plan-summary.ts";
import { installBootLayer, planPolicy, previewBootLayer } from "./boot-layer.ts";
import {
  type BootScriptUpdate,
  createChangePorts,
  isBootScriptOutdated,
  noteOutdatedPoolHosts,
  type PlannedChange,
  planTargets,
  updateBootScript,
} from "./change.ts";
import { changeDom0AndReadAhead, type Dom0, withDom0 } from "./open.ts";
import { awaitAnswer } from "./pending/await-answer.ts";
import { beginPendingChange, markReverted, revertExpiredChange } from "./pending/pending-change.ts";
import { getReadScope, readAhead } from "./selection.ts";

/** What is to be turned off, and how. Without targets it is what the policy asks for. */
export interface HostDisableRequest extends TargetsAndFeatures {
  /** Targets and features were picked from a list. */
  readonly isPicked: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Whether policy, originals and settings are stored in XAPI. */
  readonly store: boolean;
  /** Seconds within which the change has to be confirmed; 0 where it has not. */
  readonly confirmWithinSeconds: number;
  /** Seconds to wait for another run. */
  readonly waitSeconds: number;
  /** The boot layer to be installed as well; null for none. */
  readonly persist: { readonly method: BootMethod } | null;
}

/**
 * Turns features off as a request says: shows and asks where that goes beyond what was named, waits for
 * the lock, plans from what is read with the lock held, and changes, stores and reports.
 */
export async function runDisable(
  request: HostDisableRequest,
  { signals, call }: Pick<CommandContext, "signals" | "call">,
): Promise<Result<CommandResult>> {
  // What runs at boot covers VMs of the whole pool: they may come to this host.
  const isPolicy = request.targets.length === 0 || (request.persist !== null && request.dryRun);
  const scope: ReadScope = isPolicy ? { kind: "policy" } : getReadScope(request.targets, call);
  if (request.dryRun) {
    return await withDom0(signals, scope, async (dom0): Promise<Result<CommandResult>> => {
      const plan = await planHostRequest(request, dom0, null);
      return plan.ok ? previewDisable(plan.value, request, dom0) : plan;
    });
  }
  if (!request.yes && disableNeedsConfirmation(request)) {
    const confirmed = await askToDisable(request, scope, signals);
    if (!confirmed.ok) return confirmed;
  }
  // VMs may have started and moved while a question or another run stood in the way: only what is
  // read with the lock held is planned from.
  return await changeDom0AndReadAhead(
    signals,
    scope,
    request.waitSeconds,
    (kernel) => readAhead(kernel, request.targets),
    async (dom0, lock, prefetched): Promise<Result<CommandResult>> => {
      const bits = KernelBitsFile.read(dom0.kernel);
      if (!bits.ok) return bits;
      const reverted = await revertExpiredChange(dom0.kernel, bits.value);
      if (!reverted.ok) return reverted;
      // A pending change that was reverted has changed what was read ahead.
      const planned = await planHostRequest(request, dom0, reverted.value ? null : prefetched);
      if (!planned.ok) return planned;
      // What stands in the way of the boot layer is found before anything is changed.
      const bootFiles = previewInstall(planned.value, request);
      if (!bootFiles.ok) return bootFiles;
      const run = { request, dom0, signals, call, scope };
      return request.confirmWithinSeconds > 0
        ? await disableUntilConfirmed(planned.value, run, lock)
        : await applyChange(planned.value, run);
    },
  );
}

interface DisableRun {
  readonly request: HostDisableRequest;
  readonly dom0: Dom0;
  readonly signals: SignalHandler;
  readonly call: PoolCall | null;
  readonly scope: ReadScope;
}

function planHostRequest(
  request: HostDisableRequest,
  dom0: Dom0,
  prefetched: FeatureSnapshot | null,
): Promise<Result<PlannedChange>> {
  const { targets, store } = request;
  return targets.length === 0 ? planPolicy(dom0) : planTargets(dom0, targets, request, { store, prefetched });
}

function buildReportContext(
  { selected, boot, getFeaturesOff }: PlannedChange,
  { request, dom0 }: DisableRun,
): Omit<DisableReportContext, "storesSettings"> {
  return {
    host: dom0.host,
    getFeaturesOff,
    isPersisted: request.persist !== null || boot.state === "up-to-date",
    notes: selected.notes,
  };
}

/** What goes beyond VMs, VIFs and NICs that were named one by one is shown and asked for. */
function disableNeedsConfirmation({ isPicked, targets }: HostDisableRequest): boolean {
  return isPicked || targets.length === 0 || targets.some((target) => parseTargetGroup(target) !== null);
}

async function askToDisable(
  request: HostDisableRequest,
  scope: ReadScope,
  signals: SignalHandler,
): Promise<Result<void>> {
  const terminalView = createView("stderr", false);
  const summary = await withDom0(signals, scope, async (dom0): Promise<Result<string>> => {
    const planned = await planHostRequest(request, dom0, null);
    if (!planned.ok) return planned;
    const { plan } = planned.value;
    return success(isEmptyPlan(plan) ? "" : formatPlanSummary(plan, dom0, terminalView));
  });
  if (!summary.ok) return summary;
  // Nothing to do, nothing to ask.
  if (summary.value === "") return success(undefined);
  return await requireConfirmation(
    {
      question: "Turn these offloads off?",
      summary: summary.value,
      refusal: `refusing to change ${describeTargets(request)} without confirmation`,
    },
    signals,
  );
}

function isEmptyPlan({ live, settings, policySteps, hostRule, unannouncedVms }: DisablePlan): boolean {
  const count = live.length + settings.length + policySteps.length + unannouncedVms.length;
  return count === 0 && hostRule === null;
}

function describeTargets({ isPicked, targets }: HostDisableRequest): string {
  if (isPicked) return "what was picked";
  if (targets.length === 0) return "everything in the policy";
  const targetWords = targets.filter((target) => parseTargetGroup(target) !== null).map(({ text }) => text);
  return targetWords.includes("ALL") ? "the whole host" : `all ${targetWords.join(" and ")}`;
}

/** The dry run: what would change, and by which commands or files. */
function previewDisable(planned: PlannedChange, request: HostDisableRequest, { host }: Dom0): Result<CommandResult> {
  const { plan, selected } = planned;
  const { devices, notes } = evaluateInterfaces(plan.interfaces, plan.before, {
    features: request.features,
    includesSettings: request.store,
  });
  const bootFiles = previewInstall(planned, request);
  if (!bootFiles.ok) return bootFiles;
  const report = createReport(request.persist === null ? "disable" : "persist", {
    host,
    exitCode: EXIT_CODES.success,
    dryRun: true,
    devices,
    changes: previewChanges(plan),
    problems: [...selected.problems, ...plan.excluded],
    notes: [...selected.notes, ...notes],
  });
  const commands = formatDisableCommands(plan.live, plan.settings).map((command) => `${command}\n`);
  return success({ report, text: `${commands.join("")}${bootFiles.value}` });
}

function previewInstall(planned: PlannedChange, { persist }: HostDisableRequest): Result<string> {
  return persist === null ? success("") : previewBootLayer(planned, persist);
}

async function applyChange(planned: PlannedChange, run: DisableRun): Promise<Result<CommandResult>> {
  const { plan, selected, bits } = planned;
  const { request, dom0, signals, call } = run;
  const toolstack = request.store ? selected.toolstack : null;
  return await signals.runUninterrupted(async (isStopped): Promise<Result<CommandResult>> => {
    const ports = createChangePorts(dom0, bits, toolstack, call, isStopped);
    const applied = await applyDisable(plan, ports);
    if (!applied.ok) return applied;
    const hasPolicyChanged = plan.policySteps.length > 0 || plan.hostRule !== null;
    const bootUpdate = await updateBootLayer(hasPolicyChanged, planned, run);
    dom0.closeXapi();
    const { store: storesSettings, persist } = request;
    const problems = [...selected.problems, ...applied.value.problems, ...bootUpdate.problems];
    const notes = [...selected.notes, ...bootUpdate.notes];
    const command = persist === null ? "disable" : "persist";
    const context = { ...buildReportContext(planned, run), storesSettings, notes };
    const report = createDisableReport(command, { ...applied.value, problems }, context);
    return success({ report: { ...report, boot: bootUpdate.boot } });
  });
}

/** Installs the boot layer where that was asked for; otherwise one that is there follows the policy. */
async function updateBootLayer(
  hasPolicyChanged: boolean,
  { selected, bits, boot, plan }: PlannedChange,
  { request, dom0, scope, call }: DisableRun,
): Promise<BootScriptUpdate & { readonly boot: Report["boot"] }> {
  const { toolstack } = selected;
  if (toolstack === null) return { ...NO_BOOT_UPDATE, boot: null };
  if (request.persist !== null) {
    const { method } = request.persist;
    const { kernel } = dom0;
    const checkCallerWaiting = () => call?.checkCallerWaiting() ?? Promise.resolve(success(undefined));
    return await installBootLayer(method, { kernel, toolstack, bits, checkCallerWaiting });
  }
  // A run that was killed may have left a script that does not know its policy.
  if (!hasPolicyChanged && !isBootScriptOutdated(boot, selected.inventory)) {
    return { ...NO_BOOT_UPDATE, boot: null };
  }
  const updated = await updateBootScript(boot, toolstack, scope);
  const changesVifs = call === null && plan.policySteps.some(({ iface }) => iface.kind === "vif");
  const poolNotes = changesVifs ? await noteOutdatedPoolHosts(boot, toolstack) : [];
  return { ...updated, notes: [...updated.notes, ...poolNotes], boot: null };
}

const NO_BOOT_UPDATE: BootScriptUpdate = { notes: [], problems: [] };

/** Changes the kernel alone, until somebody confirms it. */
async function disableUntilConfirmed(
  planned: PlannedChange,
  run: DisableRun,
  lock: ChangeLock,
): Promise<Result<CommandResult>> {
  const { plan, selected, bits } = planned;
  const { request, dom0, signals, call } = run;
  const callerWaiting = (await call?.checkCallerWaiting()) ?? success(undefined);
  if (!callerWaiting.ok) return callerWaiting;
  const { hasExplicitFeatures, targets, confirmWithinSeconds } = request;
  const pending = await beginPendingChange(
    {
      id: call?.runId ?? crypto.randomUUID(),
      targets,
      features: plan.request.features,
      confirmWithinSeconds,
    },
    { command: "disable", named: hasExplicitFeatures, persist: request.persist?.method ?? null },
    collectPreviousRequests(plan.live, plan.before),
    bits,
  );
  if (!pending.ok) return pending;
  const live = await signals.runUninterrupted((isStopped) =>
    applyDisable(plan, createChangePorts(dom0, bits, null, call, isStopped)),
  );
  lock[Symbol.dispose]();
  if (!live.ok) return live;
  const problems = [...selected.problems, ...live.value.problems];
  const context = { ...buildReportContext(planned, run), storesSettings: false };
  const command = request.persist === null ? "disable" : "persist";
  if (call !== null) {
    // Whoever called asks for all hosts at once.
    const report = createDisableReport(command, { ...live.value, problems }, context);
    return success({ report: { ...report, pending: { secondsLeft: confirmWithinSeconds } } });
  }
  const outcome = await awaitAnswer(pending.value, confirmWithinSeconds, {
    dom0,
    signals,
    command,
  });
  if (!outcome.ok) return outcome;
  if (outcome.value.type === "confirmed") return success(outcome.value.result);
  const reverted = markReverted(live.value, dom0.kernel, outcome.value.problems);
  return success({ report: createRevertedReport(reverted, context) });
}
