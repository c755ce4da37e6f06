import { KEYWORDS, type Keyword } from "./features.ts";
import type { Interface } from "./interface.ts";
import type { Inventory, Pif, Vif } from "./inventory.ts";
import { NOTHING_STORED, type StandingRule, type StoredInterface } from "./policy-text.ts";
import type { Coverage, VmCoverage } from "./verify/coverage.ts";

/**
 * What the administrator asked to keep off. An interface's own word wins over the rule of its host,
 * feature by feature; a VM with a VIF that was asked off, and not that VIF alone, covers its other VIFs.
 */
export class Policy {
  readonly #rule: Readonly<Record<keyof StandingRule, ReadonlySet<string>>>;
  readonly #vms = new Map<string, Set<string>>();

  /** `vifs`: all VIFs of each VM that will be asked about. */
  constructor(
    rule: StandingRule,
    readonly vifs: readonly Vif[],
  ) {
    this.#rule = { nics: new Set(rule.nics), vifs: new Set(rule.vifs) };
    for (const { vm, stored } of vifs) {
      for (const [feature, { asked, alone }] of stored.value) {
        if (asked !== "off" || alone) continue;
        const covered = this.#vms.get(vm.uuid) ?? new Set();
        this.#vms.set(vm.uuid, covered.add(feature));
      }
    }
  }

  /** The policy of the host whose inventory this is. */
  static of({ hostStored, vifs }: Inventory): Policy {
    return new Policy(hostStored.value, vifs);
  }

  /** The features that are to be off on an interface, in the order of the table. */
  featuresOff(iface: Interface): readonly Keyword[] {
    return KEYWORDS.filter((feature) => this.isOff(iface, feature));
  }

  /** Whether a feature is to be off on an interface. */
  isOff(iface: Interface, feature: string): boolean {
    return isOffBy(storedOf(iface), feature, (one) => this.isCovered(iface, one));
  }

  /** Whether a feature would be off without a word of the interface's own. */
  isCovered(iface: Interface, feature: string): boolean {
    switch (iface.kind) {
      case "pif":
        return this.#rule.nics.has(feature);
      case "vif":
        return this.#coversVifsOf(iface.vm.uuid, feature);
      case "bare":
        return false;
    }
  }

  /** Whether anything was asked for of an interface, by its own word or by a wider one. */
  speaksOf(iface: Interface): boolean {
    return hasWord(storedOf(iface)) || this.featuresOff(iface).length > 0;
  }

  /** Whether there is a rule for interfaces to come. */
  get hasRule(): boolean {
    return this.#rule.nics.size + this.#rule.vifs.size > 0;
  }

  /** What the boot layer of this host has to keep off, given its NICs. */
  coverage(nics: readonly Pif[]): Coverage {
    return {
      nics: KEYWORDS.filter((feature) => this.#rule.nics.has(feature)),
      vifs: KEYWORDS.filter((feature) => this.#rule.vifs.has(feature)),
      devices: new Map(
        nics.filter(({ stored }) => hasWord(stored)).map((pif) => [pif.device, this.#nic(pif)]),
      ),
      vms: this.#vmCoverages(),
    };
  }

  #coversVifsOf(vmUuid: string, feature: string): boolean {
    return this.#rule.vifs.has(feature) || this.#vms.get(vmUuid)?.has(feature) === true;
  }

  #nic({ stored }: Pif): readonly Keyword[] {
    return ownFeatures(stored, (feature) => this.#rule.nics.has(feature));
  }

  #vmCoverages(): ReadonlyMap<string, VmCoverage> {
    const coverages = new Map<string, VmCoverage>();
    const worded = this.vifs.filter(({ stored, vm }) => vm.role === "vm" && hasWord(stored));
    for (const [uuid, vifs] of Map.groupBy(worded, ({ vm }) => vm.uuid)) {
      const isCovered = (feature: string) => this.#coversVifsOf(uuid, feature);
      const features = KEYWORDS.filter(isCovered);
      const own = vifs
        .map(({ device, stored }) => [device, ownFeatures(stored, isCovered)] as const)
        .filter(([, wanted]) => wanted.join() !== features.join());
      const isOfRule = features.every((feature) => this.#rule.vifs.has(feature));
      if (own.length > 0 || !isOfRule) coverages.set(uuid, { features, vifs: new Map(own) });
    }
    return coverages;
  }
}

/** What is stored with the object behind an interface. */
export function storedOf(iface: Interface): StoredInterface {
  if (iface.kind === "pif") return iface.pif.stored;
  return iface.kind === "vif" ? iface.vif.stored : NOTHING_STORED;
}

/** Whether anything was asked of the object itself. */
export function hasWord({ value }: StoredInterface): boolean {
  return [...value.values()].some(({ asked }) => asked !== null);
}

function ownFeatures(
  stored: StoredInterface,
  isCovered: (feature: string) => boolean,
): readonly Keyword[] {
  return KEYWORDS.filter((feature) => isOffBy(stored, feature, isCovered));
}

/** The object's own word wins over what covers it. */
function isOffBy(
  { value }: StoredInterface,
  feature: string,
  isCovered: (feature: string) => boolean,
): boolean {
  const asked = value.get(feature)?.asked ?? null;
  return asked === null ? isCovered(feature) : asked === "off";
}
