import { attempt, CommandError } from "../../core/command-error.ts";
import { quoteShellWord } from "../../core/disable/manual-commands.ts";
import { getFeatureSet } from "../../core/disable/steps.ts";
import { FEATURE_NAMES, type Feature, isFeature } from "../../core/features.ts";
import { getSettings, type Interface, isManagedNic, listInterfaceDevices } from "../../core/interface.ts";
import type { Inventory, Pif } from "../../core/inventory.ts";
import { compareNatural } from "../../core/natural-order.ts";
import { Policy } from "../../core/policy.ts";
import { NO_INTERFACE_POLICY } from "../../core/policy-entries.ts";
import type { Kernel, Replugger } from "../../core/ports.ts";
import type { Note } from "../../core/problem.ts";
import type { RestoreResult } from "../../core/restore/apply.ts";
import type { RestoreRequest, RestoreSources } from "../../core/restore/live-restore.ts";
import { planRestore, type RestorePlan } from "../../core/restore/plan.ts";
import { countSettingsOfOthers, describeSettingsOfOthers } from "../../core/settings-of-others.ts";
import { createUnmanagedInterface } from "../../core/targets/interface-features.ts";
import { createLeftOutNotes } from "../../core/targets/notes.ts";
import type { TargetRequest } from "../../core/targets/target-request.ts";
import { countVmsOnOtherHosts, indexInterfaces, type TargetGroup } from "../../core/targets/targets.ts";
import { formatCount, joinAnd, quote } from "../../core/text.ts";
import { formatTargetWords } from "../../core/undo-command.ts";
import { getBootFeatures, getCoveredNicFeatures } from "../../core/verify/coverage.ts";
import { checkNetworkd } from "../../core/verify/networkd.ts";
import { type HostRuleStep, planHostRule } from "../../core/write-policy-entries.ts";
import { readAddresses } from "../../kernel/addresses.ts";
import { announceMark } from "../../state/pending-announcements.ts";
import { readNetworkdDb } from "../../xapi/networkd/database.ts";
import { syncNetworkd } from "../../xapi/networkd/sync.ts";
import { type ChangeInputs, getBootCoverage, readEvidence } from "../change.ts";
import { excludeDomainMismatches } from "../domain-mismatch.ts";
import type { Dom0 } from "../open.ts";
import { type SelectedTargets, selectTargetsWithFallback, selectWholeHost } from "../selection.ts";
import { planReplug, type ReplugPlan } from "./replug.ts";
import { PlannedReplugger } from "./replugger.ts";

/** What restoring is planned from. */
export interface PlannedRestore extends ChangeInputs {
  readonly plan: RestorePlan;
  readonly restoreEvidence: RestoreSources;
  readonly rule: HostRuleStep | null;
  readonly replugPlan: ReplugPlan;
}

/** How a restore is meant. */
export interface RestoreOptions extends RestoreRequest {
  /** Empty for everything. */
  readonly targets: readonly TargetRequest[];
  /** Whether NICs are replugged, so that networkd forgets. */
  readonly replug: boolean;
}

const ALL_GROUPS: TargetGroup = { nics: true, vifs: true };

/** Finds what there is to restore, and plans it. */
export async function planHostRestore(dom0: Dom0, options: RestoreOptions): Promise<PlannedRestore> {
  const inputs = await selectInterfaces(dom0, options);
  const { selected } = inputs;
  const { inventory, groups } = selected;
  // Without XAPI nobody knows what is asked for, and so what the boot script need not keep off.
  const coverage = inventory === null ? null : getBootCoverage(inputs.boot);
  const hasGroupTarget = groups.nics || groups.vifs || options.targets.length === 0;
  // A run that was cut short may have left settings that xenopsd has not taken over.
  const unannouncedVms = announceMark.filterPending(
    selected.interfaces.flatMap((iface) => (iface.kind === "vif" ? [iface.vm.uuid] : [])),
  );
  const interfaces = selected.interfaces.filter(
    (iface) =>
      getSettings(iface).policy.keys.length > 0 ||
      hasSavedBits(iface, inputs) ||
      (iface.kind === "vif" && unannouncedVms.has(iface.vm.uuid)) ||
      (coverage !== null && getBootFeatures(coverage, iface).length > 0),
  );
  const { features } = options;
  const removeFeatures = (names: readonly string[]) =>
    features === null ? [] : names.filter((name) => !(isFeature(name) && features.includes(name)));
  const ruleStep = inventory === null ? null : planHostRule(inventory, groups, removeFeatures);
  const restoreEvidence: RestoreSources = {
    snapshot: inputs.evidence.snapshot,
    getKernelBits: inputs.evidence.getKernelBits,
    getFeaturesOffAtBoot: (iface) =>
      coverage === null || (iface.kind === "unmanaged" && !hasGroupTarget) ? [] : getBootFeatures(coverage, iface),
    policyAfter: previewPolicy(inventory, ruleStep, interfaces),
  };
  const plan = planRestore(interfaces, options, restoreEvidence);
  const replugPlan = await planNicReplugs(plan, options, selected);
  return { ...inputs, plan, restoreEvidence, rule: ruleStep, replugPlan };
}

