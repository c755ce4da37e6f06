import type { Told } from "../../cli/command.ts";
import { applyDisable } from "../../core/disable/apply.ts";
import { disableReport } from "../../core/disable/report.ts";
import type { PendingChange, PendingCommand } from "../../core/pending-change.ts";
import type { ReportingCommand } from "../../core/report.ts";
import { type Result, success } from "../../core/result.ts";
import type { PoolCall } from "../../plugin/pool-call.ts";
import { ChangeLock } from "../../state/lock.ts";
import { endPendingChange } from "../../state/pending-change.ts";
import { installBootLayer, planPolicy } from "../boot-layer.ts";
import { changePorts, planTargets, updateBootScript } from "../change.ts";
import { type Dom0, renew } from "../open.ts";
import { findRestore } from "../restore/find.ts";
import { carryOutRestore } from "../restore/run.ts";
import { scopeOf } from "../selection.ts";
import { changesOf, pendingToConfirm } from "./pending-change.ts";

/** How long to wait for whoever has the lock. */
const LOCK_WAIT_SECONDS = 30;

/** What a confirmation is run with. */
export interface ConfirmRun {
  readonly dom0: Dom0;
  readonly call: PoolCall | null;
  /** The command that reports: the one that began the change, or `confirm`. */
  readonly command: Extract<ReportingCommand, "disable" | "persist" | "restore" | "confirm">;
  readonly isStopped: () => boolean;
}

/**
 * Confirms a pending change: what it has tried out is done for good. VMs may have started and moved
 * since it began, so its targets are found anew. `id`: null for whichever there is.
 */
export async function confirmPending(id: string | null, run: ConfirmRun): Promise<Result<Told>> {
  const locked = await ChangeLock.take(LOCK_WAIT_SECONDS, (work) => work);
  if (!locked.ok) return locked;
  using _lock = locked.value;
  const pending = pendingToConfirm(id);
  if (!pending.ok) return pending;
  const { targets, next } = pending.value;
  const renewed = await renew(run.dom0, scopeForPending(targets, run.call));
  if (!renewed.ok) return renewed;
  const now = { ...run, dom0: renewed.value };
  return next.command === "disable"
    ? await confirmDisable(pending.value, next, now)
    : await confirmRestore(pending.value, next, now);
}

/** What has to be read to complete a pending change. */
export function scopeForPending(targets: PendingChange["targets"], call: PoolCall | null) {
  return targets.length === 0 ? ({ kind: "policy" } as const) : scopeOf(targets, call);
}

async function confirmDisable(
  pending: PendingChange,
  { named, persist }: Extract<PendingCommand, { command: "disable" }>,
  { dom0, call, command, isStopped }: ConfirmRun,
): Promise<Result<Told>> {
  const { targets, features } = pending;
  const isPolicy = targets.length === 0;
  const planned = isPolicy
    ? await planPolicy(dom0)
    : await planTargets(dom0, targets, { features, named }, { store: true, ahead: null });
  if (!planned.ok) return planned;
  const { chosen, bits, boot, evidence, plan, featuresOf } = planned.value;
  const ended = endPendingChange();
  if (!ended.ok) return ended;
  const { toolstack, interfaces } = chosen;
  const ports = changePorts(dom0, bits, isPolicy ? null : toolstack, call, isStopped);
  const applied = await applyDisable(plan, ports);
  if (!applied.ok) return applied;
  const followed =
    toolstack === null
      ? { notes: [], problems: [], boot: null }
      : persist === null
        ? {
            ...(await updateBootScript(boot, toolstack, scopeForPending(targets, call))),
            boot: null,
          }
        : await installBootLayer(persist, {
            kernel: dom0.kernel,
            toolstack,
            bits,
            stillWanted: ports.stillWanted,
          });
  const report = disableReport(
    command === "restore" ? "confirm" : command,
    {
      ...applied.value,
      changes: [...changesOf(pending, interfaces, evidence.view), ...applied.value.changes],
      problems: [...chosen.problems, ...applied.value.problems, ...followed.problems],
    },
    {
      host: dom0.host,
      featuresOf,
      persisted: persist !== null || boot.state === "current",
      store: true,
      notes: [...chosen.notes, ...followed.notes],
    },
  );
  return success({ report: { ...report, boot: followed.boot } });
}

async function confirmRestore(
  { targets, features }: PendingChange,
  { isWhole, force, replug }: Extract<PendingCommand, { command: "restore" }>,
  { dom0, call, command, isStopped }: ConfirmRun,
): Promise<Result<Told>> {
  const request = { targets, features: isWhole ? null : features, force, replug };
  const found = await findRestore(dom0, request);
  if (!found.ok) return found;
  const ended = endPendingChange();
  if (!ended.ok) return ended;
  const name = command === "restore" ? "restore" : "confirm";
  return await carryOutRestore(found.value, { request, dom0, call, command: name, isStopped }, []);
}
