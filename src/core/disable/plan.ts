import { isChangeableOnVif, type Keyword } from "../features.ts";
import type { Interface } from "../interface.ts";
import type { Inventory, Vm } from "../inventory.ts";
import { type Evidence, findOriginals } from "../originals.ts";
import { Policy, storedOf } from "../policy.ts";
import type { StoredFeature, StoredFeatures } from "../policy-text.ts";
import type { Problem } from "../problem.ts";
import { problemAbout } from "../problem-about.ts";
import { honouredKey, meaningOf, otherConfigOf } from "../settings.ts";
import type { RuleStep } from "../write-texts.ts";
import {
  type Change,
  foresee,
  type LiveStep,
  type LiveView,
  liveChanges,
  planLive,
  planRecords,
  type RecordStep,
  recordChanges,
} from "./steps.ts";

/** What is to be turned off, and how it was named. */
export interface DisableRequest {
  readonly features: readonly Keyword[];
  /** Whether the features were named, and not taken by default. */
  readonly named: boolean;
  /** Which standing rules are to hold from now on. */
  readonly rule: { readonly nics: boolean; readonly vifs: boolean };
  /** VIFs that were named by themselves, by UUID. */
  readonly alone: ReadonlySet<string>;
}

/** An interface with an object in XAPI. */
export type StoredIface = Exclude<Interface, { kind: "bare" }>;

/** What is to be stored with an interface, before anything of it is changed. */
export interface TextStep {
  readonly iface: StoredIface;
  readonly features: StoredFeatures;
}

/** What `disable` is going to do, and what it looks at to decide so. */
export interface DisablePlan {
  readonly interfaces: readonly Interface[];
  readonly request: DisableRequest;
  readonly before: LiveView;
  readonly live: readonly LiveStep[];
  /** What will be written in XAPI if every device obeys; what is written is decided afterwards. */
  readonly settings: readonly RecordStep[];
  readonly texts: readonly TextStep[];
  /** The standing rule to be stored with the host; null where it says all of this already. */
  readonly rule: RuleStep | null;
  /** Running VMs whose settings somebody else may have written, so that xenopsd may not know them. */
  readonly unannounced: readonly Vm[];
  /** Interfaces that are left alone, with the reason. */
  readonly excluded: readonly Problem[];
}

/** Plans the change of the kernel alone: nothing is stored. */
export function planLiveOnly(
  interfaces: readonly Interface[],
  request: DisableRequest,
  before: LiveView,
): DisablePlan {
  const live = planLive(interfaces, request.features, before);
  const nothing = { settings: [], texts: [], rule: null, unannounced: [], excluded: [] };
  return { interfaces, request, before, live, ...nothing };
}

/** Plans all of it: what is stored, what is changed in the kernel, and the settings that follow. */
export function planDisable(
  all: readonly Interface[],
  request: DisableRequest,
  inventory: Inventory,
  evidence: Evidence,
): DisablePlan {
  const { view } = evidence;
  const interfaces = all.filter((iface) => storedOf(iface).problem === null);
  const live = planLive(interfaces, request.features, view);
  const expected = foresee(view, live);
  const settings = planRecords(interfaces, request.features, expected, request.named);
  const rule = planRule(request, inventory);
  const policy = new Policy(rule?.rule ?? inventory.hostStored.value, inventory.vifs);
  const unconfirmed = new Set(
    interfaces.filter((iface) => hasUnconfirmed(iface, request.features)),
  );
  const planner = new TextPlanner(request, policy, evidence, live, settings, unconfirmed);
  return {
    interfaces,
    request,
    before: view,
    live,
    settings,
    texts: interfaces.flatMap((iface) => planner.stepFor(iface)),
    rule,
    unannounced: runningVms(unconfirmed),
    excluded: all.flatMap(unusableText),
  };
}

/** What a plan changes, if every device obeys. */
export function expectedChanges(plan: DisablePlan): readonly Change[] {
  const { interfaces, request, before, live, settings } = plan;
  return [
    ...liveChanges(interfaces, request.features, before, foresee(before, live)),
    ...recordChanges(settings, before.existing),
  ];
}

/** That the texts of an interface cannot be used, so that it has to be left alone. */
export function unusableText(iface: Interface): readonly Problem[] {
  const { problem } = storedOf(iface);
  if (problem === null || iface.kind === "bare") return [];
  const uuid = iface.kind === "pif" ? iface.pif.uuid : iface.vif.uuid;
  const detail = `left alone, because ${problem}; see its other-config: xe ${iface.kind}-param-get uuid=${uuid} param-name=other-config`;
  return [problemAbout("text-unusable", iface, detail)];
}

