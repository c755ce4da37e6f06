import type { CommandContext, CommandResult } from "../cli/command.ts";
import type { SignalHandler } from "../cli/signals.ts";
import type { BootLayer } from "../core/boot-layer.ts";
import { applyChange } from "../core/disable/apply.ts";
import { type ChangeReportContext, createChangeReport, createRevertedReport } from "../core/disable/report.ts";
import { collectPreviousRequests, type PendingCommand } from "../core/pending-change.ts";
import type { PoolCall } from "../core/pool-call.ts";
import type { Report } from "../core/report.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { formatRestoreCommand } from "../core/undo-command.ts";
import type { ChangeLock } from "../state/lock.ts";
import { installBootLayer } from "./boot-layer.ts";
import {
  type BootScriptUpdate,
  createChangePorts,
  getBootCoverage,
  isBootScriptOutdated,
  noteOutdatedPoolHosts,
  type PlannedChange,
  updateBootScript,
} from "./change.ts";
import {
  getReportingCommand,
  type HostChangeRequest,
  planHostRequest,
  planReplugs,
  previewInstall,
} from "./change-request.ts";
import { needsConfirmation, warnOverSsh } from "./confirmation.ts";
import { changeDom0AndReadAhead, type Dom0, withDom0 } from "./open.ts";
import { awaitAnswer } from "./pending/await-answer.ts";
import { applyOrRevert, beginPendingChange, markReverted, revertExpiredChange } from "./pending/pending-change.ts";
import { askToChange, previewChange } from "./preview-change.ts";
import { createEnabledReplugger, isSavedAlready, noteUnpluggedNics } from "./replug-enabled.ts";
import { PLUG_UNPROTECTED } from "./restore/replug.ts";
import { areDevices, getReadScope, readAhead } from "./selection.ts";

/**
 * Turns features off or on as a request says: shows and asks where that goes beyond what was named, waits for
 * the lock, plans from what is read with the lock held, and changes, stores and reports.
 */
export async function runChange(
  request: HostChangeRequest,
  { signals, call }: Pick<CommandContext, "signals" | "call">,
): Promise<CommandResult> {
  // What runs at boot covers VMs of the whole pool: they may come to this host.
  const isPolicy = request.targets.length === 0 || (request.persist !== null && request.dryRun);
  const isKernelOnly = !request.store && !isPolicy && areDevices(request.targets);
  const scope = isPolicy ? POLICY_SCOPE : isKernelOnly ? null : getReadScope(request.targets, call);
  if (request.dryRun) {
    return await withDom0(signals, scope, async (dom0): Promise<CommandResult> => {
      const plan = await planHostRequest(request, dom0, null);
      return await previewChange(plan, request, dom0);
    });
  }
  const isAsked = !request.yes && needsConfirmation(request);
  if (isAsked) await askToChange(request, scope, signals);
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
        ? await changeUntilConfirmed(planned, run, lock)
        : await applyPlan(planned, run);
    },
  );
}

const POLICY_SCOPE: ReadScope = { kind: "policy" };

interface ChangeRun {
  readonly request: HostChangeRequest;
  readonly dom0: Dom0;
  readonly signals: SignalHandler;
  readonly call: PoolCall | null;
  /** Null where XAPI is not asked. */
  readonly scope: ReadScope | null;
}

function buildReportContext(
  { selected, boot, getFeatures }: PlannedChange,
  { request, dom0 }: ChangeRun,
): Omit<ChangeReportContext, "storesSettings"> {
  return {
    host: dom0.host,
    direction: request.direction,
    getFeatures,
    isPersisted: request.persist !== null || boot.state === "up-to-date",
    notes: selected.notes,
  };
}

