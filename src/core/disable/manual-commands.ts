import { isSet, type KernelFeatureTable } from "../feature-set.ts";
import type { LiveRestoreStep } from "../restore/live-restore.ts";
import type { LiveStep, SettingStep } from "./steps.ts";

/** The commands that would do the same by hand, quoted for a shell, in the order of doing. */
export function formatDisableCommands(
  liveSteps: readonly LiveStep[],
  settingSteps: readonly SettingStep[],
): readonly string[] {
  const lines = [
    ...liveSteps.map(({ device, features }) =>
      formatCommand("ethtool", "-K", device, ...features.flatMap((feature) => [feature, "off"])),
    ),
    ...settingSteps.map(formatSettingCommand),
  ];
  const hasRunningVm = settingSteps.some(({ iface }) => iface.kind === "vif" && iface.vm.residentOn !== undefined);
  return hasRunningVm ? [...lines, "# and an event for each running VM above, for which xe has no command"] : lines;
}

/** The same for restoring; original features go by the kernel's names, which ethtool takes too. */
export function formatRestoreCommands(
  liveSteps: readonly LiveRestoreStep[],
  settingSteps: readonly SettingStep[],
  featureTable: KernelFeatureTable,
): readonly string[] {
  return [
    ...settingSteps.map(formatSettingCommand),
    ...liveSteps.map(({ device, request }) => {
      const args = featureTable
        .listNames(request.valid)
        .flatMap(([name, index]) => [name, isSet(request.requested, index) ? "on" : "off"]);
      return formatCommand("ethtool", "-K", device, ...args);
    }),
  ];
}

function formatSettingCommand({ iface, key, to }: SettingStep): string {
  const [kind, uuid] = iface.kind === "pif" ? ["pif", iface.pif.uuid] : ["vif", iface.vif.uuid];
  return to === null
    ? formatCommand("xe", `${kind}-param-remove`, `uuid=${uuid}`, "param-name=other-config", `param-key=${key}`)
    : formatCommand("xe", `${kind}-param-set`, `uuid=${uuid}`, `other-config:${key}=${to}`);
}

function formatCommand(...words: readonly string[]): string {
  return words.map(quoteShellWord).join(" ");
}

/** A word as sh takes it literally. */
export function quoteShellWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
