import { FEATURES, type Keyword } from "./features.ts";

/**
 * The features of one device as the kernel holds them, one bit for each kernel feature, in the
 * order of the kernel's own names. `requested` is what was asked for (`wanted_features`), `active`
 * what is in force, `changeable` what the driver lets anyone change at all.
 */
export interface FeatureSet {
  readonly active: bigint;
  readonly requested: bigint;
  readonly changeable: bigint;
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
  private constructor(readonly bits: bigint) {}

  /** Those of the wanted bits that can be cleared on the device. */
  static of(set: FeatureSet, wanted: bigint): ChangeableBits {
    return new ChangeableBits(wanted & set.changeable & (set.active | set.requested));
  }

  /** Whether there is nothing to clear. */
  get isEmpty(): boolean {
    return this.bits === 0n;
  }
}

/** The kernel's feature names, and which of them each keyword means. The same for every device. */
export class KernelFeatures {
  readonly #masks: ReadonlyMap<Keyword, bigint>;

  /** `names`: the strings of ETH_SS_FEATURES, in the kernel's order. */
  constructor(readonly names: readonly string[]) {
    this.#masks = new Map(FEATURES.map(({ keyword, kernel }) => [keyword, maskOf(names, kernel)]));
  }

  /** The bits that a keyword stands for; none when this kernel does not know the feature. */
  mask(keyword: Keyword): bigint {
    return this.#masks.get(keyword) ?? 0n;
  }

  /** The state of one feature of a device, as a whole. */
  state(set: FeatureSet, keyword: Keyword): FeatureState {
    const mask = this.mask(keyword);
    if (mask === 0n) return "absent";
    const free = mask & set.changeable;
    if ((set.active & mask) !== 0n) return (set.active & free) !== 0n ? "on" : "on, fixed";
    if (free === 0n) return "off, fixed";
    return (set.requested & free) !== 0n ? "off, requested on" : "off";
  }

  /**
   * What has to be cleared so that these features are off. Unlike `state` it also sees the
   * changeable rest of a group of which some other part is fixed on.
   */
  clearable(set: FeatureSet, keywords: Iterable<Keyword>): ChangeableBits {
    let mask = 0n;
    for (const keyword of keywords) mask |= this.mask(keyword);
    return ChangeableBits.of(set, mask);
  }

  /** The set that is left when those bits are cleared and nothing else happens. */
  without(set: FeatureSet, { bits }: ChangeableBits): FeatureSet {
    return {
      active: set.active & ~bits,
      requested: set.requested & ~bits,
      changeable: set.changeable,
    };
  }

  /** Whether the feature is off because somebody can turn it off, and nothing will bring it back. */
  isSettledOff(set: FeatureSet, keyword: Keyword): boolean {
    return this.state(set, keyword) === "off";
  }
}

function maskOf(names: readonly string[], pattern: string): bigint {
  const [prefix = "", suffix] = pattern.split("*");
  let mask = 0n;
  names.forEach((name, bit) => {
    const matches =
      suffix === undefined
        ? name === prefix
        : name.length >= prefix.length + suffix.length &&
          name.startsWith(prefix) &&
          name.endsWith(suffix);
    if (matches) mask |= 1n << BigInt(bit);
  });
  return mask;
}
