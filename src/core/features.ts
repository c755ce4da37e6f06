import { closest } from "./closest.ts";
import { type Result, success, usage } from "./result.ts";
import { quoted } from "./text.ts";

interface FeatureDefinition {
  /** The word that ethtool and the record keys use. */
  readonly keyword: string;
  /** The kernel features behind the keyword; `*` stands for any run of characters. */
  readonly kernel: string;
  /** Whether xapi and networkd read `ethtool-<keyword>` of a PIF (nm.ml determine_ethtool_settings). */
  readonly pifRecord: boolean;
  /** Whether xenopsd reads it of a VIF (device.ml vif_udev_keys: neither gro nor lro). */
  readonly vifRecord: boolean;
  /**
   * Whether netback lets anyone change it: rx is fixed on, ufo and lro are fixed off or absent, on every
   * kernel from 4.4 to 6.12 (xen-netback interface.c xenvif_alloc).
   */
  readonly netback: boolean;
  /** Whether it is meant when no list of features is given. */
  readonly byDefault: boolean;
  /** What it does, for help and documentation. */
  readonly meaning: string;
}

/**
 * Every feature that this program knows: the one source of parsing, kernel masks, record keys,
 * help and documentation. Keywords and kernel patterns are those of ethtool's off_flag_def table.
 */
export const FEATURES = [
  {
    keyword: "rx",
    kernel: "rx-checksum",
    pifRecord: true,
    vifRecord: true,
    netback: false,
    byDefault: true,
    meaning: "checksums of received packets",
  },
  {
    keyword: "tx",
    kernel: "tx-checksum-*",
    pifRecord: true,
    vifRecord: true,
    netback: true,
    byDefault: true,
    meaning: "checksums of sent packets",
  },
  {
    keyword: "sg",
    kernel: "tx-scatter-gather*",
    pifRecord: true,
    vifRecord: true,
    netback: true,
    byDefault: true,
    meaning: "scatter-gather",
  },
  {
    keyword: "tso",
    kernel: "tx-tcp*-segmentation",
    pifRecord: true,
    vifRecord: true,
    netback: true,
    byDefault: true,
    meaning: "TCP segmentation",
  },
  {
    keyword: "ufo",
    kernel: "tx-udp-fragmentation",
    pifRecord: true,
    vifRecord: true,
    netback: false,
    byDefault: true,
    meaning: "UDP fragmentation",
  },
  {
    keyword: "gso",
    kernel: "tx-generic-segmentation",
    pifRecord: true,
    vifRecord: true,
    netback: true,
    byDefault: true,
    meaning: "generic segmentation",
  },
  {
    keyword: "gro",
    kernel: "rx-gro",
    pifRecord: true,
    vifRecord: false,
    netback: true,
    byDefault: true,
    meaning: "generic receive offload",
  },
  {
    keyword: "lro",
    kernel: "rx-lro",
    pifRecord: true,
    vifRecord: false,
    netback: false,
    byDefault: true,
    meaning: "large receive offload",
  },
  {
    keyword: "rxvlan",
    kernel: "rx-vlan-hw-parse",
    pifRecord: false,
    vifRecord: false,
    netback: false,
    byDefault: false,
    meaning: "stripping of VLAN tags",
  },
  {
    keyword: "txvlan",
    kernel: "tx-vlan-hw-insert",
    pifRecord: false,
    vifRecord: false,
    netback: false,
    byDefault: false,
    meaning: "insertion of VLAN tags",
  },
  {
    keyword: "rxhash",
    kernel: "rx-hashing",
    pifRecord: false,
    vifRecord: false,
    netback: false,
    byDefault: false,
    meaning: "receive hashing",
  },
  {
    keyword: "ntuple",
    kernel: "rx-ntuple-filter",
    pifRecord: false,
    vifRecord: false,
    netback: false,
    byDefault: false,
    meaning: "receive filters",
  },
] as const satisfies readonly FeatureDefinition[];

/** A feature as the user names it: `tso`. */
export type Keyword = (typeof FEATURES)[number]["keyword"];

/** All keywords, in the order in which they are shown. */
export const KEYWORDS: readonly Keyword[] = FEATURES.map((feature) => feature.keyword);

/** The keywords that are meant when none is named. */
export const DEFAULT_KEYWORDS: readonly Keyword[] = FEATURES.filter(
  (feature) => feature.byDefault,
).map((feature) => feature.keyword);

const definitions: ReadonlyMap<string, (typeof FEATURES)[number]> = new Map(
  FEATURES.map((feature) => [feature.keyword, feature]),
);

const RECORD_KEYS = {
  pif: recordKeys(({ pifRecord }) => pifRecord),
  vif: recordKeys(({ vifRecord }) => vifRecord),
} as const;

/** Whether the toolstack reads the record of this feature on a PIF or VIF, and the key it reads. */
export function recordKey(kind: "pif" | "vif", keyword: Keyword): string | null {
  return RECORD_KEYS[kind].get(keyword) ?? null;
}

const NETBACK: ReadonlySet<string> = new Set(
  FEATURES.filter(({ netback }) => netback).map(({ keyword }) => keyword),
);

/** Whether netback lets anyone change a feature: a setting of any other on a VIF is without effect. */
export function isChangeableOnVif(keyword: Keyword): boolean {
  return NETBACK.has(keyword);
}

/** Whether a name is that of a feature of the table. */
export function isKeyword(name: string): name is Keyword {
  return definitions.has(name);
}

function recordKeys(isRead: (feature: FeatureDefinition) => boolean): ReadonlyMap<Keyword, string> {
  return new Map(
    FEATURES.filter(isRead).map(({ keyword }) => [keyword, `ethtool-${keyword}`] as const),
  );
}

/**
 * Reads a list such as `tso,gso`: at least one keyword, separated by commas, each kept once and
 * put into the order of the table. Fails with `unknown-feature`.
 */
export function parseKeywords(list: string): Result<readonly Keyword[]> {
  const words = list.split(",").map((word) => word.trim());
  for (const word of words) {
    if (definitions.has(word)) continue;
    const near = closest(word, KEYWORDS);
    const advice = near.length > 0 ? `did you mean ${near[0]}? ` : "";
    return usage(
      "unknown-feature",
      `${quoted(word)} is not a feature; ${advice}Known are ${KEYWORDS.join(", ")}, separated by commas`,
    );
  }
  return success(KEYWORDS.filter((keyword) => words.includes(keyword)));
}
