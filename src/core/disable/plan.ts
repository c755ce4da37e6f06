import { type Feature, isChangeableOnVif } from "../features.ts";
import { getSettings, getUuid, type Interface, listInterfaceDevices } from "../interface.ts";
import { createInterfaceProblem } from "../interface-problem.ts";
import type { Inventory, Vif, Vm } from "../inventory.ts";
import type { OriginalSources } from "../originals.ts";
import { Policy } from "../policy.ts";
import type { Problem } from "../problem.ts";
import { type HostRuleStep, type PolicyStep, planHostRule } from "../write-policy-entries.ts";
import { ChangedFeatures, PolicyPlanner } from "./policy-planner.ts";
import { type ChangeRequest, listLiveFeatures } from "./request.ts";
import {
  type Change,
  type FeatureSnapshot,
  type LiveStep,
  listLiveChanges,
  listSettingChanges,
  planLiveOnSteps,
  planLiveSteps,
  planSettingRemovals,
  planSettings,
  previewSnapshot,
  type SettingStep,
} from "./steps.ts";

/** What a change is going to do, and what it looks at to decide so. */
export interface ChangePlan {
  readonly interfaces: readonly Interface[];
  readonly request: ChangeRequest;
  readonly before: FeatureSnapshot;
  readonly live: readonly LiveStep[];
  /** What will be written in XAPI if every device complies; what is written is decided afterwards. */
  readonly settings: readonly SettingStep[];
  readonly policySteps: readonly PolicyStep[];
  /** The standing rule to be stored with the host; null where it says all of this already. */
  readonly hostRule: HostRuleStep | null;
  /** Running VMs whose settings someone else may have written, so that xenopsd may not know them. */
  readonly unannouncedVms: readonly Vm[];
  /** Interfaces that are left alone, with the reason. */
  readonly excluded: readonly Problem[];
}

/** Plans the change of the kernel alone: nothing is stored. */
export function planLiveOnly(
  interfaces: readonly Interface[],
  request: ChangeRequest,
  sources: LiveSources,
): ChangePlan {
  return createLivePlan(interfaces, request, sources.snapshot, planLive(interfaces, request, sources));
}

/** What the kernel writes of a change are planned from. */
export type LiveSources = Pick<OriginalSources, "snapshot" | "getKernelBits">;

/** The kernel writes of a change: one per device. */
export function planLive(
  interfaces: readonly Interface[],
  request: ChangeRequest,
  { snapshot, getKernelBits }: LiveSources,
): readonly LiveStep[] {
  const features = listLiveFeatures(request);
  return request.direction === "off"
    ? planLiveSteps(interfaces, features, snapshot)
    : planLiveOnSteps(interfaces, features, snapshot, getKernelBits);
}

/** The plan of these live steps alone: nothing is stored. */
export function createLivePlan(
  interfaces: readonly Interface[],
  request: ChangeRequest,
  before: FeatureSnapshot,
  live: readonly LiveStep[],
): ChangePlan {
  const noXapiChanges = { settings: [], policySteps: [], hostRule: null, unannouncedVms: [], excluded: [] };
  return { interfaces, request, before, live, ...noXapiChanges };
}

/** Plans all of it: what is stored, what is changed in the kernel, and the settings. */
export function planChange(
  allInterfaces: readonly Interface[],
  request: ChangeRequest,
  inventory: Inventory,
  sources: OriginalSources,
): ChangePlan {
  const { snapshot } = sources;
  const { direction, features, hasExplicitFeatures, groups } = request;
  const interfaces = allInterfaces.filter((iface) => getSettings(iface).policy.problem === null);
  const live = planLive(interfaces, request, sources);
  const readable = interfaces.filter((iface) => isReadable(iface, snapshot));
  const settings =
    direction === "off"
      ? planSettings(readable, features, previewSnapshot(snapshot, live), hasExplicitFeatures)
      : planSettingRemovals(readable, features);
  const hostRule = groups.nics || groups.vifs ? planHostRule(inventory, groups, updateRule(request)) : null;
  const vifs = direction === "off" ? inventory.vifs : excludeFromPolicy(inventory.vifs, interfaces, features);
  const policy = new Policy(hostRule?.rule ?? inventory.storedHostRule.value, vifs);
  const changed = new ChangedFeatures(live, settings);
  const maybeUnannounced = new Set(interfaces.filter((iface) => isMaybeUnannounced(iface, request, changed)));
  const planner = new PolicyPlanner(request, policy, sources, changed, maybeUnannounced);
  return {
    interfaces,
    request,
    before: snapshot,
    live,
    settings,
    policySteps: readable.flatMap((iface) => planner.planStep(iface)),
    hostRule,
    unannouncedVms: listRunningVms(maybeUnannounced),
    excluded: allInterfaces.flatMap(findPolicyProblems),
  };
}

