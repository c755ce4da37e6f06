import { FEATURE_NAMES, type Feature, settingKey } from "./features.ts";
import { NO_INTERFACE_POLICY, parseInterfaceEntries, type StoredInterfacePolicy } from "./policy-entries.ts";

/** The keys of `other_config` that look as if they were about offloads, in any spelling: `ethtool*`. */
export type OtherConfig = ReadonlyMap<string, string>;

/** A setting that looks as if it did something, and does nothing. */
export interface IneffectiveSetting {
  readonly key: string;
  readonly value: string;
  readonly reason: string;
}

/** A setting that says off of a feature, whether anything reads it or not. */
export interface OffSetting {
  readonly feature: Feature;
  readonly key: string;
  readonly value: string;
}

/** What people write where they mean off; the toolstack reads `off` and `false` alone. */
const MEANT_OFF = /^\s*(?:off|false|no|0|disabled?)\s*$/i;

/** What the toolstack does with the settings of an object, whatever they are. */
export interface SettingsScope {
  readonly kind: "pif" | "vif";
  /** False for a PIF that is not managed, and for a VIF on an SR-IOV network: no setting of those is read. */
  readonly isRead: boolean;
  /**
   * `properties:gro` of a PIF: networkd applies it where no setting says otherwise. For a slave it is
   * the bond's (nm.ml create_bond).
   */
  readonly groProperty?: string | undefined;
}

/** Keys of a PIF that are no offloads but read by the toolstack all the same (nm.ml). */
const NON_OFFLOAD_PIF_KEYS = ["speed", "duplex", "autoneg", "advertise"].map((key) => `ethtool-${key}`);

/**
 * What the toolstack makes of a setting's value. It compares letter by letter: `OFF`, `False`,
 * `0` and ` off` are ignored in silence (nm.ml; vif-real handle_ethtool).
 */
export function parseSetting(value: string | null): "on" | "off" | null {
  if (value === "off" || value === "false") return "off";
  if (value === "on" || value === "true") return "on";
  return null;
}

/** The `other_config` of a PIF or VIF: its settings, and the policy that this tool has stored with it. */
export class Settings {
  /** The same for all whose settings are alike, whatever policy is stored with them. */
  readonly signature: string;

  constructor(
    readonly scope: SettingsScope,
    readonly otherConfig: OtherConfig = new Map(),
    readonly policy: StoredInterfacePolicy = NO_INTERFACE_POLICY,
  ) {
    this.signature = JSON.stringify([scope.kind, scope.isRead, scope.groProperty, ...otherConfig]);
  }

  /** Parses an `other_config` as XAPI has it. */
  static parse(otherConfig: Readonly<Record<string, string>>, scope: SettingsScope): Settings {
    const settings = Object.entries(otherConfig).filter(([key]) => /^ethtool/i.test(key));
    return new Settings(scope, new Map(settings), parseInterfaceEntries(otherConfig));
  }

  /** The key under which the toolstack reads a setting of this feature here; null where it reads none. */
  key(feature: Feature): string | null {
    return this.scope.isRead ? settingKey(this.scope.kind, feature) : null;
  }

  /** The value of a feature's setting, read or not; null where there is none. */
  value(feature: Feature): string | null {
    return this.otherConfig.get(settingKey(this.scope.kind, feature) ?? "") ?? null;
  }

  /**
   * What the toolstack will do with the feature when it plugs the interface, as far as any setting
   * says so. A PIF's `properties:gro` counts where no setting overrides it.
   */
  state(feature: Feature): "on" | "off" | null {
    if (this.key(feature) === null) return null;
    const value = this.value(feature);
    if (value !== null) return parseSetting(value);
    return feature === "gro" && this.scope.groProperty === "off" ? "off" : null;
  }

  /** Settings that say off of these features, in whatever spelling: those that nothing reads, too. */
  listOff(features: readonly Feature[]): readonly OffSetting[] {
    return [...this.otherConfig].flatMap(([key, value]): OffSetting[] => {
      const [, name = ""] = /^ethtool[-_]?(.+)$/i.exec(key) ?? [];
      const feature = features.find((candidate) => candidate === name.toLowerCase());
      return feature === undefined || !MEANT_OFF.test(value) ? [] : [{ feature, key, value }];
    });
  }

  /** Settings that nothing reads: mistyped or unknown keys, unreadable values. */
  listIneffective(): readonly IneffectiveSetting[] {
    const settings: IneffectiveSetting[] = [];
    for (const [key, value] of this.otherConfig) {
      const reason = this.#explainIneffective(key, value);
      if (reason !== null) settings.push({ key, value, reason });
    }
    return settings;
  }

  /** The same object with another policy stored with it. */
  withPolicy(policy: StoredInterfacePolicy): Settings {
    return new Settings(this.scope, this.otherConfig, policy);
  }

  #explainIneffective(key: string, value: string): string | null {
    const { kind, isRead } = this.scope;
    if (!/^ethtool/i.test(key) || (kind === "pif" && NON_OFFLOAD_PIF_KEYS.includes(key))) return null;
    if (!isRead && kind === "pif") return "the toolstack does not manage this PIF";
    if (!isRead) return "no setting of an SR-IOV VIF is read";
    if (isKey(kind, key)) return parseSetting(value) === null ? "only on, off, true and false are read" : null;
    const hyphenated = key.replace(/^ethtool-?/i, "ethtool-").toLowerCase();
    if (isKey(kind, hyphenated)) return `the key is spelled ${hyphenated}`;
    return isKey("pif", key) ? "this key is read on PIFs only" : "no part of the toolstack reads this key";
  }
}

function isKey(kind: "pif" | "vif", key: string): boolean {
  return FEATURE_NAMES.some((feature) => settingKey(kind, feature) === key);
}

/** What an interface has that XAPI does not know. */
export const NO_SETTINGS: Settings = new Settings({ kind: "pif", isRead: false });
