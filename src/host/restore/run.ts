import type { CommandResult } from "../../cli/command.ts";
import { requireConfirmation } from "../../cli/confirm.ts";
import type { SignalHandler } from "../../cli/signals.ts";
import { unavailableError } from "../../core/command-error.ts";
import { formatPlugCommand, formatRestoreCommands, NOTHING_TO_CHANGE } from "../../core/disable/manual-commands.ts";
import { listLiveChanges } from "../../core/disable/steps.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES } from "../../core/features.ts";
import { type Interface, listInterfaceDevices } from "../../core/interface.ts";
import type { PoolCall } from "../../core/pool-call.ts";
import { computeExitCode, EXIT_CODES, type Problem } from "../../core/problem.ts";
import { createReport } from "../../core/report.ts";
import { applyLiveRestore } from "../../core/restore/apply.ts";
import { collectCurrentRequests } from "../../core/restore/live-restore.ts";
import type { ReadScope } from "../../core/targets/read-scope.ts";
import { formatCount, joinAnd } from "../../core/text.ts";
import { evaluateInterfaces } from "../../core/verify/evaluate-interfaces.ts";
import type { ChangeLock } from "../../state/lock.ts";
import { getSecondsLeft, readPendingChange } from "../../state/pending-change.ts";
import { createView } from "../../terminal/view.ts";
import { formatRestoreSummary } from "../../terminal/views/plan-summary.ts";
import { createSshWarning, describeScope, needsConfirmation, warnOverSsh } from "../confirmation.ts";
import { changeDom0, type Dom0, withDom0 } from "../open.ts";
import { awaitAnswer } from "../pending/await-answer.ts";
import { applyOrRevert, beginPendingChange, revertPendingChange } from "../pending/pending-change.ts";
import { getReadScope } from "../selection.ts";
import { applyHostRestore } from "./apply.ts";
import { noteSettingsOfOthers, type PlannedRestore, planHostRestore, type RestoreOptions } from "./plan.ts";
import { describePlugs, PLUG_UNPROTECTED } from "./replug.ts";

/** What is to be restored, and how. */
export interface HostRestoreRequest extends RestoreOptions {
  /** The targets were picked from a list. */
  readonly isPicked: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Seconds within which the change has to be confirmed; 0 where it has not. */
  readonly confirmWithinSeconds: number;
  /** Seconds to wait for another run. */
  readonly waitSeconds: number;
}

/** Brings back what was there, as a request says: asks where that goes beyond what was named. */
export async function runRestore(
  request: HostRestoreRequest,
  signals: SignalHandler,
  call: PoolCall | null,
): Promise<CommandResult> {
  // The host that was asked counts templates and snapshots too, wherever they are.
  const isEverything = request.targets.length === 0 && (call === null || call.includesHaltedVms);
  const scope: ReadScope = isEverything ? { kind: "policy" } : getReadScope(request.targets, call);
  if (request.dryRun) {
    return await withDom0(signals, scope, async (dom0): Promise<CommandResult> => {
      const planned = await planHostRestore(dom0, request);
      return previewRestore(planned, request, dom0);
    });
  }
  const isAsked = !request.yes && needsConfirmation(request);
  if (isAsked) await askToRestore(request, scope, signals);
  return await changeDom0(signals, scope, request.waitSeconds, async (dom0, lock) => {
    const { planned, reverted } = await planAfterPendingChange(request, dom0);
    if (!isAsked) warnOverSsh(listRestoredInterfaces(planned), request.confirmWithinSeconds, call);
    if (request.confirmWithinSeconds > 0) {
      return await restoreUntilConfirmed(planned, { request, dom0, signals, call }, lock);
    }
    const run = { request, dom0, call, command: "restore" } as const;
    signals.throwIfInterrupted();
    return await signals.runUninterrupted((isStopped) => applyHostRestore(planned, { ...run, isStopped }, reverted));
  });
}

