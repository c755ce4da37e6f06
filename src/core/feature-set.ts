import { FEATURES, type Feature } from "./features.ts";
import { PairMap } from "./pair-map.ts";

/** Bits of kernel features, 32 a number, in the order of the kernel's own names. */
export type FeatureBits = readonly number[];

/**
 * The features of one device as the kernel holds them. `requested` is what was asked for
 * (`wanted_features`), `active` what is in force, `changeable` what the driver lets anyone change.
 */
export interface FeatureSet {
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

/**
 * Bits of one device that its driver lets us clear and that are on or requested. The constructor
 * is private and masks with what is changeable: a fixed feature cannot get into a plan.
 */
export class ChangeableBits {
  private constructor(readonly bits: FeatureBits) {}

  /** Those of the wanted bits that can be cleared on the device. */
  static of({ active, requested, changeable }: FeatureSet, selected: FeatureBits): ChangeableBits {
    return new ChangeableBits(
      selected.map((bits, block) => {
        const activeOrRequested = (active[block] ?? 0) | (requested[block] ?? 0);
        return (bits & (changeable[block] ?? 0) & activeOrRequested) >>> 0;
      }),
    );
  }

  /** Whether there is nothing to clear. */
  get isEmpty(): boolean {
    return this.bits.every((bits) => bits === 0);
  }
}

/** Bits of one device that are to be requested, or no longer: only changeable ones. */
export class FeatureRequest {
  private constructor(
    readonly valid: FeatureBits,
    readonly requested: FeatureBits,
  ) {}

  /**
   * The request for earlier requested states, by the index of the kernel feature. Bits that cannot be changed,
   * and those that are as wished already, are left out.
   */
  static of(set: FeatureSet, previous: ReadonlyMap<number, boolean>): FeatureRequest {
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

  /** Whether everything is as wished. */
  get isEmpty(): boolean {
    return this.valid.every((bits) => bits === 0);
  }
}

/** The bits of a keyword within one block of 32; a keyword hardly ever has more than one or two. */
interface MaskPart {
  readonly block: number;
  readonly bits: number;
}

const NO_PARTS: readonly MaskPart[] = [];

/** A kernel feature by its name and by its index among the names. */
type NamedFeatureBit = readonly [name: string, index: number];

/** The kernel's feature names, and which of them each keyword means. The same for every device. */
export class KernelFeatureTable {
  readonly #maskParts: ReadonlyMap<Feature, readonly MaskPart[]>;
  readonly #blockCount: number;
  readonly #cachedStates = new PairMap<readonly Feature[], FeatureSet, readonly FeatureState[]>();
  readonly #cachedNames = new Map<FeatureBits, readonly NamedFeatureBit[]>();

  /** `names`: the strings of ETH_SS_FEATURES, in the kernel's order. */
  constructor(readonly names: readonly string[]) {
    this.#blockCount = Math.ceil(names.length / 32);
    this.#maskParts = new Map(FEATURES.map(({ name, kernelPattern }) => [name, findMaskParts(names, kernelPattern)]));
  }

  /**
   * The states of these features of a device, in their order. Hosts have hundreds of devices with
   * the same features: the same set gives the very same array.
   */
  getStates(set: FeatureSet, features: readonly Feature[]): readonly FeatureState[] {
    const cached = this.#cachedStates.get(features, set);
    if (cached !== undefined) return cached;
    const states = features.map((feature) => this.getState(set, feature));
    return this.#cachedStates.set(features, set, states);
  }

  /** The state of one feature of a device, as a whole. */
  getState(set: FeatureSet, feature: Feature): FeatureState {
    const parts = this.#maskParts.get(feature) ?? NO_PARTS;
    if (parts.length === 0) return "absent";
    let active = 0;
    let changeableBits = 0;
    let activeChangeable = 0;
    let requestedChangeable = 0;
    for (const { block, bits } of parts) {
      const on = (set.active[block] ?? 0) & bits;
      const changeable = (set.changeable[block] ?? 0) & bits;
      active |= on;
      changeableBits |= changeable;
      activeChangeable |= on & changeable;
      requestedChangeable |= (set.requested[block] ?? 0) & changeable;
    }
    if (active !== 0) return activeChangeable !== 0 ? "on" : "on, fixed";
    if (changeableBits === 0) return "off, fixed";
    return requestedChangeable !== 0 ? "off, requested on" : "off";
  }

