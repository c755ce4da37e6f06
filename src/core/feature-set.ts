import { FEATURES, type Feature, matchesPattern } from "./features.ts";

/** Bits of kernel features, 32 a number, in the order of the kernel's own names. */
export type FeatureBits = readonly number[];

/**
 * The features of one device as the kernel holds them. `requested` is what was asked for
 * (`wanted_features`), `active` what is in force, `changeable` what the driver lets anyone change.
 */
export interface FeatureSetBits {
  readonly active: FeatureBits;
  readonly requested: FeatureBits;
  readonly changeable: FeatureBits;
}

/** Whether the bit of the kernel feature of that index is set. */
export function isSet(bits: FeatureBits, index: number): boolean {
  return ((bits[Math.floor(index / 32)] ?? 0) & (1 << (index % 32))) !== 0;
}

/** What ethtool shows of a feature: `off, requested on` will come on by itself. */
export type FeatureState = "on" | "off" | "on, fixed" | "off, fixed" | "absent" | "off, requested on";

/** The features of one device, and what ethtool shows of each. Devices that are alike share one. */
export class FeatureSet implements FeatureSetBits {
  readonly active: FeatureBits;
  readonly requested: FeatureBits;
  readonly changeable: FeatureBits;
  readonly #table: KernelFeatureTable;
  #states: ReadonlyMap<Feature, FeatureState> | undefined;

  constructor(table: KernelFeatureTable, { active, requested, changeable }: FeatureSetBits) {
    this.#table = table;
    this.active = active;
    this.requested = requested;
    this.changeable = changeable;
  }

  /** The state of a feature, as a whole. */
  state(feature: Feature): FeatureState {
    this.#states ??= new Map(FEATURES.map(({ name }) => [name, this.#computeState(name)]));
    return this.#states.get(feature) ?? "absent";
  }

  /** Whether any part of the feature is asked for, changeable or not. */
  isRequested(feature: Feature): boolean {
    return this.#table.getMask(feature).some(({ block, bits }) => ((this.requested[block] ?? 0) & bits) !== 0);
  }

  /** Whether any part of the feature that can be changed is requested. */
  isRequestedAndChangeable(feature: Feature): boolean {
    return this.#table
      .getMask(feature)
      .some(({ block, bits }) => ((this.requested[block] ?? 0) & (this.changeable[block] ?? 0) & bits) !== 0);
  }

  /**
   * What has to be asked for so that these features are off. Unlike `state` it also sees the
   * changeable rest of a group of which some other part is fixed on.
   */
  planOff(features: readonly Feature[]): FeatureRequest {
    return FeatureRequest.off(this, this.#table.getBits(features));
  }

  /** The bits of these features that the driver lets us change, on or off. */
  findChangeable(features: readonly Feature[]): FeatureBits {
    return this.#table.getBits(features).map((bits, block) => (bits & (this.changeable[block] ?? 0)) >>> 0);
  }

  /** The set that is left when a request is met and nothing else happens. */
  apply({ valid, requested }: FeatureRequest): FeatureSet {
    const applyTo = (bits: FeatureBits) =>
      bits.map((on, block) => ((on & ~(valid[block] ?? 0)) | (requested[block] ?? 0)) >>> 0);
    return new FeatureSet(this.#table, {
      active: applyTo(this.active),
      requested: applyTo(this.requested),
      changeable: this.changeable,
    });
  }

  /** What to ask for so that these requests hold, by the kernel's names; a name that it does not have is left out. */
  planRequest(requests: ReadonlyMap<string, boolean>): FeatureRequest {
    const byIndex = [...requests].map(([name, isRequested]) => [this.#table.names.indexOf(name), isRequested] as const);
    return FeatureRequest.of(this, new Map(byIndex.filter(([index]) => index >= 0)));
  }

  #computeState(feature: Feature): FeatureState {
    const mask = this.#table.getMask(feature);
    if (mask.length === 0) return "absent";
    let active = 0;
    let changeableBits = 0;
    let activeChangeable = 0;
    let requestedChangeable = 0;
    for (const { block, bits } of mask) {
      const on = (this.active[block] ?? 0) & bits;
      const changeable = (this.changeable[block] ?? 0) & bits;
      active |= on;
      changeableBits |= changeable;
      activeChangeable |= on & changeable;
      requestedChangeable |= (this.requested[block] ?? 0) & changeable;
    }
    if (active !== 0) return activeChangeable !== 0 ? "on" : "on, fixed";
    if (changeableBits === 0) return "off, fixed";
    return requestedChangeable !== 0 ? "off, requested on" : "off";
  }
}

/**
 * Bits of one device that are to be requested, or no longer. The constructor is private and masks with what is
 * changeable: a fixed feature cannot get into a plan.
 */
export class FeatureRequest {
  private constructor(
    readonly valid: FeatureBits,
    readonly requested: FeatureBits,
  ) {}