async function askToRestore(request: HostRestoreRequest, scope: ReadScope, signals: SignalHandler): Promise<void> {
  const prompt = await withDom0(signals, scope, async (dom0) => {
    const planned = await planHostRestore(dom0, request);
    return formatRestorePrompt(planned, request, dom0);
  });
  if (prompt === null) return;
  const refusal = `refusing to restore ${describeScope(request, "everything that offload has changed")} without confirmation`;
  return await requireConfirmation({ ...prompt, refusal }, signals);
}

/** Null where there is nothing to do, and so nothing to ask. */
function formatRestorePrompt(
  planned: PlannedRestore,
  { targets, confirmWithinSeconds }: HostRestoreRequest,
  dom0: Dom0,
): { readonly question: string; readonly summary: string } | null {
  const { plan, boot, replugPlan, rule } = planned;
  const removesBootLayer = targets.length === 0 && boot.state !== "not-installed";
  if (plan.live.length + plan.policyRemovals.length === 0 && rule === null && !removesBootLayer) return null;
  const plugs = describePlugs(replugPlan);
  const rows = [
    ...(plugs === null ? [] : [["Replug", plugs] as const]),
    ...(removesBootLayer ? [["Boot", "What persist installed is removed."] as const] : []),
  ];
  const interfaces = listRestoredInterfaces(planned);
  const warning = createSshWarning(interfaces, confirmWithinSeconds);
  const parts = [formatCount(plan.live.length, "device"), `${formatCount(plan.settings.length, "setting")} in XAPI`];
  return {
    question: `Restore ${joinAnd(parts)}?`,
    summary: formatRestoreSummary(interfaces, rows, dom0, warning, createView("stderr", false)),
  };
}

/** What a plan changes, in the kernel or in XAPI. */
function listRestoredInterfaces({ plan }: PlannedRestore): readonly Interface[] {
  const changed = new Set<Interface>([...plan.live.map(({ iface }) => iface), ...plan.policyRemovals]);
  return plan.interfaces.filter((iface) => changed.has(iface));
}

interface PlanAfterPending {
  readonly planned: PlannedRestore;
  /** What could not be reverted of a pending change. */
  readonly reverted: readonly Problem[];
}

/**
 * A pending change of what is to be restored is reverted first. One of other devices is left alone, and one of some
 * of these devices has to be answered.
 */
async function planAfterPendingChange(request: HostRestoreRequest, dom0: Dom0): Promise<PlanAfterPending> {
  const pending = readPendingChange();
  if (pending === null) return { planned: await planHostRestore(dom0, request), reverted: [] };
  const { targets, confirmWithinSeconds } = request;
  const remainingSeconds = getSecondsLeft(pending);
  if (remainingSeconds > 0 && targets.length > 0 && !hasSameTargets(targets, pending.targets)) {
    const planned = await planHostRestore(dom0, request);
    const { existing } = planned.evidence.snapshot;
    const devices = planned.selected.interfaces.flatMap((iface) => listInterfaceDevices(iface, existing));
    const overlapping = devices.filter(({ name }) => pending.devices.has(name)).map(({ name }) => name);
    if (overlapping.length === 0 && confirmWithinSeconds === 0) return { planned, reverted: [] };
    const subject =
      overlapping.length === 0
        ? "of other devices"
        : `that ${joinAnd(overlapping)} ${overlapping.length === 1 ? "is" : "are"} part of`;
    throw unavailableError(
      "change-pending",
      `a change ${subject} is pending, and reverted in ${formatCount(remainingSeconds, "second")}; keep it with offload confirm, or revert it now with offload restore`,
    );
  }
  const reverted = await revertPendingChange(pending, dom0.kernel);
  return { planned: await planHostRestore(dom0, request), reverted };
}

function hasSameTargets(a: RestoreOptions["targets"], b: RestoreOptions["targets"]): boolean {
  const getTexts = (targets: RestoreOptions["targets"]) => new Set(targets.map(({ text }) => text));
  return getTexts(a).symmetricDifference(getTexts(b)).size === 0;
}