/**
 * Whether the device of an interface can be read, or there is none. What is stored of one that is there and
 * cannot be read would have unknown originals, though nothing has changed it: `restore` would turn features on.
 */
function isReadable(iface: Interface, { existing, readings }: FeatureSnapshot): boolean {
  const [main] = listInterfaceDevices(iface, existing);
  return main === undefined || !existing.has(main.name) || readings.get(main.name)?.state === "read";
}

/** What a plan changes, if every device complies. */
export function previewChanges(plan: ChangePlan): readonly Change[] {
  const { interfaces, request, before, live, settings } = plan;
  return [
    ...listLiveChanges(interfaces, request.features, before, previewSnapshot(before, live)),
    ...listSettingChanges(settings, before.existing),
  ];
}

/** That the texts of an interface cannot be used, so that it has to be left alone. */
export function findPolicyProblems(iface: Interface): readonly Problem[] {
  const { problem } = getSettings(iface).policy;
  if (problem === null || iface.kind === "unmanaged") return [];
  const uuid = iface.kind === "pif" ? iface.pif.uuid : iface.vif.uuid;
  const detail = `left alone, because ${problem}; see its other-config: xe ${iface.kind}-param-get uuid=${uuid} param-name=other-config`;
  return [createInterfaceProblem("policy-invalid", iface, detail)];
}

/** The rule takes the features in, or loses them. */
function updateRule({ direction, features }: ChangeRequest): (names: readonly string[]) => readonly string[] {
  const isNamed = (name: string) => features.some((feature) => feature === name);
  return direction === "off"
    ? (names) => [...new Set([...names, ...features])]
    : (names) => names.filter((name) => !isNamed(name));
}

/** The policy without these features of these interfaces: what is left covers them, or does not. */
function excludeFromPolicy(vifs: readonly Vif[], interfaces: readonly Interface[], features: readonly Feature[]) {
  const enabled = new Set(interfaces.map((iface) => getUuid(iface)));
  return vifs.map((vif): Vif => {
    if (!enabled.has(vif.uuid)) return vif;
    const { policy } = vif.settings;
    const value = new Map([...policy.value].filter(([name]) => !features.some((feature) => feature === name)));
    return { ...vif, settings: vif.settings.withPolicy({ ...policy, value }) };
  });
}

/**
 * Whether a setting is as it is to be, and it is not known that this tool made xenopsd know it. A setting that
 * someone else has removed leaves no trace but that the feature is off, or that this tool had written it.
 */
function isMaybeUnannounced(iface: Interface, { direction, features }: ChangeRequest, changed: ChangedFeatures) {
  if (iface.kind !== "vif") return false;
  const { settings } = iface.vif;
  return features.filter(isChangeableOnVif).some((feature) => {
    const value = settings.value(feature);
    const wrote = settings.policy.value.get(feature)?.wrote;
    if (direction === "off") return settings.state(feature) === "off" && wrote !== value;
    return value === null && wrote !== null && (wrote !== undefined || changed.isChangedLive(iface, feature));
  });
}

/** The VMs among these interfaces that run, on whichever host. */
export function listRunningVms(ifaces: Iterable<Interface>): readonly Vm[] {
  const vms = new Map<string, Vm>();
  for (const iface of ifaces) {
    if (iface.kind === "vif" && iface.vm.residentOn !== undefined) vms.set(iface.vm.uuid, iface.vm);
  }
  return [...vms.values()];
}
