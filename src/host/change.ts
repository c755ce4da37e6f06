import { inspectBootLayer, removeBootFiles, rewriteBootScript } from "../boot/boot-layer.ts";
import type { BootLayer } from "../core/boot-layer.ts";
import { asCommandError, attemptAsync, CommandError } from "../core/command-error.ts";
import type { ChangePorts } from "../core/disable/apply.ts";
import { type ChangePlan, planChange, planLiveOnly } from "../core/disable/plan.ts";
import { type ChangeRequest, listLiveFeatures } from "../core/disable/request.ts";
import type { FeatureSnapshot } from "../core/disable/steps.ts";
import type { Feature } from "../core/features.ts";
import type { Interface } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import type { OriginalSources } from "../core/originals.ts";
import { Policy } from "../core/policy.ts";
import type { PoolCall } from "../core/pool-call.ts";
import type { KernelBitsStore, Toolstack } from "../core/ports.ts";
import type { Note, Problem } from "../core/problem.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { type Coverage, getBootFeatures, isEmptyCoverage, replaceCoverage } from "../core/verify/coverage.ts";
import { isSameCoverage } from "../core/verify/coverage-json.ts";
import { KernelBitsFile } from "../state/kernel-bits.ts";
import { announceMark } from "../state/pending-announcements.ts";
import type { Dom0 } from "./open.ts";
import { type SelectedTargets, selectTargets, selectTargetsWithFallback } from "./selection.ts";

/** What a change of this host is planned from. */
export interface ChangeInputs {
  readonly selected: SelectedTargets;
  readonly evidence: OriginalSources;
  readonly bits: KernelBitsStore;
  readonly boot: BootLayer;
}

/** Finds the targets, and reads their devices and what is known of them. */
async function readTargets(
  dom0: Dom0,
  targets: readonly TargetRequest[],
  { store, prefetched }: { readonly store: boolean; readonly prefetched: FeatureSnapshot | null },
): Promise<ChangeInputs> {
  const selected = store ? await selectTargets(dom0, targets) : await selectTargetsWithFallback(dom0, targets);
  return readEvidence(dom0, selected, prefetched);
}

/** Reads the devices of interfaces, and what is known of how they were. */
export function readEvidence(dom0: Dom0, selected: SelectedTargets, prefetched: FeatureSnapshot | null): ChangeInputs {
  const snapshot = readInterfaceFeatures(selected.interfaces, dom0.kernel, prefetched ?? selected.initialSnapshot);
  const bits = KernelBitsFile.read(dom0.kernel);
  const boot = inspectBootLayer();
  const coverage = getBootCoverage(boot);
  const evidence: OriginalSources = {
    snapshot,
    getKernelBits: (device) => bits.get(device),
    isOffAtBoot: (iface, feature) => coverage !== null && getBootFeatures(coverage, iface).includes(feature),
  };
  return { selected, evidence, bits, boot };
}

/** What the boot script turns off; null where there is none. */
export function getBootCoverage({ state, covers: coverage }: BootLayer): Coverage | null {
  return state === "not-installed" ? null : coverage;
}

/** What was found, and what is to be done about it. */
export interface PlannedChange extends ChangeInputs {
  readonly plan: ChangePlan;
  /** What is to be off, or on, on an interface afterwards. */
  readonly getFeatures: (iface: Interface) => readonly Feature[];
}

/** Plans to turn features off or on. Without XAPI, or where nothing is to be stored, the kernel's alone. */
export async function planTargets(
  dom0: Dom0,
  targets: readonly TargetRequest[],
  requested: Pick<ChangeRequest, "direction" | "features" | "hasExplicitFeatures">,
  options: { readonly store: boolean; readonly prefetched: FeatureSnapshot | null },
): Promise<PlannedChange> {
  const inputs = await readTargets(dom0, targets, options);
  const { selected, evidence } = inputs;
  const { interfaces, groups, individualVifs, inventory } = selected;
  const { direction, features, hasExplicitFeatures } = requested;
  const request = { direction, features, hasExplicitFeatures, groups, individualVifs };
  const plan =
    options.store && inventory !== null
      ? planChange(interfaces, request, inventory, evidence)
      : planLiveOnly(interfaces, request, evidence);
  return { ...inputs, plan, getFeatures: () => listLiveFeatures(request) };
}

