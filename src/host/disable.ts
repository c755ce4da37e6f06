import type { CommandContext, CommandResult } from "../cli/command.ts";
import { requireConfirmation } from "../cli/confirm.ts";
import type { TargetsAndFeatures } from "../cli/options.ts";
import type { SignalHandler } from "../cli/signals.ts";
import type { BootLayer, BootMethod } from "../core/boot-layer.ts";
import { applyDisable } from "../core/disable/apply.ts";
import { formatDisableCommands, NOTHING_TO_CHANGE } from "../core/disable/manual-commands.ts";
import { type DisablePlan, previewChanges } from "../core/disable/plan.ts";
import { createDisableReport, createRevertedReport, type DisableReportContext } from "../core/disable/report.ts";
import type { FeatureSnapshot } from "../core/disable/steps.ts";
import { collectPreviousRequests } from "../core/pending-change.ts";
import type { PoolCall } from "../core/pool-call.ts";
import { EXIT_CODES } from "../core/problem.ts";
import { createReport, type Report } from "../core/report.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { formatRestoreCommand } from "../core/undo-command.ts";
import { evaluateInterfaces } from "../core/verify/evaluate-interfaces.ts";
import type { ChangeLock } from "../state/lock.ts";
import { createView } from "../terminal/view.ts";
import { formatPlanSummary } from "../terminal/views/plan-summary.ts";
import { installBootLayer, planPolicy, previewBootLayer } from "./boot-layer.ts";
import {
  type BootScriptUpdate,
  createChangePorts,
  getBootCoverage,
  isBootScriptOutdated,
  noteOutdatedPoolHosts,
  type PlannedChange,
  planTargets,
  updateBootScript,
} from "./change.ts";
import { createSshWarning, describeScope, needsConfirmation, warnOverSsh } from "./confirmation.ts";
import { changeDom0AndReadAhead, type Dom0, withDom0 } from "./open.ts";
import { awaitAnswer } from "./pending/await-answer.ts";
import { applyOrRevert, beginPendingChange, markReverted, revertExpiredChange } from "./pending/pending-change.ts";
import { areDevices, getReadScope, readAhead } from "./selection.ts";

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
): Promise<CommandResult> {
  // What runs at boot covers VMs of the whole pool: they may come to this host.
  const isPolicy = request.targets.length === 0 || (request.persist !== null && request.dryRun);
  const isKernelOnly = !request.store && !isPolicy && areDevices(request.targets);
  const scope = isPolicy ? POLICY_SCOPE : isKernelOnly ? null : getReadScope(request.targets, call);
  if (request.dryRun) {
    return await withDom0(signals, scope, async (dom0): Promise<CommandResult> => {
      const plan = await planHostRequest(request, dom0, null);
      return await previewDisable(plan, request, dom0);
    });
  }
  const isAsked = !request.yes && needsConfirmation(request);
  if (isAsked) await askToDisable(request, scope, signals);
  // VMs may have started and moved while a question or another run stood in the way: only what is
  // read with the lock held is planned from.
  return await changeDom0AndReadAhead(
    signals,
    scope,
    request.waitSeconds,
    (kernel) => readAhead(kernel, request.targets),
    async (dom0, lock, prefetched): Promise<CommandResult> => {
      const reverted = await revertExpiredChange(dom0.kernel);
      // A pending change that was reverted has changed what was read ahead.
      const planned = await planHostRequest(request, dom0, reverted ? null : prefetched);
      // What stands in the way of the boot layer is found before anything is changed.
      await previewInstall(planned, request);
      const changedInterfaces = planned.plan.live.map(({ iface }) => iface);
      if (!isAsked) warnOverSsh(changedInterfaces, request.confirmWithinSeconds, call);
      const run = { request, dom0, signals, call, scope };
      return request.confirmWithinSeconds > 0
        ? await disableUntilConfirmed(planned, run, lock)
        : await applyChange(planned, run);
    },
  );
}

const POLICY_SCOPE: ReadScope = { kind: "policy" };

interface DisableRun {
  readonly request: HostDisableRequest;
  readonly dom0: Dom0;
  readonly signals: SignalHandler;
  readonly call: PoolCall | null;
  /** Null where XAPI is not asked. */
  readonly scope: ReadScope | null;
}

