import { isSet, type KernelFeatureTable } from "../feature-set.ts";
import type { Interface, VifInterface } from "../interface.ts";
import type { Pif } from "../inventory.ts";
import type { LiveRestoreStep } from "../restore/live-restore.ts";
import { quote, replaceUnprintable, stripUnprintable } from "../text.ts";
import type { ChangeDirection } from "./request.ts";
import type { LiveStep, SettingStep } from "./steps.ts";

/** What a dry run prints where nothing is to be done. */
export const NOTHING_TO_CHANGE = "# nothing to change";

/** The commands that would do the same by hand, quoted for a shell, in the order of doing. */
export function formatChangeCommands(
  direction: ChangeDirection,
  liveSteps: readonly LiveStep[],
  settingSteps: readonly SettingStep[],
  plugs: readonly Pick<Pif, "uuid">[] = [],
): readonly string[] {
  const live = liveSteps.map(({ iface, device, features }) =>
    formatEthtoolCommand(
      iface,
      device,
      features.flatMap((feature) => [feature, direction]),
    ),
  );
  const settings = formatSettingCommands(settingSteps);
  const hasRunningVm = settingSteps.some(({ iface }) => iface.kind === "vif" && iface.vm.residentOn !== undefined);
  const events = hasRunningVm ? ["# and an event for each running VM above, for which xe has no command"] : [];
  return direction === "off"
    ? [...live, ...settings, ...events]
    : [...settings, ...events, ...plugs.map(formatPlugCommand), ...live];
}

/** Has XAPI replug a PIF. */
export function formatPlugCommand({ uuid }: Pick<Pif, "uuid">): string {
  return formatCommand("xe", "pif-plug", `uuid=${uuid}`);
}

/** The same for restoring; original features go by the kernel's names, which ethtool takes too. */
export function formatRestoreCommands(
  liveSteps: readonly LiveRestoreStep[],
  settingSteps: readonly SettingStep[],
  featureTable: KernelFeatureTable,
): readonly string[] {
  return [
    ...formatSettingCommands(settingSteps),
    ...liveSteps.map(({ iface, device, request }) => {
      const args = featureTable
        .listNames(request.valid)
        .flatMap(([name, index]) => [name, isSet(request.requested, index) ? "on" : "off"]);
      return formatEthtoolCommand(iface, device, args);
    }),
  ];
}

/** One line per device; whose it is stands behind it, for a domid says nothing to a reader. */
function formatEthtoolCommand(iface: Interface, device: string, args: readonly string[]): string {
  const command = formatCommand("ethtool", "-K", device, ...args);
  return iface.kind === "vif" ? `${command}${formatVifComment(iface)}` : command;
}

/** One line per object: xe sets several keys at once, and removes one at a time. */
function formatSettingCommands(steps: readonly SettingStep[]): readonly string[] {
  return [...Map.groupBy(steps, ({ iface }) => iface)].flatMap(([iface, ifaceSteps]) => {
    const [kind, uuid] = iface.kind === "pif" ? ["pif", iface.pif.uuid] : ["vif", iface.vif.uuid];
    const comment = iface.kind === "pif" ? formatComment(iface.pif.device) : formatVifComment(iface);
    const values = ifaceSteps.flatMap(({ key, to }) => (to === null ? [] : [`other-config:${key}=${to}`]));
    const removed = ifaceSteps.flatMap(({ key, to }) => (to === null ? [key] : []));
    return [
      ...(values.length === 0 ? [] : [formatCommand("xe", `${kind}-param-set`, `uuid=${uuid}`, ...values)]),
      ...(removed.length === 0 ? [] : [formatKeyRemoval(kind, uuid, removed)]),
    ].map((command) => `${command}${comment}`);
  });
}

/** The command that removes keys from the `other_config` of an object: xe takes one key at a time. */
export function formatKeyRemoval(kind: string, uuid: string, keys: readonly string[]): string {
  const removal = formatCommand("xe", `${kind}-param-remove`, `uuid=${uuid}`, "param-name=other-config");
  const [first, ...others] = keys.map(quoteShellWord);
  return others.length === 0
    ? `${removal} param-key=${first}`
    : `for key in ${first} ${others.join(" ")}; do ${removal} param-key=$key; done`;
}

function formatVifComment({ vif, vm }: VifInterface): string {
  return formatComment(`VIF ${vif.device} of ${quote(vm.name)}`);
}

/** A comment behind a command, in ASCII but for names. Tenants choose those: nothing in it may end the line. */
function formatComment(text: string): string {
  return `  # ${stripUnprintable(text).replaceAll("…", "...")}`;
}

function formatCommand(...words: readonly string[]): string {
  return words.map(quoteShellWord).join(" ");
}

/** A word as sh takes it literally, without anything that a terminal would act on. */
export function quoteShellWord(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  const quoted = `'${word.replaceAll("'", `'\\''`)}'`;
  // dash knows no $'…'; what is substituted does not end in a newline, which sh would take away.
  return replaceUnprintable(quoted, (characters) => `'"$(printf '${formatOctal(characters)}')"'`);
}

function formatOctal(characters: string): string {
  const bytes = Array.from(new TextEncoder().encode(characters));
  return bytes.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
