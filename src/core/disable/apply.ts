import { attemptAsync, CommandError, type Failure } from "../command-error.ts";
import { FEATURE_NAMES } from "../features.ts";
import { getSettings, getUuid, type Interface } from "../interface.ts";
import { createInterfaceProblem } from "../interface-problem.ts";
import type { Vm } from "../inventory.ts";
import { EventLoopYielder } from "../pause.ts";
import type { PolicyEntry } from "../policy-entries.ts";
import type { Kernel, KernelBitsStore, PendingAnnouncements, Replugger, Toolstack } from "../ports.ts";
import type { Note, Problem } from "../problem.ts";
import { removePolicyEntries, storeHostRule, storePolicyEntries } from "../write-policy-entries.ts";
import { writeSettings } from "../write-settings.ts";
import { type ChangePlan, listRunningVms, planLive } from "./plan.ts";
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

/** What a change did, and what is true afterwards. */
export interface ChangeResult {
  readonly interfaces: readonly Interface[];
  readonly after: FeatureSnapshot;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
  /** False where the settings could not be read back. */
  readonly settingsVerified: boolean;
}

/**
 * Carries out a plan: first this boot's exact bits, then the texts with policy and originals. Then the kernel, and
 * the settings of what reads back off; or, the other way, the settings, a plug so that networkd forgets them, and
 * the kernel. What fails becomes a problem, and the rest goes on; an interface whose originals could not be stored
 * is not changed at all.
 */
export async function applyChange(
  plan: ChangePlan,
  ports: ChangePorts,
  replugger: Replugger = NO_REPLUGGER,
): Promise<ChangeResult> {
  const bitsToChange = plan.live.map(({ device, request }) => ({ device, bits: request.valid }));
  await ports.bits.save(bitsToChange, plan.before);
  const problems: Problem[] = [...plan.excluded];
  const stored = await storeOriginals(plan, ports, problems);
  await ports.checkCallerWaiting();
  return plan.request.direction === "off"
    ? await turnOff(plan, stored, ports, problems)
    : await turnOn(plan, stored, ports, replugger, problems);
}

const NO_REPLUGGER: Replugger = { replug: async () => ({ problems: [], notes: [] }) };

async function turnOff(
  plan: ChangePlan,
  stored: StoreOriginalsResult,
  ports: ChangePorts,
  problems: readonly Problem[],
): Promise<ChangeResult> {
  const { request, interfaces } = plan;
  const liveSteps = plan.live.filter(({ iface }) => !stored.unstored.has(iface));
  const live = await writeAndReadBack(plan, liveSteps, plan.before, ports);
  const liveResult = { ...live, problems: [...problems, ...live.problems] };
  if (ports.toolstack === null) return { interfaces, ...liveResult, settingsVerified: true };
  const refusal = await attemptAsync(ports.checkCallerWaiting);
  if (refusal instanceof CommandError) {
    const refused = [...liveResult.problems, ...toProblems(refusal.failures)];
    return { interfaces, ...liveResult, problems: refused, settingsVerified: true };
  }
  const changeable = interfaces.filter((iface) => !stored.unstored.has(iface));
  const steps = planSettings(changeable, request.features, live.after, request.hasExplicitFeatures);
  const settings = await storeSettings(plan, steps, stored, ports.toolstack, ports);
  return {
    ...liveResult,
    interfaces: settings.interfaces,
    changes: [...live.changes, ...settings.changes],
    problems: [...liveResult.problems, ...settings.problems],
    settingsVerified: settings.settingsVerified,
  };
}

