import { type CommandError, usageError } from "./command-error.ts";
import { findClosest } from "./find-closest.ts";
import { quote } from "./text.ts";

interface FeatureDefinition {
  /** The word that ethtool and the keys of settings use. */
  readonly name: string;
  /** What `ethtool -k` calls it. */
  readonly ethtoolName: string;
  /** The kernel features behind the name; `*` stands for any run of characters. */
  readonly kernelPattern: string;
  /** Whether xapi and networkd read `ethtool-<name>` of a PIF (nm.ml determine_ethtool_settings). */
  readonly pifSetting: boolean;
  /** Whether xenopsd reads it of a VIF (device.ml vif_udev_keys: neither gro nor lro). */
  readonly vifSetting: boolean;
  /**
   * Whether netback lets anyone change it: rx is fixed on, ufo and lro are fixed off or absent, on every
   * kernel from 4.4 to 6.12 (xen-netback interface.c xenvif_alloc).
   */
  readonly changeableOnVif: boolean;
  /** Whether it is meant when no list of features is given. */
  readonly byDefault: boolean;
  /** What it does, for help and documentation. */
  readonly meaning: string;
}

/**
 * Every feature that this program knows: the one source of parsing, kernel masks, keys of settings,
 * help and documentation. Keywords and kernel patterns are those of ethtool's off_flag_def table.
 */
export const FEATURES = [
  {
    name: "rx",
    ethtoolName: "rx-checksumming",
    kernelPattern: "rx-checksum",
    pifSetting: true,
    vifSetting: true,
    changeableOnVif: false,
    byDefault: true,
    meaning: "checksums of received packets",
  },
  {
    name: "tx",
    ethtoolName: "tx-checksumming",
    kernelPattern: "tx-checksum-*",
    pifSetting: true,
    vifSetting: true,
    changeableOnVif: true,
    byDefault: true,
    meaning: "checksums of sent packets",
  },
  {
    name: "sg",
    ethtoolName: "scatter-gather",
    kernelPattern: "tx-scatter-gather*",
    pifSetting: true,
    vifSetting: true,
    changeableOnVif: true,
    byDefault: true,
    meaning: "scatter-gather",
  },
  {
    name: "tso",
    ethtoolName: "tcp-segmentation-offload",
    kernelPattern: "tx-tcp*-segmentation",
    pifSetting: true,
    vifSetting: true,
    changeableOnVif: true,
    byDefault: true,
    meaning: "TCP segmentation",
  },
  {
    name: "ufo",
    ethtoolName: "udp-fragmentation-offload",
    kernelPattern: "tx-udp-fragmentation",
    pifSetting: true,
    vifSetting: true,
    changeableOnVif: false,
    byDefault: true,
    meaning: "UDP fragmentation",
  },
  {
    name: "gso",
    ethtoolName: "generic-segmentation-offload",
    kernelPattern: "tx-generic-segmentation",
    pifSetting: true,
    vifSetting: true,
    changeableOnVif: true,
    byDefault: true,
    meaning: "generic segmentation",
  },
  {
    name: "gro",
    ethtoolName: "generic-receive-offload",
    kernelPattern: "rx-gro",
    pifSetting: true,
    vifSetting: false,
    changeableOnVif: true,
    byDefault: true,
    meaning: "generic receive offload",
  },
  {
    name: "lro",
    ethtoolName: "large-receive-offload",
    kernelPattern: "rx-lro",
    pifSetting: true,
    vifSetting: false,
    changeableOnVif: false,
    byDefault: true,
    meaning: "large receive offload",
  },
  {
    name: "rxvlan",
    ethtoolName: "rx-vlan-offload",
    kernelPattern: "rx-vlan-hw-parse",
    pifSetting: false,
    vifSetting: false,
    changeableOnVif: false,
    byDefault: false,
    meaning: "stripping of VLAN tags",
  },
  {
    name: "txvlan",
    ethtoolName: "tx-vlan-offload",
    kernelPattern: "tx-vlan-hw-insert",
    pifSetting: false,
    vifSetting: false,
    changeableOnVif: false,
    byDefault: false,
    meaning: "insertion of VLAN tags",
  },
  {
    name: "rxhash",
    ethtoolName: "receive-hashing",
    kernelPattern: "rx-hashing",
    pifSetting: false,
    vifSetting: false,
    changeableOnVif: false,
    byDefault: false,
    meaning: "receive hashing",
  },
  {
    name: "ntuple",
    ethtoolName: "ntuple-filters",
    kernelPattern: "rx-ntuple-filter",
    pifSetting: false,
    vifSetting: false,
    changeableOnVif: false,
    byDefault: false,
    meaning: "receive filters",
  },
] as const satisfies readonly FeatureDefinition[];

