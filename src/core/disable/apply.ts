import { attemptAsync, CommandError, type Failure } from "../command-error.ts";
import { FEATURE_NAMES } from "../features.ts";
import { getSettings, getUuid, type Interface } from "../interface.ts";
import { createInterfaceProblem } from "../interface-problem.ts";
import type { Vm } from "../inventory.ts";
import { EventLoopYielder } from "../pause.ts";
import type { PolicyEntry } from "../policy-entries.ts";
import type { Kernel, KernelBitsStore, PendingAnnouncements, Toolstack } from "../ports.ts";
import type { Problem } from "../problem.ts";
import { removePolicyEntries, storeHostRule, storePolicyEntries } from "../write-policy-entries.ts";
import { writeSettings } from "../write-settings.ts";
import { type DisablePlan, listRunningVms } from "./plan.ts";
import {
  type Change,
  type FeatureSnapshot,
  type LiveStep,
  listLiveChanges,
  listSettingChanges,
  planSettings,
  type SettingStep,
} from "./steps.ts";

/** What a change of this host works on. */
export interface ChangePorts {
  readonly kernel: Kernel;
  /** Null where nothing is to be stored: the kernel alone is changed. */
  readonly toolstack: Toolstack | null;
  readonly bits: KernelBitsStore;
  readonly pendingAnnouncements: PendingAnnouncements;
  /** Asked between one device or setting and the next. */
  readonly isStopped: () => boolean;
  /** Asked before each batch: whether the caller on another host still waits for this. */
  readonly checkCallerWaiting: () => Promise<void>;
}

/** What `disable` did, and what is true afterwards. */
export interface DisableResult {
  readonly interfaces: readonly Interface[];
  readonly after: FeatureSnapshot;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  /** False where the settings could not be read back. */
  readonly settingsVerified: boolean;
}

/**
 * Carries out a plan: first this boot's exact bits, then the texts with policy and originals, then the
 * kernel, then the settings of what reads back off, and xenopsd is told. What fails becomes a problem, and
 * the rest goes on; an interface whose originals could not be stored is not changed at all.
 */
export async function applyDisable(plan: DisablePlan, ports: ChangePorts): Promise<DisableResult> {
  const bitsToChange = plan.live.map(({ device, request }) => ({ device, bits: request.valid }));
  await ports.bits.save(bitsToChange, plan.before);
  const problems: Problem[] = [...plan.excluded];
  const stored = await storeOriginals(plan, ports, problems);
  const { unstored } = stored;
  const liveSteps = plan.live.filter(({ iface }) => !unstored.has(iface));
  await ports.checkCallerWaiting();
  problems.push(...(await writeLive(liveSteps, ports)));
  const { after, changes } = readBack(plan, liveSteps, ports.kernel);
  const liveResult = { interfaces: plan.interfaces, after, changes, problems };
  if (ports.toolstack === null) return { ...liveResult, settingsVerified: true };
  return await storeSettings(plan, stored, ports.toolstack, liveResult, ports);
}

/** What was stored before the change. */
interface StoreOriginalsResult {
  /** Interfaces that have no text, though one is needed: they are not to be changed. */
  readonly unstored: ReadonlySet<Interface>;
  readonly entries: ReadonlyMap<Interface, PolicyEntry>;
}

async function storeOriginals(
  plan: DisablePlan,
  { toolstack, isStopped, checkCallerWaiting }: ChangePorts,
  problems: Problem[],
): Promise<StoreOriginalsResult> {
  if (toolstack === null) return { unstored: new Set(), entries: new Map() };
  await checkCallerWaiting();
  if (plan.hostRule !== null) problems.push(...(await storeHostRule(plan.hostRule, toolstack)));
  const { entries, failed } = await storePolicyEntries(plan.policySteps, toolstack, isStopped);
  for (const [iface, reason] of failed) {
    const detail = `not changed, because its originals could not be stored: ${reason}`;
    problems.push(createInterfaceProblem("policy-write-failed", iface, detail));
  }
  return { unstored: new Set(failed.keys()), entries };
}

type LiveResult = Omit<DisableResult, "settingsVerified">;