async function selectInterfaces(dom0: Dom0, { targets }: RestoreOptions): Promise<ChangeInputs> {
  if (targets.length > 0) {
    const selected = await selectTargetsWithFallback(dom0, targets, { includeTemplates: true });
    return readEvidence(dom0, selected, null);
  }
  const everything = await selectEverything(dom0);
  const inputs = readEvidence(dom0, everything, null);
  const unmanaged = findUnmanagedDevices(inputs, dom0.kernel);
  if (unmanaged.length === 0) return inputs;
  const interfaces = [...everything.interfaces, ...unmanaged];
  return readEvidence(dom0, { ...everything, interfaces }, inputs.evidence.snapshot);
}

/** Devices that XAPI does not know, and that may have been changed: by the boot script, or while it knew them. */
function findUnmanagedDevices({ selected, evidence, bits, boot }: ChangeInputs, kernel: Kernel): readonly Interface[] {
  const { existing } = evidence.snapshot;
  // Also those that were left out because it is not sure whose they are.
  const managed = selected.inventory === null ? selected.interfaces : indexInterfaces(selected.inventory).values();
  const managedNames = new Set(
    [...managed].flatMap((iface) => listInterfaceDevices(iface, existing).map(({ name }) => name)),
  );
  const coverage = getBootCoverage(boot);
  const isChanged = (device: string) =>
    bits.get(device) !== null ||
    (coverage !== null && getCoveredNicFeatures(coverage, device).length > 0 && kernel.isNic(device));
  return [...existing]
    .filter((device) => !managedNames.has(device) && isChanged(device))
    .sort(compareNatural)
    .map((device) => createUnmanagedInterface(device));
}

/** Everything that is this host's: its NICs, and the VIFs of VMs that run on no other. */
async function selectEverything(dom0: Dom0): Promise<SelectedTargets> {
  const { xapi, kernel } = dom0;
  if (!xapi.isKnown) return await selectWholeHost(dom0);
  const { inventory, toolstack } = xapi;
  const candidates = [...indexInterfaces(inventory).values()].filter(
    (iface) => iface.kind !== "vif" || (iface.vm.role === "vm" && iface.location.kind !== "remote"),
  );
  const { interfaces, problems } = await excludeDomainMismatches(candidates);
  const snapshot = kernel.readFeatures(() => []);
  return {
    interfaces,
    groups: ALL_GROUPS,
    individualVifs: new Set<string>(),
    notes: [...createLeftOutNotes(countVmsOnOtherHosts(inventory)), ...noteKeptTemplates(inventory)],
    problems,
    inventory,
    toolstack,
    initialSnapshot: snapshot,
  };
}

/** That nothing here is of this tool, where others have turned features off. */
export function noteSettingsOfOthers(
  { plan, rule, selected, boot }: PlannedRestore,
  { targets }: RestoreOptions,
): readonly Note[] {
  const isNothing = plan.interfaces.length === 0 && rule === null && boot.state === "not-installed";
  const others = isNothing ? countSettingsOfOthers(selected.interfaces) : null;
  if (others === null) return [];
  const words = targets.length === 0 ? ["ALL"] : targets.flatMap(formatTargetWords);
  const command = ["offload", "enable", ...words].map(quoteShellWord).join(" ");
  const message = `offload has nothing of its own to restore; ${describeSettingsOfOthers(others)} that say off were made by others; remove them and turn these features on with: ${command}`;
  return [{ code: "settings-of-others", message }];
}

