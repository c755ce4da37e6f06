import { type Feature, isChangeableOnVif } from "../features.ts";
import { getSettings, type Interface, listInterfaceDevices, type ManagedInterface } from "../interface.ts";
import { createInterfaceProblem } from "../interface-problem.ts";
import type { Inventory, Vm } from "../inventory.ts";
import { findOriginals, type OriginalSources } from "../originals.ts";
import { Policy } from "../policy.ts";
import type { StoredFeature } from "../policy-entries.ts";
import type { Problem } from "../problem.ts";
import type { HostRuleStep, PolicyStep } from "../write-policy-entries.ts";
import {
  type Change,
  type FeatureSnapshot,
  type LiveStep,
  listLiveChanges,
  listSettingChanges,
  planLiveSteps,
  planSettings,
  previewSnapshot,
  type SettingStep,
} from "./steps.ts";

/** What is to be turned off, and how it was named. */
export interface DisableRequest {
  readonly features: readonly Feature[];
  /** Whether the features were named, and not taken by default. */
  readonly hasExplicitFeatures: boolean;
  /** Which standing rules are to hold from now on. */
  readonly groups: { readonly nics: boolean; readonly vifs: boolean };
  /** VIFs that were named by themselves, by UUID. */
  readonly individualVifs: ReadonlySet<string>;
}

/** What `disable` is going to do, and what it looks at to decide so. */
export interface DisablePlan {
  readonly interfaces: readonly Interface[];
  readonly request: DisableRequest;
  readonly before: FeatureSnapshot;
  readonly live: readonly LiveStep[];
  /** What will be written in XAPI if every device complies; what is written is decided afterwards. */
  readonly settings: readonly SettingStep[];
  readonly policySteps: readonly PolicyStep[];
  /** The standing rule to be stored with the host; null where it says all of this already. */
  readonly hostRule: HostRuleStep | null;
  /** Running VMs whose settings somebody else may have written, so that xenopsd may not know them. */
  readonly unannouncedVms: readonly Vm[];
  /** Interfaces that are left alone, with the reason. */
  readonly excluded: readonly Problem[];
}

/** Plans the change of the kernel alone: nothing is stored. */
export function planLiveOnly(
  interfaces: readonly Interface[],
  request: DisableRequest,
  before: FeatureSnapshot,
): DisablePlan {
  return createLivePlan(interfaces, request, before, planLiveSteps(interfaces, request.features, before));
}

/** The plan of these live steps alone: nothing is stored. */
export function createLivePlan(
  interfaces: readonly Interface[],
  request: DisableRequest,
  before: FeatureSnapshot,
  live: readonly LiveStep[],
): DisablePlan {
  const noXapiChanges = { settings: [], policySteps: [], hostRule: null, unannouncedVms: [], excluded: [] };
  return { interfaces, request, before, live, ...noXapiChanges };
}

/** Plans all of it: what is stored, what is changed in the kernel, and the settings that follow. */
export function planDisable(
  allInterfaces: readonly Interface[],
  request: DisableRequest,
  inventory: Inventory,
  sources: OriginalSources,
): DisablePlan {
  const { snapshot } = sources;
  const interfaces = allInterfaces.filter((iface) => getSettings(iface).policy.problem === null);
  const live = planLiveSteps(interfaces, request.features, snapshot);
  const after = previewSnapshot(snapshot, live);
  const readable = interfaces.filter((iface) => isReadable(iface, snapshot));
  const settings = planSettings(readable, request.features, after, request.hasExplicitFeatures);
  const hostRule = planHostRule(request, inventory);
  const policy = new Policy(hostRule?.rule ?? inventory.storedHostRule.value, inventory.vifs);
  const maybeUnannounced = new Set(interfaces.filter((iface) => isMaybeUnannounced(iface, request.features)));
  const planner = new PolicyPlanner(request, policy, sources, live, settings, maybeUnannounced);
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
export function previewChanges(plan: DisablePlan): readonly Change[] {
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

function planHostRule(
  { groups, features }: DisableRequest,
  { hostRef: ref, storedHostRule: stored }: Inventory,
): HostRuleStep | null {
  const current = stored.value;
  const updated = {
    nics: groups.nics ? union(current.nics, features) : current.nics,
    vifs: groups.vifs ? union(current.vifs, features) : current.vifs,
  };
  const isUnchanged = updated.nics.length === current.nics.length && updated.vifs.length === current.vifs.length;
  return isUnchanged ? null : { ref, stored, rule: updated };
}

function union(names: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...names, ...more])];
}

