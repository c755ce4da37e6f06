import { ByTwo } from "./by-two.ts";
import { FEATURES, type Keyword } from "./features.ts";

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
export type FeatureState =
  | "on"
  | "off"
  | "on, fixed"
  | "off, fixed"
  | "absent"
  | "off, requested on";

/**
 * Bits of one device that its driver lets us clear and that are on or requested. The constructor
 * is private and masks with what is changeable: a fixed feature cannot get into a plan.
 */
export class ChangeableBits {
  private constructor(readonly bits: FeatureBits) {}

  /** Those of the wanted bits that can be cleared on the device. */
  static of({ active, requested, changeable }: FeatureSet, wanted: FeatureBits): ChangeableBits {
    return new ChangeableBits(
      wanted.map((bits, block) => {
        const on = (active[block] ?? 0) | (requested[block] ?? 0);
        return (bits & (changeable[block] ?? 0) & on) >>> 0;
      }),
    );
  }

  /** Whether there is nothing to clear. */
  get isEmpty(): boolean {
    return this.bits.every((bits) => bits === 0);
  }
}

/** Bits of one device that are to be requested, or no longer: only changeable ones. */
export class FeatureWish {
  private constructor(
    readonly valid: FeatureBits,
    readonly requested: FeatureBits,
  ) {}

