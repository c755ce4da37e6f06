import { attemptAsync, CommandError } from "../command-error.ts";
import { type ChangePorts, hasProblem, toProblems } from "../disable/apply.ts";
import { listRunningVms } from "../disable/plan.ts";
import { type Change, type FeatureSnapshot, listLiveChanges, listSettingChanges } from "../disable/steps.ts";
import { FEATURE_NAMES } from "../features.ts";
import { getSettings, type Interface, listInterfaceDevices, type ManagedInterface } from "../interface.ts";
import { createInterfaceProblem } from "../interface-problem.ts";
import { EventLoopYielder } from "../pause.ts";
import type { Replugger, Toolstack } from "../ports.ts";
import type { Note, Problem } from "../problem.ts";
import { type HostRuleStep, removeEntriesByKey, storeHostRule, storePolicyEntries } from "../write-policy-entries.ts";
import { createUnreadSettingsProblem, mergeSettings, writeSettings } from "../write-settings.ts";
import { type LiveRestoreStep, planLiveRestore, type RestoreRequest, type RestoreSources } from "./live-restore.ts";
import { createUnreadableProblems, hasLostOriginals, isOnOtherHost, type RestorePlan } from "./plan.ts";

/** What restoring did. */
export interface RestoreResult {
  readonly interfaces: readonly Interface[];
  readonly after: FeatureSnapshot;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
  readonly settingsVerified: boolean;
}

/** What restoring needs besides the plan. */
export interface RestoreInputs {
  readonly request: RestoreRequest;
  readonly sources: RestoreSources;
  /** The standing rule that is left; null where it stays as it is. */
  readonly hostRule: HostRuleStep | null;
  /** The text of a PIF with a problem stays. */
  readonly replugger: Replugger;
  /**
   * Has the boot layer follow, given what is about to have no word of its own. What a boot script covers
   * without a text is of unknown origin, so that the script goes before the texts.
   */
  updateBootLayer(
    restored: RestorePlan["policyRemovals"],
  ): Promise<{ readonly problems: readonly Problem[]; readonly notes: readonly Note[] }>;
}

/**
 * Carries out a plan: settings first, so that a plug meanwhile finds the originals; then the plug, the
 * kernel, and a reading of it, and the boot layer; the texts go last, so that there is no moment without
 * originals.
 */
export async function applyRestore(
  plan: RestorePlan,
  inputs: RestoreInputs,
  ports: ChangePorts,
): Promise<RestoreResult> {
  await ports.checkCallerWaiting();
  const settingsResult = await restoreSettings(plan, ports);
  const problems: Problem[] = [...plan.problems, ...settingsResult.problems];
  const replugResult = await replugNics(plan, inputs, ports, settingsResult.settingsVerified);
  problems.push(...replugResult.problems);
  const { after, failed } = await restoreLive(plan, inputs, ports);
  problems.push(...failed);
  const restored = plan.policyRemovals.filter(
    (iface) => settingsResult.settingsVerified && !isOnOtherHost(iface) && !hasOtherProblem(iface, problems),
  );
  const notes: Note[] = [...plan.notes, ...replugResult.notes];
  const refusal = await attemptAsync(ports.checkCallerWaiting);
  if (refusal instanceof CommandError) problems.push(...toProblems(refusal.failures));
  else {
    const bootResult = await inputs.updateBootLayer(restored);
    notes.push(...bootResult.notes);
    problems.push(...bootResult.problems);
    if (bootResult.problems.length === 0) problems.push(...(await updatePolicyEntries(plan, restored, inputs, ports)));
  }
  const restoredDevices = listRestoredDevices(plan, problems, after, inputs);
  const removeResult = await attemptAsync(() => ports.bits.remove(restoredDevices));
  if (removeResult instanceof CommandError) problems.push(...toProblems(removeResult.failures));
  return {
    interfaces: settingsResult.interfaces,
    after,
    changes: [
      ...listLiveChanges(plan.interfaces, FEATURE_NAMES, plan.before, after),
      ...listSettingChanges(settingsResult.written, plan.before.existing),
    ],
    problems,
    notes,
    settingsVerified: settingsResult.settingsVerified,
  };
}

async function restoreSettings(plan: RestorePlan, ports: ChangePorts) {
  const { toolstack, pendingAnnouncements } = ports;
  const { interfaces, settings } = plan;
  if (toolstack === null) return { interfaces, written: [], problems: [], settingsVerified: true };
  const running = listRunningVms(interfaces);
  const pendingUuids = pendingAnnouncements.filterPending(running.map(({ uuid }) => uuid));
  const writtenUuids = new Set(listRunningVms(settings.map(({ iface }) => iface)).map(({ uuid }) => uuid));
  const announce = running.filter(({ uuid }) => pendingUuids.has(uuid) || writtenUuids.has(uuid));
  return await writeSettings(interfaces, settings, announce, toolstack, ports);
}

/** Every NIC with a text is plugged, for a run before this one may have been killed before its plug. */
async function replugNics(
  { policyRemovals }: RestorePlan,
  { replugger }: RestoreInputs,
  { toolstack, isStopped }: ChangePorts,
  settingsVerified: boolean,
) {
  const pifs = policyRemovals.flatMap((iface) =>
    iface.kind === "pif" && iface.pif.settings.policy.keys.length > 0 ? [iface.pif] : [],
  );
  if (toolstack === null || !settingsVerified || pifs.length === 0 || isStopped()) {
    return { problems: [], notes: [] };
  }
  return await replugger.replug(pifs);
}