/** A feature as the user names it: `tso`. */
export type Feature = (typeof FEATURES)[number]["name"];

/** All names, in the order in which they are shown. */
export const FEATURE_NAMES: readonly Feature[] = FEATURES.map((feature) => feature.name);

/** The features that are meant when none is named. */
export const DEFAULT_FEATURES: readonly Feature[] = FEATURES.filter((feature) => feature.byDefault).map(
  (feature) => feature.name,
);

const definitionsByName: ReadonlyMap<string, (typeof FEATURES)[number]> = new Map(
  FEATURES.map((feature) => [feature.name, feature]),
);

const SETTING_KEYS = {
  pif: buildSettingKeys(({ pifSetting }) => pifSetting),
  vif: buildSettingKeys(({ vifSetting }) => vifSetting),
} as const;

/** Whether the toolstack reads the setting of this feature on a PIF or VIF, and the key it reads. */
export function settingKey(kind: "pif" | "vif", feature: Feature): string | null {
  return SETTING_KEYS[kind].get(feature) ?? null;
}

const VIF_CHANGEABLE_FEATURES: ReadonlySet<string> = new Set(
  FEATURES.filter(({ changeableOnVif }) => changeableOnVif).map(({ name }) => name),
);

/** Whether netback lets anyone change a feature: a setting of any other on a VIF is without effect. */
export function isChangeableOnVif(feature: Feature): boolean {
  return VIF_CHANGEABLE_FEATURES.has(feature);
}

/** Whether a name is that of a feature of the table. */
export function isFeature(name: string): name is Feature {
  return definitionsByName.has(name);
}

/** The feature that a word names, in any case: by its own name, ethtool's long one, or one of the kernel's. */
export function findFeature(word: string): Feature | null {
  const name = word.toLowerCase();
  const found = FEATURES.find(
    (feature) => feature.name === name || feature.ethtoolName === name || matchesPattern(name, feature.kernelPattern),
  );
  return found?.name ?? null;
}

/** Whether a name of the kernel matches a pattern of the table; `*` stands for any run of characters. */
export function matchesPattern(name: string, pattern: string): boolean {
  const [head = "", tail] = pattern.split("*");
  if (tail === undefined) return name === pattern;
  return name.length >= head.length + tail.length && name.startsWith(head) && name.endsWith(tail);
}

function buildSettingKeys(isRead: (feature: FeatureDefinition) => boolean): ReadonlyMap<Feature, string> {
  return new Map(FEATURES.filter(isRead).map(({ name }) => [name, `ethtool-${name}`] as const));
}

/**
 * Reads a list such as `tso,gso`: at least one feature, separated by commas or blanks, each kept once and
 * put into the order of the table. Fails with `unknown-feature`.
 */
export function parseFeatures(list: string): readonly Feature[] {
  const features = list
    .trim()
    .split(/\s*,\s*|\s+/)
    .map((word) => {
      const feature = findByWholeName(word.toLowerCase());
      if (feature === undefined) throw createUnknownFeatureError(word);
      return feature;
    });
  return FEATURE_NAMES.filter((feature) => features.includes(feature));
}

/** One of several kernel features behind a feature does not stand for all of them. */
function findByWholeName(word: string): Feature | undefined {
  return FEATURES.find(
    ({ name, ethtoolName, kernelPattern }) => name === word || ethtoolName === word || kernelPattern === word,
  )?.name;
}

function createUnknownFeatureError(word: string): CommandError {
  const [suggestion] = findClosest(word, FEATURE_NAMES);
  const hint = suggestion === undefined ? "" : `did you mean ${suggestion}? `;
  return usageError(
    "unknown-feature",
    `${quote(word)} is not a feature; ${hint}Known are ${FEATURE_NAMES.join(", ")}, separated by commas`,
  );
}