  /**
   * The wish for former requests, by the index of the kernel feature. Bits that cannot be changed,
   * and those that are as wished already, are left out.
   */
  static of(set: FeatureSet, former: ReadonlyMap<number, boolean>): FeatureWish {
    const valid = set.changeable.map(() => 0);
    const requested = set.changeable.map(() => 0);
    for (const [index, wanted] of former) {
      const block = Math.floor(index / 32);
      const bit = 1 << (index % 32);
      if (!isSet(set.changeable, index) || isSet(set.requested, index) === wanted) continue;
      valid[block] = ((valid[block] ?? 0) | bit) >>> 0;
      if (wanted) requested[block] = ((requested[block] ?? 0) | bit) >>> 0;
    }
    return new FeatureWish(valid, requested);
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
type NamedBit = readonly [name: string, index: number];

/** The kernel's feature names, and which of them each keyword means. The same for every device. */
export class KernelFeatures {
  readonly #parts: ReadonlyMap<Keyword, readonly MaskPart[]>;
  readonly #blocks: number;
  readonly #states = new ByTwo<readonly Keyword[], FeatureSet, readonly FeatureState[]>();
  readonly #named = new Map<FeatureBits, readonly NamedBit[]>();

  /** `names`: the strings of ETH_SS_FEATURES, in the kernel's order. */
  constructor(readonly names: readonly string[]) {
    this.#blocks = Math.ceil(names.length / 32);
    this.#parts = new Map(FEATURES.map(({ keyword, kernel }) => [keyword, partsOf(names, kernel)]));
  }

  /**
   * The states of these features of a device, in their order. Hosts have hundreds of devices with
   * the same features: the same set gives the very same array.
   */
  states(set: FeatureSet, keywords: readonly Keyword[]): readonly FeatureState[] {
    const known = this.#states.get(keywords, set);
    if (known !== undefined) return known;
    const states = keywords.map((keyword) => this.state(set, keyword));
    return this.#states.keep(keywords, set, states);
  }

  /** The state of one feature of a device, as a whole. */
  state(set: FeatureSet, keyword: Keyword): FeatureState {
    const parts = this.#parts.get(keyword) ?? NO_PARTS;
    if (parts.length === 0) return "absent";
    let active = 0;
    let free = 0;
    let activeFree = 0;
    let requestedFree = 0;
    for (const { block, bits } of parts) {
      const on = (set.active[block] ?? 0) & bits;
      const changeable = (set.changeable[block] ?? 0) & bits;
      active |= on;
      free |= changeable;
      activeFree |= on & changeable;
      requestedFree |= (set.requested[block] ?? 0) & changeable;
    }
    if (active !== 0) return activeFree !== 0 ? "on" : "on, fixed";
    if (free === 0) return "off, fixed";
    return requestedFree !== 0 ? "off, requested on" : "off";
  }

  /** Whether clearing those bits would change the feature. */
  isIn(keyword: Keyword, { bits }: ChangeableBits): boolean {
    const parts = this.#parts.get(keyword) ?? NO_PARTS;
    return parts.some((part) => ((bits[part.block] ?? 0) & part.bits) !== 0);
  }

  /** Whether any part of the feature is asked for, changeable or not. */
  isRequested(set: FeatureSet, keyword: Keyword): boolean {
    const parts = this.#parts.get(keyword) ?? NO_PARTS;
    return parts.some(({ block, bits }) => ((set.requested[block] ?? 0) & bits) !== 0);
  }

  /** Whether any part of the feature that can be changed is requested. */
  isChangeableRequested(set: FeatureSet, keyword: Keyword): boolean {
    const parts = this.#parts.get(keyword) ?? NO_PARTS;
    return parts.some(
      ({ block, bits }) =>
        ((set.requested[block] ?? 0) & (set.changeable[block] ?? 0) & bits) !== 0,
    );
  }

  /**
   * What has to be cleared so that these features are off. Unlike `state` it also sees the
   * changeable rest of a group of which some other part is fixed on.
   */
  clearable(set: FeatureSet, keywords: readonly Keyword[]): ChangeableBits {
    return ChangeableBits.of(set, this.bitsOf(keywords));
  }

  /** The bits of all these features. */
  bitsOf(keywords: readonly Keyword[]): FeatureBits {
    const wanted = Array.from({ length: this.#blocks }, () => 0);
    for (const keyword of keywords) {
      for (const { block, bits } of this.#parts.get(keyword) ?? NO_PARTS) {
        wanted[block] = (wanted[block] ?? 0) | bits;
      }
    }
    return wanted;
  }

  /** The names of the kernel features among those bits, with their index. */
  named(bits: FeatureBits): readonly NamedBit[] {
    const known = this.#named.get(bits);
    if (known !== undefined) return known;
    const named = this.names.flatMap((name, index): NamedBit[] =>
      isSet(bits, index) ? [[name, index]] : [],
    );
    this.#named.set(bits, named);
    return named;
  }

  /** The wish for former requests by name; a feature that this kernel does not name is left out. */
  wish(set: FeatureSet, former: ReadonlyMap<string, boolean>): FeatureWish {
    const indexed = [...former].map(
      ([name, wanted]) => [this.names.indexOf(name), wanted] as const,
    );
    return FeatureWish.of(set, new Map(indexed.filter(([index]) => index >= 0)));
  }

  /** The set that is left when those bits are cleared and nothing else happens. */
  without(set: FeatureSet, { bits }: ChangeableBits): FeatureSet {
    const cleared = (from: FeatureBits) =>
      from.map((on, block) => (on & ~(bits[block] ?? 0)) >>> 0);
    return {
      active: cleared(set.active),
      requested: cleared(set.requested),
      changeable: set.changeable,
    };
  }
}

function partsOf(names: readonly string[], pattern: string): readonly MaskPart[] {
  const blocks = new Map<number, number>();
  for (const index of indexesOf(names, pattern)) {
    const block = Math.floor(index / 32);
    blocks.set(block, (blocks.get(block) ?? 0) | (1 << (index % 32)));
  }
  return [...blocks].map(([block, bits]) => ({ block, bits }));
}

/** Where the names are that match; `*` stands for any run of characters. */
function indexesOf(names: readonly string[], pattern: string): readonly number[] {
  const [prefix = "", suffix] = pattern.split("*");
  if (suffix === undefined) {
    const index = names.indexOf(pattern);
    return index < 0 ? [] : [index];
  }
  const shortest = prefix.length + suffix.length;
  return names.flatMap((name, index) =>
    name.startsWith(prefix) && name.endsWith(suffix) && name.length >= shortest ? [index] : [],
  );
}
