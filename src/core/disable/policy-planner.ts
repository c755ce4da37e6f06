import { type Feature, settingKey } from "../features.ts";
import { getSettings, type Interface, type ManagedInterface } from "../interface.ts";
import { findOriginals, type OriginalSources } from "../originals.ts";
import type { Policy } from "../policy.ts";
import type { StoredFeature } from "../policy-entries.ts";
import type { PolicyStep } from "../write-policy-entries.ts";
import type { ChangeRequest } from "./request.ts";
import type { LiveStep, SettingStep } from "./steps.ts";

/** Which features of an interface a change changes, in the kernel or by a setting. */
export class ChangedFeatures {
  readonly #live: ReadonlyMap<Interface, readonly LiveStep[]>;
  readonly #settings: ReadonlyMap<Interface, readonly SettingStep[]>;

  constructor(live: readonly LiveStep[], settings: readonly SettingStep[]) {
    this.#live = Map.groupBy(live, ({ iface }) => iface);
    this.#settings = Map.groupBy(settings, ({ iface }) => iface);
  }

  isChangedLive(iface: Interface, feature: Feature): boolean {
    return (this.#live.get(iface) ?? []).some(({ features }) => features.includes(feature));
  }

  hasSettings(iface: Interface): boolean {
    return this.#settings.has(iface);
  }

  /** The settings of a feature that change. */
  listSettings(iface: Interface, feature: Feature): readonly SettingStep[] {
    return (this.#settings.get(iface) ?? []).filter((step) => step.feature === feature);
  }
}

/** Whoever names one VIF of a VM that was named before takes nothing back from the VM. */
function isRequestedForVm(before: StoredFeature | undefined): boolean {
  return before?.asked === "off" && !before.alone;
}

/** Decides which interfaces get a text, and what it says. `policy`: what the host's rule and the VM say. */
export class PolicyPlanner {
  constructor(
    readonly request: ChangeRequest,
    readonly policy: Policy,
    readonly sources: OriginalSources,
    readonly changed: ChangedFeatures,
    readonly maybeUnannounced: ReadonlySet<Interface>,
  ) {}

  planStep(iface: Interface): readonly PolicyStep[] {
    if (iface.kind === "unmanaged" || !this.#needsEntry(iface)) return [];
    const { value } = getSettings(iface).policy;
    const originals = findOriginals(iface, this.request.features, this.sources);
    const features = new Map<string, StoredFeature>(value);
    for (const feature of this.request.features) {
      const stored = this.#planFeature(iface, feature, value.get(feature), originals.get(feature) ?? null);
      if (stored === null) features.delete(feature);
      else features.set(feature, stored);
    }
    return [{ iface, features }];
  }

  #planFeature(
    iface: ManagedInterface,
    feature: Feature,
    before: StoredFeature | undefined,
    original: StoredFeature["original"],
  ): StoredFeature | null {
    if (this.request.direction === "on") return this.#planFeatureOn(iface, feature, before, original);
    return {
      ...before,
      asked: "off",
      alone: this.#isIndividual(iface) && !isRequestedForVm(before),
      original: before?.original ?? original,
      wrote: this.#getWrittenValue(iface, feature) ?? before?.wrote,
    };
  }

  /** Of a feature that is not touched nothing has to be known. */
  #planFeatureOn(
    iface: ManagedInterface,
    feature: Feature,
    before: StoredFeature | undefined,
    original: StoredFeature["original"],
  ): StoredFeature | null {
    const asked = this.policy.isCovered(iface, feature) ? "on" : null;
    const steps = this.changed.listSettings(iface, feature);
    const isTouched = steps.length > 0 || this.changed.isChangedLive(iface, feature) || before?.original != null;
    if (asked === null && !isTouched) return null;
    const ownKey = settingKey(iface.kind, feature);
    const removed = steps.flatMap(({ key, from }) => (key === ownKey || from === null ? [] : [[key, from] as const]));
    const ineffective = new Map([...removed, ...(before?.ineffective ?? [])]);
    const isRemoved = steps.some(({ key }) => key === ownKey) || this.#isUnannounced(iface, feature);
    return {
      asked,
      alone: false,
      original: before?.original ?? (isTouched ? original : null),
      wrote: isRemoved ? null : before?.wrote,
      ...(ineffective.size === 0 ? {} : { ineffective }),
    };
  }

  /** What is announced now need not be announced again. */
  #isUnannounced(iface: ManagedInterface, feature: Feature): boolean {
    const settings = getSettings(iface);
    const isWritten = typeof settings.policy.value.get(feature)?.wrote === "string";
    const isConcerned = isWritten || this.changed.isChangedLive(iface, feature);
    return this.maybeUnannounced.has(iface) && isConcerned && settings.value(feature) === null;
  }

  /**
   * Whoever writes a setting adds a text first, even if it says nothing new: one that is read and removed
   * at this moment by another host must not be the last.
   */
  #needsEntry(iface: ManagedInterface): boolean {
    if (this.changed.hasSettings(iface) || this.maybeUnannounced.has(iface)) return true;
    const { value } = getSettings(iface).policy;
    return this.request.features.some((feature) => {
      const before = value.get(feature);
      return (
        (this.changed.isChangedLive(iface, feature) && !before?.original) || this.#isAskedAnew(iface, feature, before)
      );
    });
  }

  /** Whether the policy says something else than it is to say. */
  #isAskedAnew(iface: ManagedInterface, feature: Feature, before: StoredFeature | undefined): boolean {
    if (this.request.direction === "on") {
      return (before?.asked ?? null) !== (this.policy.isCovered(iface, feature) ? "on" : null);
    }
    const isWidened = before?.alone === true && !this.#isIndividual(iface);
    return isWidened || !this.policy.isOff(iface, feature);
  }

  #isIndividual(iface: ManagedInterface): boolean {
    return iface.kind === "vif" && this.request.individualVifs.has(iface.vif.uuid);
  }

  #getWrittenValue(iface: ManagedInterface, feature: Feature): string | undefined {
    if (this.changed.listSettings(iface, feature).length > 0) return "off";
    const settings = getSettings(iface);
    return settings.state(feature) === "off" ? (settings.value(feature) ?? undefined) : undefined;
  }
}