/** Whether a setting means off already, and it is not known that this tool made xenopsd know it. */
function isMaybeUnannounced(iface: Interface, features: readonly Feature[]): boolean {
  if (iface.kind !== "vif") return false;
  return features.some((feature) => {
    const { settings } = iface.vif;
    const isOff = isChangeableOnVif(feature) && settings.state(feature) === "off";
    return isOff && settings.policy.value.get(feature)?.wrote !== settings.value(feature);
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

/** Whoever names one VIF of a VM that was named before takes nothing back from the VM. */
function isRequestedForVm(before: StoredFeature | undefined): boolean {
  return before?.asked === "off" && !before.alone;
}

/** Decides which interfaces get a text, and what it says. */
class PolicyPlanner {
  readonly #changedFeatures = new Map<Interface, Set<Feature>>();
  readonly #writtenFeatures: ReadonlyMap<Interface, ReadonlySet<Feature>>;

  constructor(
    readonly request: DisableRequest,
    readonly policy: Policy,
    readonly sources: OriginalSources,
    live: readonly LiveStep[],
    settings: readonly SettingStep[],
    readonly maybeUnannounced: ReadonlySet<Interface>,
  ) {
    for (const { iface, features } of live) {
      const changed = this.#changedFeatures.get(iface) ?? new Set();
      for (const feature of features) changed.add(feature);
      this.#changedFeatures.set(iface, changed);
    }
    this.#writtenFeatures = new Map(
      [...Map.groupBy(settings, ({ iface }) => iface)].map(([iface, steps]) => [
        iface,
        new Set(steps.map(({ feature }) => feature)),
      ]),
    );
  }

  planStep(iface: Interface): readonly PolicyStep[] {
    if (iface.kind === "unmanaged" || !this.#needsEntry(iface)) return [];
    const { value } = getSettings(iface).policy;
    const originals = findOriginals(iface, this.request.features, this.sources);
    const features = new Map<string, StoredFeature>(value);
    for (const feature of this.request.features) {
      const before = value.get(feature);
      features.set(feature, {
        asked: "off",
        alone: this.#isIndividual(iface) && !isRequestedForVm(before),
        original: before?.original ?? originals.get(feature) ?? null,
        wrote: this.#getWrittenValue(iface, feature) ?? before?.wrote,
      });
    }
    return [{ iface, features }];
  }

  /**
   * Whoever writes a setting adds a text first, even if it says nothing new: one that is read and removed
   * at this moment by another host must not be the last.
   */
  #needsEntry(iface: ManagedInterface): boolean {
    if (this.#writtenFeatures.has(iface) || this.maybeUnannounced.has(iface)) return true;
    const { value } = getSettings(iface).policy;
    const changed = this.#changedFeatures.get(iface);
    return this.request.features.some((feature) => {
      const isOriginalMissing = changed?.has(feature) === true && !value.get(feature)?.original;
      const isWidened = value.get(feature)?.alone === true && !this.#isIndividual(iface);
      return isOriginalMissing || isWidened || !this.policy.isOff(iface, feature);
    });
  }

  #isIndividual(iface: ManagedInterface): boolean {
    return iface.kind === "vif" && this.request.individualVifs.has(iface.vif.uuid);
  }

  #getWrittenValue(iface: ManagedInterface, feature: Feature): string | undefined {
    if (this.#writtenFeatures.get(iface)?.has(feature) === true) return "off";
    const settings = getSettings(iface);
    return settings.state(feature) === "off" ? (settings.value(feature) ?? undefined) : undefined;
  }
}