/** Writes what the plug did not bring back, and reads back. */
async function restoreLive(
  plan: RestorePlan,
  { request, sources }: RestoreInputs,
  ports: ChangePorts,
): Promise<LiveRestoreResult> {
  const devices = plan.interfaces.flatMap((iface) =>
    listInterfaceDevices(iface, plan.before.existing).map(({ name }) => name),
  );
  const current = ports.kernel.rereadFeatures(plan.before, devices);
  const liveSteps = plan.interfaces.flatMap((iface) => planLiveRestore(iface, request, sources, current));
  const { after, failed } = await applyLiveRestore({ live: liveSteps, before: current }, ports);
  const reported = new Set(plan.problems.map(({ device }) => device));
  const unreadable = plan.interfaces
    .flatMap((iface) => createUnreadableProblems(iface, { ...sources, snapshot: current }))
    .filter(({ device }) => !reported.has(device));
  return { after, failed: [...unreadable, ...failed] };
}

/** What writing to the kernel came to. */
export interface LiveRestoreResult {
  readonly after: FeatureSnapshot;
  readonly failed: readonly Problem[];
}

/** Asks devices for what a plan says, and reads back. */
export async function applyLiveRestore(
  { live: steps, before: current }: Pick<RestorePlan, "live" | "before">,
  { kernel, isStopped }: Pick<ChangePorts, "kernel" | "isStopped">,
): Promise<LiveRestoreResult> {
  const failed: Problem[] = [];
  const yielder = new EventLoopYielder();
  for (const { iface, device, request } of steps) {
    if (isStopped()) {
      failed.push(createInterfaceProblem("interrupted", iface, "interrupted before it was restored", device));
      continue;
    }
    const outcome = kernel.requestFeatures(device, request);
    if (!outcome.done) {
      const code = outcome.deviceRemoved ? "device-removed" : "write-failed";
      failed.push(createInterfaceProblem(code, iface, `not restored: ${outcome.reason}`, device));
    }
    if (yielder.isDue) await yielder.yieldNow();
  }
  const after = kernel.rereadFeatures(
    current,
    steps.map(({ device }) => device),
  );
  failed.push(...findUnmetRequests(steps, after, failed));
  return { after, failed };
}

function findUnmetRequests(
  steps: readonly LiveRestoreStep[],
  after: FeatureSnapshot,
  failed: readonly Problem[],
): readonly Problem[] {
  const reported = new Set(failed.map(({ device }) => device));
  return steps.flatMap(({ iface, device, requestedFeatures }): Problem[] => {
    const reading = after.readings.get(device);
    if (reported.has(device) || reading === undefined || reading.state === "missing") return [];
    if (reading.state === "read" && reading.features.planRequest(requestedFeatures).isEmpty) return [];
    const reason = reading.state === "read" ? "the driver did not follow" : "it could not be read";
    return [createInterfaceProblem("write-failed", iface, `not restored: ${reason}`, device)];
  });
}

/** Conflicts are done as far as this run goes: what is left of them is stored again. */
function hasOtherProblem(iface: Interface, problems: readonly Problem[]): boolean {
  return hasProblem(
    problems.filter(({ code }) => code !== "conflict"),
    iface,
  );
}

/** Stores what is left to be restored another time, then removes the texts that were read. */
async function updatePolicyEntries(
  plan: RestorePlan,
  restored: RestorePlan["policyRemovals"],
  { hostRule }: RestoreInputs,
  { toolstack, isStopped }: ChangePorts,
): Promise<readonly Problem[]> {
  if (toolstack === null) return [];
  const problems: Problem[] = [];
  const restoredSet = new Set<Interface>(restored);
  const { failed } = await storePolicyEntries(
    plan.policySteps.filter(({ iface }) => restoredSet.has(iface)),
    toolstack,
    isStopped,
  );
  for (const [iface, reason] of failed) {
    const detail = `restored, but what is left to do could not be stored: ${reason}`;
    problems.push(createInterfaceProblem("policy-write-failed", iface, detail));
  }
  const removable = restored.filter((iface) => !failed.has(iface));
  problems.push(...(await removeEntriesByKey(removable, toolstack)));
  problems.push(...(await rewriteNeededEntries(removable, toolstack)));
  if (hostRule !== null) problems.push(...(await storeHostRule(hostRule, toolstack)));
  return problems;
}

/**
 * A `disable` on another host may have written a setting since its text was read: nobody else knows the
 * original then.
 */
async function rewriteNeededEntries(
  removed: readonly ManagedInterface[],
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  if (removed.length === 0) return [];
  const current = await attemptAsync(() => toolstack.readSettings(removed));
  if (current instanceof CommandError) return [createUnreadSettingsProblem(current.message)];
  const lost = removed.filter((iface) => hasLostOriginals(iface, mergeSettings(iface, current)));
  const steps = lost.map((iface) => ({ iface, features: getSettings(iface).policy.value }));
  await storePolicyEntries(steps, toolstack, () => false);
  return lost.map((iface) =>
    createInterfaceProblem("policy-write-failed", iface, "turned off again meanwhile; run offload restore again"),
  );
}

/** Devices of which everything that was kept has been restored. */
function listRestoredDevices(
  { interfaces }: RestorePlan,
  problems: readonly Problem[],
  after: FeatureSnapshot,
  { request }: RestoreInputs,
): readonly string[] {
  if (request.features !== null) return [];
  const failed = new Set(problems.flatMap(({ device }) => (device === undefined ? [] : [device])));
  return interfaces
    .filter((iface) => getSettings(iface).policy.problem === null)
    .flatMap((iface) => listInterfaceDevices(iface, after.existing).map(({ name }) => name))
    .filter((device) => !failed.has(device));
}
