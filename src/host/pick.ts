import type { TargetsAndFeatures } from "../cli/options.ts";
import type { OutputOptions } from "../cli/output-options.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { type CommandError, usageError } from "../core/command-error.ts";
import { quoteShellWord } from "../core/disable/manual-commands.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES, FEATURES, type Feature } from "../core/features.ts";
import { getSettings, type Interface, listInterfaceDevices } from "../core/interface.ts";
import {
  type AvailableInterfaces,
  buildChoices,
  type Choice,
  listAvailableInterfaces,
} from "../core/targets/choices.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { parseTargetGroup } from "../core/targets/targets.ts";
import { stripUnprintable } from "../core/text.ts";
import { evaluateInterfaces } from "../core/verify/evaluate-interfaces.ts";
import { KernelBitsFile } from "../state/kernel-bits.ts";
import { canMoveCursor, isInteractive } from "../terminal/confirm.ts";
import { type PickerList, type PickResult, pickRows } from "../terminal/picker.ts";
import { writeStderrLine } from "../terminal/streams.ts";
import { createView } from "../terminal/view.ts";
import { type Dom0, requireXapi, withDom0 } from "./open.ts";

/**
 * Lets the person at the terminal choose NICs and VMs, then features; `keywords` are chosen to begin
 * with. Fails with `not-interactive` where there is none, and with `cancelled` after Ctrl-C.
 */
export async function pickTargetsAndFeatures(
  preselected: readonly Feature[],
  outputOptions: OutputOptions,
  signals: SignalHandler,
): Promise<TargetsAndFeatures> {
  requirePickTerminal();
  const choices = await listLocalChoices(signals);
  const pickedTargets = await pickFromList(buildTargetList(choices), outputOptions, signals);
  if (pickedTargets === "cancelled") throw reportCancelled(signals);
  const selected = pickedTargets.flatMap((number) => choices[number] ?? []);
  const pickedFeatures = await pickFromList(buildFeatureList(selected, preselected), outputOptions, signals);
  if (pickedFeatures === "cancelled") throw reportCancelled(signals);
  const features = pickedFeatures.flatMap((number) => FEATURE_NAMES[number] ?? []);
  const targets = formatTargets(selected, choices);
  writeStderrLine(`The same without the list: offload disable ${targets} --features ${features.join(",")}`);
  return { targets: selected.map(({ request }) => request), features, hasExplicitFeatures: true };
}

/**
 * Lets the person at the terminal choose among the NICs and VMs that have something to be restored. Fails like the
 * other list, and with `nothing-to-restore` where there is nothing to choose.
 */
export async function pickRestoreTargets(
  outputOptions: OutputOptions,
  signals: SignalHandler,
): Promise<readonly TargetRequest[]> {
  requirePickTerminal();
  const choices = await listRestorableChoices(signals);
  if (choices.length === 0)
    throw usageError("nothing-to-restore", "nothing has originals, so there is nothing to pick");
  const list = { ...buildTargetList(choices), question: "Restore which NICs and VMs?" };
  const picked = await pickFromList(list, outputOptions, signals);
  if (picked === "cancelled") throw reportCancelled(signals);
  const selected = picked.flatMap((number) => choices[number] ?? []);
  writeStderrLine(`The same without the list: offload restore ${formatTargets(selected, choices)}`);
  return selected.map(({ request }) => request);
}

function requirePickTerminal(): void {
  if (isInteractive() && canMoveCursor()) return;
  const requirement = isInteractive() ? "one that is not dumb" : "a terminal";
  throw usageError("not-interactive", `--pick needs ${requirement}; name VMs, PIFs or VIFs instead`);
}