/** Templates and snapshots keep what is stored with them: VMs that are made from them have it too. */
function noteKeptTemplates({ vifs }: Inventory): readonly Note[] {
  const templateVifs = vifs.filter(({ vm, settings }) => vm.role !== "vm" && settings.policy.keys.length > 0);
  const templates = [...new Map(templateVifs.map(({ vm }) => [vm.uuid, vm])).values()];
  if (templates.length === 0) return [];
  const listedTemplates = templates.slice(0, MAX_LISTED_TEMPLATES).map(({ name, uuid }) => `${quote(name)} (${uuid})`);
  const remainingCount = templates.length - listedTemplates.length;
  const names = joinAnd(remainingCount > 0 ? [...listedTemplates, `${remainingCount} more`] : listedTemplates);
  const message = `${formatCount(templates.length, "template or snapshot", "templates and snapshots")} keep their settings and originals: ${names}; restore one by its UUID: offload restore UUID`;
  return [{ code: "templates-kept", message }];
}

/** How many templates a note names before it only counts. */
const MAX_LISTED_TEMPLATES = 4;

function hasSavedBits(iface: Interface, { evidence }: ChangeInputs): boolean {
  return listInterfaceDevices(iface, evidence.snapshot.existing).some(
    ({ name }) => evidence.getKernelBits(name) !== null,
  );
}

/** The policy once these interfaces have no word of their own any more. */
function previewPolicy(
  inventory: Inventory | null,
  rule: HostRuleStep | null,
  interfaces: readonly Interface[],
): Policy {
  if (inventory === null) return new Policy({ nics: [], vifs: [] }, []);
  const restored = new Set(interfaces.flatMap((iface) => (iface.kind === "vif" ? [iface.vif.uuid] : [])));
  const vifs = inventory.vifs.map((vif) =>
    restored.has(vif.uuid) ? { ...vif, settings: vif.settings.withPolicy(NO_INTERFACE_POLICY) } : vif,
  );
  return new Policy(rule?.rule ?? inventory.storedHostRule.value, vifs);
}

function planNicReplugs(
  { policyRemovals: restored }: RestorePlan,
  { replug }: RestoreOptions,
  { inventory, toolstack }: SelectedTargets,
): Promise<ReplugPlan> | ReplugPlan {
  const nics = restored.filter(isManagedNic).filter(({ pif }) => pif.settings.policy.keys.length > 0);
  if (!replug || inventory === null || toolstack === null) return { plugs: [], unsafe: [] };
  return planReplug(nics, inventory, toolstack, readAddresses);
}

/** Has XAPI plug what the plan says. */
export function createReplugger(
  { plan, replugPlan, selected }: PlannedRestore,
  { features }: RestoreRequest,
  kernel: Kernel,
  isStopped: () => boolean,
): Replugger {
  const { toolstack } = selected;
  if (toolstack === null) return { replug: async () => ({ problems: [], notes: [] }) };
  const nics = plan.interfaces.filter(isManagedNic);
  // What is restored is what the texts of a PIF are about.
  const getFeatures = ({ settings }: Pif) =>
    FEATURE_NAMES.filter(
      (feature) => settings.policy.value.has(feature) && (features === null || features.includes(feature)),
    );
  const handled = { nics, getFeatures, snapshot: plan.before };
  return new PlannedReplugger(replugPlan, handled, {
    kernel,
    toolstack,
    saveNetworkdState: () => syncNetworkd(),
    isStopped,
  });
}

/** What networkd will do where nothing is plugged, for `--no-replug`. */
export async function noteSkippedReplug(
  { plan }: PlannedRestore,
  { interfaces, after }: Pick<RestoreResult, "interfaces" | "after">,
  { replug }: RestoreOptions,
): Promise<readonly Note[]> {
  const devices = plan.policyRemovals.flatMap((iface) =>
    iface.kind === "pif" && iface.pif.settings.policy.keys.length > 0 ? [iface.pif.device] : [],
  );
  if (replug || devices.length === 0) return [];
  await syncNetworkd();
  const read = attempt(readNetworkdDb);
  const database = read instanceof CommandError ? null : read;
  const networkdNotes = interfaces.flatMap((nic): readonly Note[] => {
    if (nic.kind !== "pif" || database === null || !devices.includes(nic.pif.device)) return [];
    const getLiveState = (feature: Feature) => getFeatureSet(after, nic.pif.device)?.state(feature);
    return checkNetworkd({ nic, featuresOff: [], database, getLiveState }).notes;
  });
  const detail =
    database === null
      ? "what networkd does at its next start is unknown"
      : networkdNotes.length === 0
        ? "networkd turns nothing off at its next start"
        : "networkd turns features off at its next start";
  const message = `not plugged: ${devices.join(", ")}; ${detail}`;
  return [{ code: "networkd-turns-off", message }, ...networkdNotes];
}