/** What changes of this host work on. `toolstack`: null where nothing is to be stored. */
export function createChangePorts(
  { kernel }: Pick<Dom0, "kernel">,
  bits: KernelBitsStore,
  toolstack: Toolstack | null,
  call: PoolCall | null,
  isStopped: () => boolean,
): ChangePorts {
  const checkCallerWaiting = () => call?.checkCallerWaiting() ?? Promise.resolve(undefined);
  return {
    kernel,
    toolstack,
    bits,
    pendingAnnouncements: announceMark,
    isStopped,
    checkCallerWaiting,
  };
}

/** What following a changed policy has to say. */
export interface BootScriptUpdate {
  readonly notes: readonly Note[];
  readonly problems: readonly Problem[];
}

/**
 * Rewrites the boot script after the policy has changed, where there is one: of what was read now it
 * says what the policy says, of other VMs what it said before.
 */
export async function updateBootScript(
  boot: BootLayer,
  toolstack: Toolstack,
  scope: ReadScope,
): Promise<BootScriptUpdate> {
  if (boot.state === "modified") return { notes: [BOOT_LAYER_MODIFIED], problems: [] };
  if (boot.state === "not-installed" || boot.covers === null) return { notes: [], problems: [] };
  const reportFailure = (message: string): BootScriptUpdate => ({
    notes: [],
    problems: [
      {
        code: "boot-drift",
        message: `the boot script was not updated: ${message}; fix it with: offload persist`,
      },
    ],
  });
  try {
    const inventory = await toolstack.readInventory(scope);
    return await writeCoverage(mergeCoverage(boot.covers, inventory));
  } catch (error) {
    return reportFailure(asCommandError(error).message);
  }
}

/** Has the boot layer keep this off; where that is nothing, it goes. */
export async function writeCoverage(coverage: Coverage): Promise<BootScriptUpdate> {
  const isRemoved = isEmptyCoverage(coverage);
  const isChanged = isRemoved ? await removeBootFiles() : await rewriteBootScript(coverage);
  return { notes: isRemoved && isChanged ? [BOOT_LAYER_REMOVED] : [], problems: [] };
}

const BOOT_LAYER_REMOVED: Note = { code: "boot-removed", message: "what persist had installed was removed" };

const BOOT_LAYER_MODIFIED: Note = {
  code: "boot-not-updated",
  message:
    "the boot layer was modified by hand and is left as it is; have it follow the policy again with: offload persist",
};

/** That the boot layers of the pool's other hosts do not know of a VM's change. */
export async function noteOutdatedPoolHosts(
  { state }: BootLayer,
  toolstack: Pick<Toolstack, "countHosts">,
): Promise<readonly Note[]> {
  if (state === "not-installed") return [];
  const count = await attemptAsync(() => toolstack.countHosts());
  if (count instanceof CommandError || count < 2) return [];
  const message =
    "the boot layer of the pool's other hosts does not follow this yet; update it with: offload persist --pool";
  return [{ code: "other-hosts-outdated", message }];
}

/** Whether the boot script says something else than the policy does of what was read. */
export function isBootScriptOutdated({ state, covers: coverage }: BootLayer, inventory: Inventory | null): boolean {
  if (state === "not-installed" || coverage === null || inventory === null) return false;
  return !isSameCoverage(coverage, mergeCoverage(coverage, inventory));
}

/** What the boot script is to cover: the policy for what was read, and what it covers already of the rest. */
export function mergeCoverage(previous: Coverage, inventory: Inventory): Coverage {
  const nics = filterLocalNics(inventory);
  const readObjects = {
    devices: new Set(nics.map(({ device }) => device)),
    vms: new Set(inventory.vms.map(({ uuid }) => uuid)),
  };
  return replaceCoverage(previous, Policy.fromInventory(inventory).computeCoverage(nics), readObjects);
}

/** The physical PIFs of this host. */
export function filterLocalNics({ pifs, host }: Inventory) {
  return pifs.filter((pif) => pif.role === "physical" && pif.host.uuid === host.uuid);
}