function planHostRequest(
  request: HostDisableRequest,
  dom0: Dom0,
  prefetched: FeatureSnapshot | null,
): Promise<PlannedChange> {
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

async function askToDisable(
  request: HostDisableRequest,
  scope: ReadScope | null,
  signals: SignalHandler,
): Promise<void> {
  const terminalView = createView("stderr", false);
  const summary = await withDom0(signals, scope, async (dom0): Promise<string> => {
    const planned = await planHostRequest(request, dom0, null);
    const { plan } = planned;
    const warning = createSshWarning(
      plan.live.map(({ iface }) => iface),
      request.confirmWithinSeconds,
    );
    return isEmptyPlan(plan) ? "" : formatPlanSummary(plan, dom0, warning, terminalView);
  });
  // Nothing to do, nothing to ask.
  if (summary === "") return;
  return await requireConfirmation(
    {
      question: "Turn these offloads off?",
      summary,
      refusal: `refusing to change ${describeScope(request, "everything in the policy")} without confirmation`,
    },
    signals,
  );
}

function isEmptyPlan({ live, settings, policySteps, hostRule, unannouncedVms }: DisablePlan): boolean {
  const count = live.length + settings.length + policySteps.length + unannouncedVms.length;
  return count === 0 && hostRule === null;
}

/** The dry run: what would change, and by which commands or files. */
async function previewDisable(
  planned: PlannedChange,
  request: HostDisableRequest,
  { host }: Dom0,
): Promise<CommandResult> {
  const { plan, selected } = planned;
  const { devices, notes } = evaluateInterfaces(plan.interfaces, plan.before, {
    features: request.features,
    includesSettings: request.store,
  });
  const bootFiles = await previewInstall(planned, request);
  const commands = formatDisableCommands(plan.live, plan.settings);
  const report = createReport(request.persist === null ? "disable" : "persist", {
    host,
    exitCode: EXIT_CODES.success,
    dryRun: true,
    devices,
    changes: previewChanges(plan),
    problems: [...selected.problems, ...plan.excluded],
    notes: [...selected.notes, ...notes],
    commands,
  });
  const emptyLines = isEmptyPlan(plan)
    ? [NOTHING_TO_CHANGE]
    : ["# no command: only the policy is stored, in other-config"];
  const lines = commands.length > 0 || bootFiles !== "" ? commands : emptyLines;
  return { report, text: `${lines.map((line) => `${line}\n`).join("")}${bootFiles}` };
}

async function previewInstall(planned: PlannedChange, { persist }: HostDisableRequest): Promise<string> {
  return persist === null ? "" : await previewBootLayer(planned, persist);
}

async function applyChange(planned: PlannedChange, run: DisableRun): Promise<CommandResult> {
  const { plan, selected, bits, boot } = planned;
  const { request, dom0, signals, call } = run;
  const toolstack = request.store ? selected.toolstack : null;
  signals.throwIfInterrupted();
  return await signals.runUninterrupted(async (isStopped): Promise<CommandResult> => {
    const ports = createChangePorts(dom0, bits, toolstack, call, isStopped);
    const applied = await applyDisable(plan, ports);
    const hasPolicyChanged = plan.policySteps.length > 0 || plan.hostRule !== null;
    const bootUpdate = await updateBootLayer(hasPolicyChanged, planned, run);
    dom0.closeXapi();
    const { store: storesSettings, persist } = request;
    const problems = [...selected.problems, ...applied.problems, ...bootUpdate.problems];
    const notes = [...selected.notes, ...bootUpdate.notes];
    const command = persist === null ? "disable" : "persist";
    const context = { ...buildReportContext(planned, run), storesSettings, notes };
    const report = createDisableReport(command, { ...applied, problems }, context);
    const undo = report.changes.length === 0 && bootUpdate.boot === null ? null : formatUndoCommand(request, boot);
    return { report: { ...report, boot: bootUpdate.boot, undo } };
  });
}

/** A boot layer that was not there before goes again; what was turned off is restored. */
function formatUndoCommand({ targets, features, hasExplicitFeatures, persist }: HostDisableRequest, boot: BootLayer) {
  const restored = { targets, features: hasExplicitFeatures ? features : null, pool: false };
  const commands = [
    ...(targets.length === 0 ? [] : [formatRestoreCommand(restored)]),
    ...(persist !== null && boot.state === "not-installed" ? ["offload persist --remove"] : []),
  ];
  return commands.length === 0 ? null : commands.join(" && ");
}

/** Installs the boot layer where that was asked for; otherwise one that is there follows the policy. */
async function updateBootLayer(
  hasPolicyChanged: boolean,
  { selected, bits, boot, plan }: PlannedChange,
  { request, dom0, scope, call }: DisableRun,
): Promise<BootScriptUpdate & { readonly boot: Report["boot"] }> {
  const { toolstack } = selected;
  if (toolstack === null || scope === null) return { ...NO_BOOT_UPDATE, boot: null };
  if (request.persist !== null) {
    const { method } = request.persist;
    const { kernel } = dom0;
    const checkCallerWaiting = () => call?.checkCallerWaiting() ?? Promise.resolve(undefined);
    const previousCoverage = getBootCoverage(boot);
    return await installBootLayer(method, { kernel, toolstack, bits, previousCoverage, checkCallerWaiting });
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
): Promise<CommandResult> {
  const { plan, selected, bits } = planned;
  const { request, dom0, signals, call } = run;
  const { hasExplicitFeatures, targets, confirmWithinSeconds } = request;
  const pendingRequest = {
    id: call?.runId ?? crypto.randomUUID(),
    targets,
    features: plan.request.features,
    confirmWithinSeconds,
  };
  const next = { command: "disable", named: hasExplicitFeatures, persist: request.persist?.method ?? null } as const;
  const previous = collectPreviousRequests(plan.live, plan.before);
  signals.throwIfInterrupted();
  // A signal that comes while the change begins ends nothing in the middle: it is heard when the answer is awaited.
  const { pending, live } = await signals.runUninterrupted(async (isStopped) => {
    await call?.checkCallerWaiting();
    const begun = await beginPendingChange(pendingRequest, next, previous, bits);
    const ports = createChangePorts(dom0, bits, null, call, isStopped);
    return { pending: begun, live: await applyOrRevert(begun, dom0.kernel, () => applyDisable(plan, ports)) };
  });
  lock[Symbol.dispose]();
  const problems = [...selected.problems, ...live.problems];
  const context = { ...buildReportContext(planned, run), storesSettings: false };
  const command = request.persist === null ? "disable" : "persist";
  if (call !== null) {
    // Whoever called asks for all hosts at once.
    const report = createDisableReport(command, { ...live, problems }, context);
    return { report: { ...report, pending: { secondsLeft: confirmWithinSeconds } } };
  }
  const outcome = await awaitAnswer(pending, confirmWithinSeconds, { dom0, signals, command });
  if (outcome.type === "confirmed") return outcome.result;
  const reverted = markReverted(live, dom0.kernel, outcome.problems);
  return { report: createRevertedReport(reverted, context) };
}
