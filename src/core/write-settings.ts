import { attemptAsync, CommandError, type Failure } from "./command-error.ts";
import type { SettingStep } from "./disable/steps.ts";
import { getUuid, type Interface } from "./interface.ts";
import { createInterfaceProblem } from "./interface-problem.ts";
import type { Vm } from "./inventory.ts";
import type { PendingAnnouncements, SettingOutcome, Toolstack } from "./ports.ts";
import type { Problem } from "./problem.ts";
import type { Settings } from "./settings.ts";
import { formatCount } from "./text.ts";

/** What writing settings came to. */
export interface WriteSettingsResult {
  /** The interfaces as XAPI has them now. */
  readonly interfaces: readonly Interface[];
  readonly written: readonly SettingStep[];
  readonly problems: readonly Problem[];
  /** False where they could not be written at all, or not be read back. */
  readonly settingsVerified: boolean;
}

/**
 * Writes settings, has xenopsd take over those of running VMs, and reads back. The mark stands on disk
 * from before the first setting of a VIF until after the last event.
 */
export async function writeSettings(
  interfaces: readonly Interface[],
  steps: readonly SettingStep[],
  announce: readonly Vm[],
  toolstack: Toolstack,
  {
    pendingAnnouncements,
    isStopped,
  }: { readonly pendingAnnouncements: PendingAnnouncements; readonly isStopped: () => boolean },
): Promise<WriteSettingsResult> {
  const unchanged = { interfaces, written: [], problems: [], settingsVerified: true };
  if (steps.length === 0 && announce.length === 0) return unchanged;
  if (announce.length > 0) {
    const added = await attemptAsync(() => pendingAnnouncements.add(announce.map(({ uuid }) => uuid)));
    if (added instanceof CommandError) {
      const problems = toStateProblems(added.failures, "no setting was changed: ");
      return { ...unchanged, problems, settingsVerified: false };
    }
  }
  const outcomes = await toolstack.writeSettings(steps, isStopped);
  const problems = outcomes.flatMap(toProblems);
  const attempted = outcomes.filter(({ state }) => state !== "unattempted");
  const disconnectReason = isStopped() ? undefined : outcomes.find(({ state }) => state === "unattempted")?.reason;
  problems.push(...(await announceAndClear(announce, disconnectReason, toolstack, pendingAnnouncements)));
  const written = outcomes.flatMap(({ step, state }) => (state === "written" ? [step] : []));
  if (attempted.length === 0) return { interfaces, written, problems, settingsVerified: true };
  if (disconnectReason !== undefined) {
    problems.push(createUnreadSettingsProblem(disconnectReason));
    return { interfaces, written, problems, settingsVerified: false };
  }
  const uuids = new Set(attempted.map(({ step }) => getUuid(step.iface)));
  const attemptedInterfaces = interfaces.filter((iface) => uuids.has(getUuid(iface)));
  const settings = await attemptAsync(() => toolstack.readSettings(attemptedInterfaces));
  if (settings instanceof CommandError) {
    problems.push(createUnreadSettingsProblem(settings.message));
    return { interfaces, written, problems, settingsVerified: false };
  }
  const updated = interfaces.map((iface) => mergeSettings(iface, settings));
  return { interfaces: updated, written, problems, settingsVerified: true };
}

/** A VM that reboots from within takes what xenopsd knows; one that is started, what XAPI does. */
async function announceAndClear(
  vms: readonly Vm[],
  disconnectReason: string | undefined,
  toolstack: Toolstack,
  pendingAnnouncements: PendingAnnouncements,
): Promise<readonly Problem[]> {
  if (vms.length === 0) return [];
  const failed = disconnectReason === undefined ? await toolstack.announceVms(vms) : vms.map(() => disconnectReason);
  if (failed.length > 0) {
    const message = `xenopsd does not have the new settings of ${formatCount(failed.length, "VM")}: ${failed[0] ?? ""}; run this again, or shut them down and start them`;
    return [{ code: "setting-write-failed", message }];
  }
  const removed = await attemptAsync(() => pendingAnnouncements.remove(vms.map(({ uuid }) => uuid)));
  return removed instanceof CommandError ? toStateProblems(removed.failures) : [];
}

function toStateProblems(failures: readonly Failure[], prefix = ""): readonly Problem[] {
  return failures.map(({ message }): Problem => ({ code: "state-write-failed", message: `${prefix}${message}` }));
}

/** That nobody knows what the settings are now. */
export function createUnreadSettingsProblem(reason: string): Problem {
  return { code: "settings-unreadable", message: `the settings could not be read back: ${reason}` };
}

function toProblems({ step, state, reason }: SettingOutcome): Problem[] {
  if (state === "written") return [];
  const { iface, key, to } = step;
  const change = to === null ? `removal of ${key}` : `${key}=${to}`;
  return [
    state === "unattempted"
      ? createInterfaceProblem("setting-not-attempted", iface, `${change} was not written: ${reason}`)
      : createInterfaceProblem("setting-write-failed", iface, `${change} could not be written: ${reason}`),
  ];
}

/** The interface as it was read back; one that was not read again stays as it is. */
export function mergeSettings<T extends Interface>(iface: T, updated: ReadonlyMap<string, Settings>): T {
  const settings = updated.get(getUuid(iface) ?? "");
  if (settings === undefined) return iface;
  if (iface.kind === "pif") return { ...iface, pif: { ...iface.pif, settings } };
  return iface.kind === "vif" ? { ...iface, vif: { ...iface.vif, settings } } : iface;
}