async function applyPlan(planned: PlannedChange, run: ChangeRun): Promise<CommandResult> {
  const { plan, selected, bits, boot } = planned;
  const { request, dom0, signals, call } = run;
  const toolstack = request.store ? selected.toolstack : null;
  const replugPlan = await planReplugs(planned, request);
  signals.throwIfInterrupted();
  return await signals.runUninterrupted(async (isStopped): Promise<CommandResult> => {
    const ports = createChangePorts(dom0, bits, toolstack, call, isStopped);
    const replugger = request.replug ? createEnabledReplugger(planned, replugPlan, dom0.kernel, isStopped) : undefined;
    const applied = await applyChange(plan, ports, replugger);
    const hasPolicyChanged = plan.policySteps.length > 0 || plan.hostRule !== null;
    const bootUpdate = await updateBootLayer(hasPolicyChanged, planned, run);
    dom0.closeXapi();
    const { store: storesSettings } = request;
    const problems = [...selected.problems, ...applied.problems, ...bootUpdate.problems];
    const unplugged = request.replug ? [] : noteUnpluggedNics(replugPlan);
    const notes = [...selected.notes, ...bootUpdate.notes, ...unplugged];
    const context = { ...buildReportContext(planned, run), storesSettings, notes };
    const report = createChangeReport(getReportingCommand(request), { ...applied, problems }, context);
    const undo = report.changes.length === 0 && bootUpdate.boot === null ? null : formatUndoCommand(request, boot);
    return { report: { ...report, boot: bootUpdate.boot, undo } };
  });
}

/** A boot layer that was not there before goes again; what was changed is restored. */
function formatUndoCommand({ targets, features, hasExplicitFeatures, persist }: HostChangeRequest, boot: BootLayer) {
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
  { request, dom0, scope, call }: ChangeRun,
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

/** Changes the kernel alone, until someone confirms it. */
async function changeUntilConfirmed(planned: PlannedChange, run: ChangeRun, lock: ChangeLock): Promise<CommandResult> {
  const { plan, selected, bits } = planned;
  const { request, dom0, signals, call } = run;
  const { hasExplicitFeatures: named, targets, confirmWithinSeconds } = request;
  const pendingRequest = {
    id: call?.runId ?? crypto.randomUUID(),
    targets,
    features: plan.request.features,
    confirmWithinSeconds,
  };
  const next: PendingCommand =
    request.direction === "on"
      ? { command: "enable", named, replug: request.replug }
      : { command: "disable", named, persist: request.persist?.method ?? null };
  const previous = collectPreviousRequests(plan.live, plan.before);
  signals.throwIfInterrupted();
  // A signal that comes while the change begins ends nothing in the middle: it is heard when the answer is awaited.
  const { pending, live } = await signals.runUninterrupted(async (isStopped) => {
    await call?.checkCallerWaiting();
    const begun = await beginPendingChange(pendingRequest, next, previous, bits);
    const ports = createChangePorts(dom0, bits, null, call, isStopped);
    return { pending: begun, live: await applyOrRevert(begun, dom0.kernel, () => applyChange(plan, ports)) };
  });
  lock[Symbol.dispose]();
  const problems = [...selected.problems, ...live.problems];
  const { plugs } = request.replug ? await planReplugs(planned, request, isSavedAlready) : { plugs: [] };
  const plugNotes = plugs.length > 0 ? [PLUG_UNPROTECTED] : [];
  const reportContext = buildReportContext(planned, run);
  const context = { ...reportContext, notes: [...reportContext.notes, ...plugNotes], storesSettings: false };
  const command = getReportingCommand(request);
  if (call !== null) {
    // Whoever called asks for all hosts at once.
    const report = createChangeReport(command, { ...live, problems }, context);
    return { report: { ...report, pending: { secondsLeft: confirmWithinSeconds } } };
  }
  const outcome = await awaitAnswer(pending, confirmWithinSeconds, {
    dom0,
    signals,
    command,
  });
  if (outcome.type === "confirmed") return outcome.result;
  const reverted = markReverted(live, dom0.kernel, outcome.problems);
  return { report: createRevertedReport(command, reverted, context) };
}