async function storeSettings(
  plan: DisablePlan,
  { unstored, entries }: StoreOriginalsResult,
  toolstack: Toolstack,
  liveResult: LiveResult,
  ports: ChangePorts,
): Promise<DisableResult> {
  const { request } = plan;
  const changeable = plan.interfaces.filter((iface) => !unstored.has(iface));
  // Without a text that has its original no setting is written, whatever the device shows by now.
  const steps = planSettings(changeable, request.features, liveResult.after, request.hasExplicitFeatures).filter(
    ({ iface }) => entries.has(iface),
  );
  const announce = listVmsToAnnounce(plan, steps, ports.pendingAnnouncements);
  const refusal = await attemptAsync(ports.checkCallerWaiting);
  if (refusal instanceof CommandError) {
    return {
      ...liveResult,
      problems: [...liveResult.problems, ...toProblems(refusal.failures)],
      settingsVerified: true,
    };
  }
  const settingsResult = await writeSettings(plan.interfaces, steps, announce, toolstack, ports);
  const removeProblems = await removePolicyEntries(entries, toolstack);
  const lostProblems = await rewriteRemovedEntries(plan, steps, settingsResult.interfaces, toolstack);
  return {
    ...liveResult,
    interfaces: settingsResult.interfaces,
    changes: [...liveResult.changes, ...listSettingChanges(settingsResult.written, liveResult.after.existing)],
    problems: [...liveResult.problems, ...settingsResult.problems, ...removeProblems, ...lostProblems],
    settingsVerified: settingsResult.settingsVerified,
  };
}

/**
 * A restore on another host that has read a text before its settings were written removes it: it is
 * stored once more.
 */
async function rewriteRemovedEntries(
  { interfaces, policySteps }: DisablePlan,
  steps: readonly SettingStep[],
  current: readonly Interface[],
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const before = new Set(interfaces);
  const storedByUuid = new Map(
    current.filter((iface) => !before.has(iface)).map((iface) => [getUuid(iface), getSettings(iface).policy.value]),
  );
  const lost = new Set<Interface>();
  for (const { iface, feature } of steps) {
    const value = storedByUuid.get(getUuid(iface));
    if (value !== undefined && !value.get(feature)?.original) lost.add(iface);
  }
  const lostSteps = policySteps.filter(({ iface }) => lost.has(iface));
  const { failed } = await storePolicyEntries(lostSteps, toolstack, () => false);
  return [...failed].map(([iface, reason]) =>
    createInterfaceProblem("policy-write-failed", iface, `its originals could not be stored again: ${reason}`),
  );
}

/** After a run that was cut short its VMs are announced, though their settings are right by now. */
function listVmsToAnnounce(
  { interfaces, unannouncedVms }: DisablePlan,
  steps: readonly SettingStep[],
  pendingAnnouncements: PendingAnnouncements,
): readonly Vm[] {
  const writtenVms = listRunningVms(steps.map(({ iface }) => iface));
  const running = listRunningVms(interfaces);
  const pendingUuids = pendingAnnouncements.filterPending(running.map(({ uuid }) => uuid));
  const vms = [...unannouncedVms, ...writtenVms, ...running.filter(({ uuid }) => pendingUuids.has(uuid))];
  return [...new Map(vms.map((vm) => [vm.uuid, vm])).values()];
}

/** What the devices show that were to be changed, and how that differs from before. */
function readBack(
  { interfaces, before }: DisablePlan,
  steps: readonly LiveStep[],
  kernel: Kernel,
): { readonly after: FeatureSnapshot; readonly changes: readonly Change[] } {
  if (steps.length === 0) return { after: before, changes: [] };
  const after = kernel.rereadFeatures(
    before,
    steps.map(({ device }) => device),
  );
  return { after, changes: listLiveChanges(interfaces, FEATURE_NAMES, before, after) };
}

async function writeLive(steps: readonly LiveStep[], { kernel, isStopped }: ChangePorts): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const yielder = new EventLoopYielder();
  for (const { iface, device, request } of steps) {
    if (isStopped()) {
      const detail = "interrupted before it was changed";
      problems.push(createInterfaceProblem("interrupted", iface, detail, device));
      continue;
    }
    const outcome = kernel.requestFeatures(device, request);
    if (!outcome.done) {
      problems.push(
        outcome.deviceRemoved
          ? createInterfaceProblem("device-removed", iface, "vanished before it was changed", device)
          : createInterfaceProblem("write-failed", iface, `could not be changed: ${outcome.reason}`, device),
      );
    }
    if (yielder.isDue) await yielder.yieldNow();
  }
  return problems;
}

/** Failures as problems of a run that has begun. */
export function toProblems(failures: readonly Failure[]): readonly Problem[] {
  return failures.map(({ message }) => ({ code: "incomplete", message }));
}

/** The problems of an interface, by whether it is among them. */
export function hasProblem(problems: readonly Problem[], iface: Interface): boolean {
  const uuid = getUuid(iface);
  return uuid !== null && problems.some((problem) => problem.uuid === uuid);
}
