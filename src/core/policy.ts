import { FEATURE_NAMES, type Feature } from "./features.ts";
import { getSettings, type Interface } from "./interface.ts";
import type { Inventory, Pif, Vif } from "./inventory.ts";
import type { HostRule, StoredInterfacePolicy } from "./policy-entries.ts";
import type { Coverage, VmCoverage } from "./verify/coverage.ts";

/**
 * What the administrator asked to keep off. An interface's own word wins over the rule of its host,
 * feature by feature; a VM with a VIF that was asked off, and not that VIF alone, covers its other VIFs.
 */
export class Policy {
  readonly #rule: Readonly<Record<keyof HostRule, ReadonlySet<string>>>;
  readonly #vmFeatures = new Map<string, Set<string>>();

  /** `vifs`: all VIFs of each VM that will be asked about. */
  constructor(
    rule: HostRule,
    readonly vifs: readonly Vif[],
  ) {
    this.#rule = { nics: new Set(rule.nics), vifs: new Set(rule.vifs) };
    for (const { vm, settings } of vifs) {
      for (const [feature, { asked, alone }] of settings.policy.value) {
        if (asked !== "off" || alone) continue;
        const covered = this.#vmFeatures.get(vm.uuid) ?? new Set();
        this.#vmFeatures.set(vm.uuid, covered.add(feature));
      }
    }
  }

  /** The policy of the host whose inventory this is. */
  static fromInventory({ storedHostRule, vifs }: Inventory): Policy {
    return new Policy(storedHostRule.value, vifs);
  }

  /** The features that are to be off on an interface, in the order of the table. */
  listFeaturesOff(iface: Interface): readonly Feature[] {
    return FEATURE_NAMES.filter((feature) => this.isOff(iface, feature));
  }

  /** Whether a feature is to be off on an interface. */
  isOff(iface: Interface, feature: string): boolean {
    return isFeatureOff(getSettings(iface).policy, feature, (otherFeature) => this.isCovered(iface, otherFeature));
  }

  /** Whether a feature would be off without a word of the interface's own. */
  isCovered(iface: Interface, feature: string): boolean {
    switch (iface.kind) {
      case "pif":
        return this.#rule.nics.has(feature);
      case "vif":
        return this.#isVmCovered(iface.vm.uuid, feature);
      case "unmanaged":
        return false;
    }
  }

  /** Whether anything was asked for of an interface, by its own word or by a wider one. */
  hasPolicyFor(iface: Interface): boolean {
    return hasOwnPolicy(getSettings(iface).policy) || this.listFeaturesOff(iface).length > 0;
  }

  /** Whether there is a rule for interfaces to come. */
  get hasHostRule(): boolean {
    return this.#rule.nics.size + this.#rule.vifs.size > 0;
  }

  /** What the boot layer of this host has to keep off, given its NICs. */
  computeCoverage(nics: readonly Pif[]): Coverage {
    return {
      nics: FEATURE_NAMES.filter((feature) => this.#rule.nics.has(feature)),
      vifs: FEATURE_NAMES.filter((feature) => this.#rule.vifs.has(feature)),
      devices: new Map(
        nics
          .filter(({ settings }) => hasOwnPolicy(settings.policy))
          .map((pif) => [pif.device, this.#listNicFeatures(pif)]),
      ),
      vms: this.#computeVmCoverages(),
    };
  }

  #isVmCovered(vmUuid: string, feature: string): boolean {
    return this.#rule.vifs.has(feature) || this.#vmFeatures.get(vmUuid)?.has(feature) === true;
  }

  #listNicFeatures({ settings }: Pif): readonly Feature[] {
    return listOwnFeatures(settings.policy, (feature) => this.#rule.nics.has(feature));
  }

  #computeVmCoverages(): ReadonlyMap<string, VmCoverage> {
    const coverages = new Map<string, VmCoverage>();
    const vifsWithPolicy = this.vifs.filter(({ settings, vm }) => vm.role === "vm" && hasOwnPolicy(settings.policy));
    for (const [uuid, vifs] of Map.groupBy(vifsWithPolicy, ({ vm }) => vm.uuid)) {
      const isCovered = (feature: string) => this.#isVmCovered(uuid, feature);
      const features = FEATURE_NAMES.filter(isCovered);
      const own = vifs
        .map(({ device, settings }) => [device, listOwnFeatures(settings.policy, isCovered)] as const)
        .filter(([, vifFeatures]) => vifFeatures.join() !== features.join());
      const matchesHostRule = features.every((feature) => this.#rule.vifs.has(feature));
      if (own.length > 0 || !matchesHostRule) coverages.set(uuid, { features, vifs: new Map(own) });
    }
    return coverages;
  }
}

/** Whether anything was asked of the object itself. */
function hasOwnPolicy({ value }: StoredInterfacePolicy): boolean {
  return [...value.values()].some(({ asked }) => asked !== null);
}

function listOwnFeatures(stored: StoredInterfacePolicy, isCovered: (feature: string) => boolean): readonly Feature[] {
  return FEATURE_NAMES.filter((feature) => isFeatureOff(stored, feature, isCovered));
}

/** The object's own word wins over what covers it. */
function isFeatureOff(
  { value }: StoredInterfacePolicy,
  feature: string,
  isCovered: (feature: string) => boolean,
): boolean {
  const asked = value.get(feature)?.asked ?? null;
  return asked === null ? isCovered(feature) : asked === "off";
}