  /** Whether clearing those bits would change the feature. */
  isAffected(feature: Feature, { bits }: ChangeableBits): boolean {
    const parts = this.#maskParts.get(feature) ?? NO_PARTS;
    return parts.some((part) => ((bits[part.block] ?? 0) & part.bits) !== 0);
  }

  /** Whether any part of the feature is asked for, changeable or not. */
  isRequested(set: FeatureSet, feature: Feature): boolean {
    const parts = this.#maskParts.get(feature) ?? NO_PARTS;
    return parts.some(({ block, bits }) => ((set.requested[block] ?? 0) & bits) !== 0);
  }

  /** Whether any part of the feature that can be changed is requested. */
  isRequestedAndChangeable(set: FeatureSet, feature: Feature): boolean {
    const parts = this.#maskParts.get(feature) ?? NO_PARTS;
    return parts.some(({ block, bits }) => ((set.requested[block] ?? 0) & (set.changeable[block] ?? 0) & bits) !== 0);
  }

  /**
   * What has to be cleared so that these features are off. Unlike `state` it also sees the
   * changeable rest of a group of which some other part is fixed on.
   */
  findClearable(set: FeatureSet, features: readonly Feature[]): ChangeableBits {
    return ChangeableBits.of(set, this.getBits(features));
  }

  /** The bits of all these features. */
  getBits(features: readonly Feature[]): FeatureBits {
    const bitsByBlock = Array.from({ length: this.#blockCount }, () => 0);
    for (const feature of features) {
      for (const { block, bits } of this.#maskParts.get(feature) ?? NO_PARTS) {
        bitsByBlock[block] = (bitsByBlock[block] ?? 0) | bits;
      }
    }
    return bitsByBlock;
  }

  /** The names of the kernel features among those bits, with their index. */
  listNames(bits: FeatureBits): readonly NamedFeatureBit[] {
    const cached = this.#cachedNames.get(bits);
    if (cached !== undefined) return cached;
    const names = this.names.flatMap((name, index): NamedFeatureBit[] => (isSet(bits, index) ? [[name, index]] : []));
    this.#cachedNames.set(bits, names);
    return names;
  }

  /** The request for earlier requested states by name; a feature that this kernel does not name is left out. */
  planRequest(set: FeatureSet, previous: ReadonlyMap<string, boolean>): FeatureRequest {
    const requestsByIndex = [...previous].map(
      ([name, isRequested]) => [this.names.indexOf(name), isRequested] as const,
    );
    return FeatureRequest.of(set, new Map(requestsByIndex.filter(([index]) => index >= 0)));
  }

  /** The set that is left when those bits are cleared and nothing else happens. */
  clearBits(set: FeatureSet, { bits }: ChangeableBits): FeatureSet {
    const clear = (from: FeatureBits) => from.map((on, block) => (on & ~(bits[block] ?? 0)) >>> 0);
    return {
      active: clear(set.active),
      requested: clear(set.requested),
      changeable: set.changeable,
    };
  }
}

function findMaskParts(names: readonly string[], pattern: string): readonly MaskPart[] {
  const blocks = new Map<number, number>();
  for (const index of findIndexes(names, pattern)) {
    const block = Math.floor(index / 32);
    blocks.set(block, (blocks.get(block) ?? 0) | (1 << (index % 32)));
  }
  return [...blocks].map(([block, bits]) => ({ block, bits }));
}

/** Where the names are that match; `*` stands for any run of characters. */
function findIndexes(names: readonly string[], pattern: string): readonly number[] {
  const [prefix = "", suffix] = pattern.split("*");
  if (suffix === undefined) {
    const index = names.indexOf(pattern);
    return index < 0 ? [] : [index];
  }
  const minLength = prefix.length + suffix.length;
  return names.flatMap((name, index) =>
    name.startsWith(prefix) && name.endsWith(suffix) && name.length >= minLength ? [index] : [],
  );
}