  /** That the selected bits are off: those that can be changed, and are on or requested. */
  static off({ active, requested, changeable }: FeatureSetBits, selected: FeatureBits): FeatureRequest {
    const valid = selected.map((bits, block) => {
      const activeOrRequested = (active[block] ?? 0) | (requested[block] ?? 0);
      return (bits & (changeable[block] ?? 0) & activeOrRequested) >>> 0;
    });
    return new FeatureRequest(
      valid,
      valid.map(() => 0),
    );
  }

  /**
   * The request for earlier requested states, by the index of the kernel feature. Bits that cannot be changed,
   * and those that are so already, are left out.
   */
  static of(set: FeatureSetBits, previous: ReadonlyMap<number, boolean>): FeatureRequest {
    const valid = set.changeable.map(() => 0);
    const requested = set.changeable.map(() => 0);
    for (const [index, isRequested] of previous) {
      const block = Math.floor(index / 32);
      const bit = 1 << (index % 32);
      if (!isSet(set.changeable, index) || isSet(set.requested, index) === isRequested) continue;
      valid[block] = ((valid[block] ?? 0) | bit) >>> 0;
      if (isRequested) requested[block] = ((requested[block] ?? 0) | bit) >>> 0;
    }
    return new FeatureRequest(valid, requested);
  }

  /** Whether there is nothing to ask for. */
  get isEmpty(): boolean {
    return this.valid.every((bits) => bits === 0);
  }
}

/** The bits of a feature within one block of 32; a feature hardly ever has more than one or two blocks. */
interface MaskPart {
  readonly block: number;
  readonly bits: number;
}

const NO_PARTS: readonly MaskPart[] = [];

/** The kernel's feature names, and which of them each feature means. The same for every device. */
export class KernelFeatureTable {
  readonly #masks: ReadonlyMap<Feature, readonly MaskPart[]>;
  readonly #blockCount: number;

  /** `names`: the strings of ETH_SS_FEATURES, in the kernel's order. */
  constructor(readonly names: readonly string[]) {
    this.#blockCount = Math.ceil(names.length / 32);
    this.#masks = new Map(FEATURES.map(({ name, kernelPattern }) => [name, findMaskParts(names, kernelPattern)]));
  }

  /** The bits of a feature, by block. */
  getMask(feature: Feature): readonly MaskPart[] {
    return this.#masks.get(feature) ?? NO_PARTS;
  }

  /** The bits of all these features. */
  getBits(features: readonly Feature[]): FeatureBits {
    const bitsByBlock = Array.from({ length: this.#blockCount }, () => 0);
    for (const { block, bits } of features.flatMap((feature) => this.getMask(feature))) {
      bitsByBlock[block] = (bitsByBlock[block] ?? 0) | bits;
    }
    return bitsByBlock;
  }

  /** Whether a request is about the feature. */
  isAffected(feature: Feature, { valid }: FeatureRequest): boolean {
    return this.getMask(feature).some(({ block, bits }) => ((valid[block] ?? 0) & bits) !== 0);
  }

  /** The names of the kernel features among those bits, with their index. */
  listNames(bits: FeatureBits): readonly (readonly [name: string, index: number])[] {
    return this.names.flatMap((name, index) => (isSet(bits, index) ? [[name, index] as const] : []));
  }
}

function findMaskParts(names: readonly string[], pattern: string): readonly MaskPart[] {
  const blocks = new Map<number, number>();
  for (const index of names.flatMap((name, index) => (matchesPattern(name, pattern) ? [index] : []))) {
    const block = Math.floor(index / 32);
    blocks.set(block, (blocks.get(block) ?? 0) | (1 << (index % 32)));
  }
  return [...blocks].map(([block, bits]) => ({ block, bits }));
}
