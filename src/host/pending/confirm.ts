import type { CommandResult } from "../../cli/command.ts";
import { usageError } from "../../core/command-error.ts";
import { applyChange } from "../../core/disable/apply.ts";
import { createChangeReport } from "../../core/disable/report.ts";
import type { PendingChange, PendingCommand } from "../../core/pending-change.ts";
import type { PoolCall } from "../../core/pool-call.ts";
import type { ReportingCommand } from "../../core/report.ts";
import { ChangeLock } from "../../state/lock.ts";
import { installBootLayer, planPolicy } from "../boot-layer.ts";
import { createChangePorts, getBootCoverage, planTargets, updateBootScript } from "../change.ts";
import { type Dom0, refreshInventory } from "../open.ts";
import { createEnabledReplugger, noteUnpluggedNics, planEnabledReplugs } from "../replug-enabled.ts";
import { applyHostRestore } from "../restore/apply.ts";
import { planHostRestore } from "../restore/plan.ts";
import { getReadScope } from "../selection.ts";
import { endPendingChange, findPendingChange, listPendingChanges } from "./pending-change.ts";

/** How long to wait for the process that holds the lock. */
const LOCK_WAIT_SECONDS = 30;

/** What a confirmation is run with. */
export interface ConfirmContext {
  readonly dom0: Dom0;
  readonly call: PoolCall | null;
  /** The command that reports: the one that began the change, or `confirm`. */
  readonly command: Extract<ReportingCommand, "disable" | "enable" | "persist" | "restore" | "confirm">;
  readonly isStopped: () => boolean;
}

/**
 * Confirms a pending change: what it has tried out is done for good. VMs may have started and moved
 * since it began, so its targets are found again. `id`: null for whichever there is.
 */
export async function confirmPending(id: string | null, run: ConfirmContext): Promise<CommandResult> {
  const locked = await ChangeLock.acquire(LOCK_WAIT_SECONDS, (pause) => pause);
  using _lock = locked;
  const pending = findPendingChange(id);
  const { targets, next } = pending;
  if (next.command === "bisect") {
    throw usageError(
      "no-pending-change",
      "offload bisect is at work, and restores what it tries; nothing is to be confirmed",
    );
  }
  const refreshed = await refreshInventory(run.dom0, getPendingScope(targets, run.call));
  const refreshedRun = { ...run, dom0: refreshed };
  return next.command === "restore"
    ? await confirmPendingRestore(pending, next, refreshedRun)
    : await confirmPendingChange(pending, next, refreshedRun);
}

/** What has to be read to complete a pending change. */
export function getPendingScope(targets: PendingChange["targets"], call: PoolCall | null) {
  return targets.length === 0 ? ({ kind: "policy" } as const) : getReadScope(targets, call);
}

async function confirmPendingChange(
  pending: PendingChange,
  next: Extract<PendingCommand, { command: "disable" | "enable" }>,
  { dom0, call, command, isStopped }: ConfirmContext,
): Promise<CommandResult> {
  const { targets, features } = pending;
  const isPolicy = targets.length === 0;
  const direction = next.command === "enable" ? "on" : "off";
  const persist = next.command === "disable" ? next.persist : null;
  const request = { direction, features, hasExplicitFeatures: next.named } as const;
  const planned = isPolicy
    ? await planPolicy(dom0)
    : await planTargets(dom0, targets, request, { store: true, prefetched: null });
  const { selected, bits, boot, evidence, plan, getFeatures } = planned;
  await endPendingChange(pending);
  const { toolstack, interfaces } = selected;
  const ports = createChangePorts(dom0, bits, isPolicy ? null : toolstack, call, isStopped);
  const replugPlan = await planEnabledReplugs(planned);
  const mayPlug = next.command === "enable" && next.replug;
  const replugger = mayPlug ? createEnabledReplugger(planned, replugPlan, dom0.kernel, isStopped) : undefined;
  const applied = await applyChange(plan, ports, replugger);
  const bootUpdate =
    toolstack === null
      ? { notes: [], problems: [], boot: null }
      : persist === null
        ? {
            ...(await updateBootScript(boot, toolstack, getPendingScope(targets, call))),
            boot: null,
          }
        : await installBootLayer(persist, {
            kernel: dom0.kernel,
            toolstack,
            bits,
            previousCoverage: getBootCoverage(boot),
            checkCallerWaiting: ports.checkCallerWaiting,
          });
  const report = createChangeReport(
    command === "restore" ? "confirm" : command,
    {
      ...applied,
      changes: [...listPendingChanges(pending, interfaces, evidence.snapshot), ...applied.changes],
      problems: [...selected.problems, ...applied.problems, ...bootUpdate.problems],
    },
    {
      host: dom0.host,
      direction,
      getFeatures,
      isPersisted: persist !== null || boot.state === "up-to-date",
      storesSettings: true,
      notes: [...selected.notes, ...bootUpdate.notes, ...(mayPlug ? [] : noteUnpluggedNics(replugPlan))],
    },
  );
  return { report: { ...report, boot: bootUpdate.boot } };
}

async function confirmPendingRestore(
  pending: PendingChange,
  { isWhole, force, replug }: Extract<PendingCommand, { command: "restore" }>,
  { dom0, call, command, isStopped }: ConfirmContext,
): Promise<CommandResult> {
  const { targets, features } = pending;
  const request = { targets, features: isWhole ? null : features, force, replug };
  const planned = await planHostRestore(dom0, request);
  await endPendingChange(pending);
  const reportCommand = command === "restore" ? "restore" : "confirm";
  return await applyHostRestore(planned, { request, dom0, call, command: reportCommand, isStopped }, []);
}