/** A name that is another's, too, or that nobody can type, is replaced by the UUID. */
function formatTargets(selected: readonly Choice[], choices: readonly Choice[]): string {
  const words = selected.map(({ name, request }) => {
    const isUnique = choices.filter((choice) => choice.name === name).length === 1;
    const isPlain = stripUnprintable(name) === name && name.trim() !== "" && !name.startsWith("-");
    const isGroup = parseTargetGroup({ text: name.toUpperCase(), kind: "any" }) !== null;
    return quoteShellWord(isUnique && isPlain && !isGroup ? name : request.text);
  });
  return words.join(" ");
}

function listLocalChoices(signals: SignalHandler): Promise<readonly Choice[]> {
  return withDom0(signals, { kind: "pool" }, async (dom0): Promise<readonly Choice[]> => {
    return readChoices(dom0, listAvailableInterfaces(requireXapi(dom0.xapi).inventory));
  });
}

/** What has originals, in XAPI or of this boot; what the list shows is on may be so all the same. */
function listRestorableChoices(signals: SignalHandler): Promise<readonly Choice[]> {
  return withDom0(signals, { kind: "pool" }, async (dom0): Promise<readonly Choice[]> => {
    const { nics, vifs } = listAvailableInterfaces(requireXapi(dom0.xapi).inventory);
    const changedDevices = new Set(KernelBitsFile.read(dom0.kernel).listDevices());
    const hasOriginals = (iface: Interface) =>
      getSettings(iface).policy.keys.length > 0 ||
      listInterfaceDevices(iface, changedDevices).some(({ name }) => changedDevices.has(name));
    return readChoices(dom0, { nics: nics.filter(hasOriginals), vifs: vifs.filter(hasOriginals) });
  });
}

function readChoices({ kernel }: Pick<Dom0, "kernel">, candidates: AvailableInterfaces): readonly Choice[] {
  const interfaces = [...candidates.nics, ...candidates.vifs];
  const snapshot = readInterfaceFeatures(interfaces, kernel);
  const { devices } = evaluateInterfaces(interfaces, snapshot, { features: FEATURE_NAMES, includesSettings: false });
  return buildChoices(candidates, devices);
}

function buildTargetList(choices: readonly Choice[]): PickerList {
  return {
    question: "Turn off offloads of which NICs and VMs?",
    heading: ["name", "state", "VIFs", "on"],
    rows: choices.map(({ request, name, state, vifCount, featuresOn }) => ({
      cells: [
        formatTitle(name, request),
        state,
        vifCount === null ? "" : String(vifCount),
        filterDefaultFeatures(featuresOn).join(" "),
      ],
    })),
    selected: [],
    emptyMessage: "Choose at least one with Tab; Ctrl-C leaves",
  };
}

/** A name that leaves nothing to read is replaced by the UUID. */
function formatTitle(name: string, { text }: TargetRequest): string {
  return stripUnprintable(name).trim() === "" ? text : name;
}

/** Features that are on everywhere, and harm nobody, would only hide the others. */
function filterDefaultFeatures(features: readonly Feature[]): readonly Feature[] {
  return features.filter((feature) => DEFAULT_FEATURES.includes(feature));
}

function buildFeatureList(selected: readonly Choice[], preselected: readonly Feature[]): PickerList {
  return {
    question: "Which features?",
    heading: ["feature", "what it does", "on at"],
    rows: FEATURES.map(({ name: feature, meaning }) => {
      const count = selected.filter(({ featuresOn }) => featuresOn.includes(feature)).length;
      return { cells: [feature, meaning, count === 0 ? "" : `${count} of ${selected.length}`] };
    }),
    selected: preselected.map((feature) => FEATURE_NAMES.indexOf(feature)),
    emptyMessage: "Choose at least one with Tab; Ctrl-C leaves",
  };
}

function pickFromList(list: PickerList, { color }: OutputOptions, signals: SignalHandler): Promise<PickResult> {
  return pickRows(list, createView("stderr", color), signals.abortSignal);
}

function reportCancelled(signals: SignalHandler): CommandError {
  signals.handleSignal("SIGINT");
  return usageError("cancelled", "cancelled; nothing was changed");
}