/** What a plug changes on the way is read again before the kernel is asked. */
async function turnOn(
  plan: ChangePlan,
  stored: StoreOriginalsResult,
  ports: ChangePorts,
  replugger: Replugger,
  storeProblems: readonly Problem[],
): Promise<ChangeResult> {
  const { interfaces, before, request } = plan;
  const settings =
    ports.toolstack === null
      ? { interfaces, changes: [], problems: [], settingsVerified: true }
      : await storeSettings(plan, plan.settings, stored, ports.toolstack, ports);
  const { settingsVerified } = settings;
  const problems = [...storeProblems, ...settings.problems];
  const changeable = interfaces.filter((iface) => !stored.unstored.has(iface));
  const refusal = await attemptAsync(ports.checkCallerWaiting);
  if (refusal instanceof CommandError) {
    return { ...settings, after: before, problems: [...problems, ...toProblems(refusal.failures)], notes: [] };
  }
  const pifs = changeable.flatMap((iface) => (iface.kind === "pif" ? [iface.pif] : []));
  const isPluggable = ports.toolstack !== null && settingsVerified && !ports.isStopped();
  const replugged = await (isPluggable ? replugger : NO_REPLUGGER).replug(pifs);
  const nicDevices = pifs.map(({ device }) => device);
  const current = ports.kernel.rereadFeatures(before, nicDevices);
  const steps = planLive(changeable, request, { snapshot: current, getKernelBits: (device) => ports.bits.get(device) });
  const live = await writeAndReadBack(plan, steps, current, ports);
  return {
    ...settings,
    after: live.after,
    changes: [...live.changes, ...settings.changes],
    problems: [...problems, ...replugged.problems, ...live.problems],
    notes: replugged.notes,
  };
}

/** What was stored before the change. */
interface StoreOriginalsResult {
  /** Interfaces that have no text, though one is needed: they are not to be changed. */
  readonly unstored: ReadonlySet<Interface>;
  readonly entries: ReadonlyMap<Interface, PolicyEntry>;
}

async function storeOriginals(
  plan: ChangePlan,
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

/** Writes settings, then removes the texts that newer ones have taken in. */
async function storeSettings(
  plan: ChangePlan,
  plannedSteps: readonly SettingStep[],
  { entries }: StoreOriginalsResult,
  toolstack: Toolstack,
  ports: ChangePorts,
): Promise<Omit<ChangeResult, "after" | "notes">> {
  // Without a text that has its original no setting is written, whatever the device shows by now.
  const steps = plannedSteps.filter(({ iface }) => entries.has(iface));
  const announce = listVmsToAnnounce(plan, steps, ports.pendingAnnouncements);
  const settingsResult = await writeSettings(plan.interfaces, steps, announce, toolstack, ports);
  const removeProblems = await removePolicyEntries(entries, toolstack);
  const lostProblems = await rewriteRemovedEntries(plan, steps, settingsResult.interfaces, toolstack);
  return {
    interfaces: settingsResult.interfaces,
    changes: listSettingChanges(settingsResult.written, plan.before.existing),
    problems: [...settingsResult.problems, ...removeProblems, ...lostProblems],
    settingsVerified: settingsResult.settingsVerified,
  };
}

/**
 * A restore on another host that has read a text before its settings were written removes it: it is
 * stored once more.
 */
async function rewriteRemovedEntries(
  { interfaces, policySteps }: ChangePlan,
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
  { interfaces, unannouncedVms }: ChangePlan,
  steps: readonly SettingStep[],
  pendingAnnouncements: PendingAnnouncements,
): readonly Vm[] {
  const writtenVms = listRunningVms(steps.map(({ iface }) => iface));
  const running = listRunningVms(interfaces);
  const pendingUuids = pendingAnnouncements.filterPending(running.map(({ uuid }) => uuid));
  const vms = [...unannouncedVms, ...writtenVms, ...running.filter(({ uuid }) => pendingUuids.has(uuid))];
  return [...new Map(vms.map((vm) => [vm.uuid, vm])).values()];
}

/** Writes to the devices, and reads what they show and how that differs from before. */
async function writeAndReadBack(
  { interfaces, before }: ChangePlan,
  steps: readonly LiveStep[],
  current: FeatureSnapshot,
  ports: ChangePorts,
): Promise<Pick<ChangeResult, "after" | "changes" | "problems" | "notes">> {
  const problems = await writeLive(steps, ports);
  if (steps.length === 0 && current === before) return { after: before, changes: [], problems, notes: [] };
  const devices = steps.map(({ device }) => device);
  const after = devices.length === 0 ? current : ports.kernel.rereadFeatures(current, devices);
  return { after, changes: listLiveChanges(interfaces, FEATURE_NAMES, before, after), problems, notes: [] };
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