function previewRestore(planned: PlannedRestore, request: HostRestoreRequest, { host }: Dom0): CommandResult {
  const { plan, selected, boot, replugPlan } = planned;
  const { devices } = evaluateInterfaces(plan.interfaces, plan.before, {
    features: DEFAULT_FEATURES,
    includesSettings: true,
  });
  const removesBootLayer = request.targets.length === 0 && boot.state !== "not-installed";
  const commands = [
    ...formatRestoreCommands([], plan.settings, plan.before.featureTable),
    ...replugPlan.plugs.map(({ pif }) => formatPlugCommand(pif)),
    ...formatRestoreCommands(plan.live, [], plan.before.featureTable),
    ...(removesBootLayer ? ["offload persist --remove"] : []),
  ];
  const report = createReport("restore", {
    host,
    exitCode: EXIT_CODES.success,
    dryRun: true,
    devices,
    problems: [...selected.problems, ...plan.problems],
    notes: [...selected.notes, ...noteSettingsOfOthers(planned, request), ...plan.notes],
    commands,
  });
  const lines = commands.length > 0 ? commands : [NOTHING_TO_CHANGE];
  return { report, text: lines.map((line) => `${line}\n`).join("") };
}

interface PendingRestoreContext {
  readonly request: HostRestoreRequest;
  readonly dom0: Dom0;
  readonly signals: SignalHandler;
  readonly call: PoolCall | null;
}

/** Changes the kernel alone, until someone confirms it: nothing is written in XAPI or plugged. */
async function restoreUntilConfirmed(
  { plan, selected, bits }: PlannedRestore,
  { request, dom0, signals, call }: PendingRestoreContext,
  lock: ChangeLock,
): Promise<CommandResult> {
  const { targets, features, force, replug, confirmWithinSeconds } = request;
  const pendingRequest = {
    id: call?.runId ?? crypto.randomUUID(),
    targets,
    features: features ?? FEATURE_NAMES,
    confirmWithinSeconds,
  };
  const next = { command: "restore", isWhole: features === null, force, replug } as const;
  signals.throwIfInterrupted();
  // A signal that comes while the change begins ends nothing in the middle: it is heard when the answer is awaited.
  const { pending, live } = await signals.runUninterrupted(async (isStopped) => {
    await call?.checkCallerWaiting();
    const begun = await beginPendingChange(pendingRequest, next, collectCurrentRequests(plan), bits);
    const ports = { kernel: dom0.kernel, isStopped };
    return { pending: begun, live: await applyOrRevert(begun, dom0.kernel, () => applyLiveRestore(plan, ports)) };
  });
  lock[Symbol.dispose]();
  const { host } = dom0;
  const { devices } = evaluateInterfaces(plan.interfaces, live.after, {
    features: DEFAULT_FEATURES,
    includesSettings: true,
  });
  const changes = listLiveChanges(plan.interfaces, FEATURE_NAMES, plan.before, live.after);
  const problems = [...selected.problems, ...plan.problems, ...live.failed];
  const buildReport = (extraProblems: readonly Problem[], remainingChanges: typeof changes) => {
    const allProblems = [...problems, ...extraProblems];
    const exitCode = computeExitCode(allProblems, { strict: false, changing: true });
    return createReport("restore", {
      host,
      exitCode,
      devices,
      changes: remainingChanges,
      problems: allProblems,
      notes: [PLUG_UNPROTECTED],
    });
  };
  if (call !== null) {
    return {
      report: { ...buildReport([], changes), pending: { secondsLeft: confirmWithinSeconds } },
    };
  }
  const outcome = await awaitAnswer(pending, confirmWithinSeconds, {
    dom0,
    signals,
    command: "restore",
  });
  return outcome.type === "confirmed" ? outcome.result : { report: buildReport(outcome.problems, []) };
}