function planRule(
  { rule, features }: DisableRequest,
  { hostRef: ref, hostStored: stored }: Inventory,
): RuleStep | null {
  const now = stored.value;
  const next = {
    nics: rule.nics ? union(now.nics, features) : now.nics,
    vifs: rule.vifs ? union(now.vifs, features) : now.vifs,
  };
  const isSame = next.nics.length === now.nics.length && next.vifs.length === now.vifs.length;
  return isSame ? null : { ref, stored, rule: next };
}

function union(names: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...names, ...more])];
}

/** Whether a setting means off already, and it is not known that this tool made xenopsd know it. */
function hasUnconfirmed(iface: Interface, features: readonly Keyword[]): boolean {
  if (iface.kind !== "vif") return false;
  return features.some((feature) => {
    const key = isChangeableOnVif(feature) ? honouredKey(iface, feature) : null;
    const value = key === null ? undefined : iface.vif.otherConfig.get(key);
    return meaningOf(value) === "off" && iface.vif.stored.value.get(feature)?.wrote !== value;
  });
}

/** The VMs among these interfaces that run, on whichever host. */
export function runningVms(ifaces: Iterable<Interface>): readonly Vm[] {
  const vms = new Map<string, Vm>();
  for (const iface of ifaces) {
    if (iface.kind === "vif" && iface.vm.residentOn !== undefined) vms.set(iface.vm.uuid, iface.vm);
  }
  return [...vms.values()];
}

/** Whoever names one VIF of a VM that was named before takes nothing back from the VM. */
function isAskedWithItsVm(before: StoredFeature | undefined): boolean {
  return before?.asked === "off" && !before.alone;
}

/** Decides which interfaces get a text, and what it says. */
class TextPlanner {
  readonly #changed = new Map<Interface, Set<Keyword>>();
  readonly #written: ReadonlyMap<Interface, ReadonlySet<Keyword>>;

  constructor(
    readonly request: DisableRequest,
    readonly policy: Policy,
    readonly evidence: Evidence,
    live: readonly LiveStep[],
    settings: readonly RecordStep[],
    readonly unconfirmed: ReadonlySet<Interface>,
  ) {
    for (const { subject, keywords } of live) {
      const changed = this.#changed.get(subject) ?? new Set();
      for (const keyword of keywords) changed.add(keyword);
      this.#changed.set(subject, changed);
    }
    this.#written = new Map(
      [...Map.groupBy(settings, ({ subject }) => subject)].map(([iface, steps]) => [
        iface,
        new Set(steps.map(({ keyword }) => keyword)),
      ]),
    );
  }

  stepFor(iface: Interface): readonly TextStep[] {
    if (iface.kind === "bare" || !this.#isNeeded(iface)) return [];
    const { value } = storedOf(iface);
    const originals = findOriginals(iface, this.request.features, this.evidence);
    const features = new Map<string, StoredFeature>(value);
    for (const feature of this.request.features) {
      const before = value.get(feature);
      features.set(feature, {
        asked: "off",
        alone: this.#isAlone(iface) && !isAskedWithItsVm(before),
        original: before?.original ?? originals.get(feature) ?? null,
        wrote: this.#wrote(iface, feature) ?? before?.wrote,
      });
    }
    return [{ iface, features }];
  }

  /**
   * Whoever writes a setting adds a text first, even if it says nothing new: one that is read and removed
   * at this moment by another host must not be the last.
   */
  #isNeeded(iface: StoredIface): boolean {
    if (this.#written.has(iface) || this.unconfirmed.has(iface)) return true;
    const { value } = storedOf(iface);
    const changed = this.#changed.get(iface);
    return this.request.features.some((feature) => {
      const isOriginalMissing = changed?.has(feature) === true && !value.get(feature)?.original;
      const isWidened = value.get(feature)?.alone === true && !this.#isAlone(iface);
      return isOriginalMissing || isWidened || !this.policy.isOff(iface, feature);
    });
  }

  #isAlone(iface: StoredIface): boolean {
    return iface.kind === "vif" && this.request.alone.has(iface.vif.uuid);
  }

  #wrote(iface: StoredIface, feature: Keyword): string | undefined {
    if (this.#written.get(iface)?.has(feature) === true) return "off";
    const key = honouredKey(iface, feature);
    const value = key === null ? undefined : otherConfigOf(iface)?.get(key);
    return meaningOf(value) === "off" ? value : undefined;
  }
}
