import { FEATURE_NAMES } from "./features.ts";
import { getSettings, type Interface, type ManagedInterface } from "./interface.ts";
import { formatCount, joinAnd } from "./text.ts";

/** Settings that say off, and that this tool has neither written nor confirmed. */
export interface SettingsOfOthers {
  readonly settings: number;
  readonly pifs: number;
  readonly vifs: number;
  /** The keys, where every PIF and VIF that can have settings has the same ones; null where they differ. */
  readonly sharedKeys: readonly string[] | null;
}

/** Counts the settings that others made; null where there are none. */
export function countSettingsOfOthers(interfaces: readonly Interface[]): SettingsOfOthers | null {
  const managed = interfaces.filter((iface): iface is ManagedInterface => iface.kind !== "unmanaged");
  const found = managed.flatMap((iface) => {
    const keys = listKeysOfOthers(iface);
    return keys.length === 0 ? [] : [{ iface, keys }];
  });
  const [first] = found;
  if (first === undefined) return null;
  const isAlike = managed.length === found.length && found.every(({ keys }) => keys.join() === first.keys.join());
  return {
    settings: found.reduce((sum, { keys }) => sum + keys.length, 0),
    pifs: found.filter(({ iface }) => iface.kind === "pif").length,
    vifs: found.filter(({ iface }) => iface.kind === "vif").length,
    sharedKeys: isAlike ? first.keys : null,
  };
}

function listKeysOfOthers(iface: ManagedInterface): readonly string[] {
  const settings = getSettings(iface);
  const off = settings.listOff(FEATURE_NAMES);
  return off
    .filter(({ feature, value }) => settings.policy.value.get(feature)?.wrote !== value)
    .map(({ key }) => key)
    .sort();
}

/** Where such settings are: `24 settings on 4 PIFs and 2 VIFs`. */
export function describeSettingsOfOthers({ settings, pifs, vifs }: SettingsOfOthers): string {
  const owners = [...(pifs === 0 ? [] : [formatCount(pifs, "PIF")]), ...(vifs === 0 ? [] : [formatCount(vifs, "VIF")])];
  return `${formatCount(settings, "setting")} on ${joinAnd(owners)}`;
}
