import { FEATURE_NAMES, type Feature, settingKey } from "./features.ts";
import type { Interface } from "./interface.ts";
import type { OtherConfig } from "./inventory.ts";

/** Keys of a PIF that are no offloads but read by the toolstack all the same (nm.ml). */
const NON_OFFLOAD_PIF_KEYS = ["speed", "duplex", "autoneg", "advertise"].map((key) => `ethtool-${key}`);

/** A record that looks as if it did something, and does nothing. */
export interface IneffectiveSetting {
  readonly key: string;
  readonly value: string;
  readonly reason: string;
}

/**
 * What the toolstack makes of a record's value. It compares letter by letter: `OFF`, `False`,
 * `0` and ` off` are ignored in silence (nm.ml; vif-real handle_ethtool).
 */
export function parseSetting(value: string | undefined): "on" | "off" | null {
  if (value === "off" || value === "false") return "off";
  if (value === "on" || value === "true") return "on";
  return null;
}

/** The records of an interface, or null where it has none: a bare device. */
export function getOtherConfig(iface: Interface): OtherConfig | null {
  if (iface.kind === "pif") return iface.pif.otherConfig;
  return iface.kind === "vif" ? iface.vif.otherConfig : null;
}

/** Whether the toolstack would read a record of this feature on this interface, and under which key. */
export function effectiveKey(iface: Interface, feature: Feature): string | null {
  switch (iface.kind) {
    case "pif":
      return iface.pif.managed ? settingKey("pif", feature) : null;
    case "vif":
      return iface.vif.sriov ? null : settingKey("vif", feature);
    case "unmanaged":
      return null;
  }
}

/**
 * What the toolstack will do with the feature when it plugs the interface, as far as anything
 * recorded says so. A PIF's `properties:gro` counts where no readable key overrides it.
 */
export function settingState(iface: Interface, feature: Feature): "on" | "off" | null {
  const key = effectiveKey(iface, feature);
  if (key === null) return null;
  const value = getOtherConfig(iface)?.get(key);
  if (value !== undefined) return parseSetting(value);
  const isPropertyOff = iface.kind === "pif" && feature === "gro" && iface.pif.groProperty === "off";
  return isPropertyOff ? "off" : null;
}

/**
 * The recorded states of these features, in their order. VIFs of which the same is recorded get the
 * very same array, as long as they are asked for with the same list of keywords.
 */
export function settingStates(iface: Interface, features: readonly Feature[]): readonly ("on" | "off" | null)[] {
  if (iface.kind !== "vif" || iface.vif.sriov) {
    return features.map((feature) => settingState(iface, feature));
  }
  const { otherConfig } = iface.vif;
  const cached = cachedStates.get(otherConfig);
  if (cached?.features === features) return cached.states;
  const states = features.map((feature) => settingState(iface, feature));
  cachedStates.set(otherConfig, { features, states });
  return states;
}

const cachedStates = new WeakMap<
  OtherConfig,
  { readonly features: readonly Feature[]; readonly states: readonly ("on" | "off" | null)[] }
>();

/** Records of an interface that nothing reads: mistyped or unknown keys, unreadable values. */
export function ineffectiveSettings(iface: Interface): readonly IneffectiveSetting[] {
  if (iface.kind === "unmanaged") return [];
  if (iface.kind === "pif" || iface.vif.sriov) return findIneffectiveSettings(iface);
  const { otherConfig } = iface.vif;
  const cached = cachedIneffectiveSettings.get(otherConfig) ?? findIneffectiveSettings(iface);
  cachedIneffectiveSettings.set(otherConfig, cached);
  return cached;
}

/** By the map, which VIFs of which the same is recorded have in common. */
const cachedIneffectiveSettings = new WeakMap<OtherConfig, readonly IneffectiveSetting[]>();

function findIneffectiveSettings(iface: Exclude<Interface, { kind: "unmanaged" }>): readonly IneffectiveSetting[] {
  const settings: IneffectiveSetting[] = [];
  for (const [key, value] of getOtherConfig(iface) ?? []) {
    if (!/^ethtool/i.test(key)) continue;
    if (iface.kind === "pif" && NON_OFFLOAD_PIF_KEYS.includes(key)) continue;
    if (!isEffective(iface, key)) {
      settings.push({ key, value, reason: explainIneffective(iface, key) });
    } else if (parseSetting(value) === null) {
      settings.push({ key, value, reason: "only on, off, true and false are read" });
    }
  }
  return settings;
}

function isEffective(iface: Interface, key: string): boolean {
  return FEATURE_NAMES.some((feature) => effectiveKey(iface, feature) === key);
}

function explainIneffective(iface: Interface, key: string): string {
  if (iface.kind === "pif" && !iface.pif.managed) {
    return "the toolstack does not manage this PIF";
  }
  if (iface.kind === "vif" && iface.vif.sriov) return "no record of an SR-IOV VIF is read";
  const hyphenated = key.replace(/^ethtool-?/i, "ethtool-").toLowerCase();
  if (isEffective(iface, hyphenated)) return `the key is spelled ${hyphenated}`;
  const isPifKey = FEATURE_NAMES.some((feature) => settingKey("pif", feature) === key);
  return isPifKey ? "this key is read on PIFs only" : "no part of the toolstack reads this key";
}
