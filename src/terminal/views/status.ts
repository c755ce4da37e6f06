import { FEATURE_NAMES, type Feature } from "../../core/features.ts";
import type { DeviceReport, FeatureReport, Report } from "../../core/report.ts";
import { formatCount, stripUnprintable } from "../../core/text.ts";
import { truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";
import { describeCells, type FeatureRow, formatFeatureTable } from "./feature-table.ts";
import { formatParagraph } from "./findings.ts";
import { fitNames } from "./names.ts";

/** Beside the features there have to be so many columns for names; otherwise they stand below. */
const MIN_NAMES_COLUMNS = 30;

/** How many groups that are unlike the rest the first lines describe before they only count. */
const MAX_EXCEPTIONS = 2;

/** How many columns such a description has for names. */
const EXCEPTION_COLUMNS = 40;

/** What is on in a sentence or two, then each group of devices that are alike, or with `--all` each device. */
export function formatStatus({ devices }: Pick<Report, "devices">, view: TerminalView): readonly string[] {
  if (devices.length === 0) return ["No devices."];
  const table = view.showsAll ? createDeviceTable(devices, view) : createGroupTable(devices, view);
  return [...formatVerdict(devices, view), "", ...formatFeatureTable(table, view)];
}

function createDeviceTable(devices: readonly DeviceReport[], { ellipsis, wrapsLines }: TerminalView) {
  const rows = devices.map(({ device, vm, management, features }): FeatureRow => {
    const text = vm === null ? (management ? "(management)" : "") : formatVmName(vm);
    return {
      label: device ?? "(none here)",
      features,
      formatTail: (columns) => (wrapsLines ? truncate(text, columns, ellipsis) : text),
    };
  });
  return { labelTitle: "device", tailTitle: "VM", minTailColumns: 0, rows };
}

function createGroupTable(devices: readonly DeviceReport[], view: TerminalView) {
  const groups = Map.groupBy(devices, (device) => `${getKind(device)} ${describeCells(device.features)}`);
  const rows = [...groups.values()]
    .map((group) => ({ group, kind: getKind(group[0]) }))
    .toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || b.group.length - a.group.length)
    .map(({ group, kind }): FeatureRow => {
      const prefix = kind === "without device" ? "no device here: " : "";
      const names = group.map(formatName);
      return {
        label: formatCount(group.length, kind === "without device" ? "VIF" : kind),
        features: group[0]?.features ?? {},
        formatTail: (columns) => `${prefix}${fitNames(names, columns - prefix.length, view)}`,
      };
    });
  return { labelTitle: "", tailTitle: "devices", minTailColumns: MIN_NAMES_COLUMNS, rows };
}

const KINDS = ["NIC", "VIF", "tap", "without device"] as const;

function getKind(device: DeviceReport | undefined): (typeof KINDS)[number] {
  if (device?.kind === "pif") return "NIC";
  if (device?.device == null) return "without device";
  return device.device.startsWith("tap") ? "tap" : "VIF";
}

/** `4 NICs: rx tx on.` and `12 guest interfaces: the same, except vif3.0 (web): tx off.` */
function formatVerdict(devices: readonly DeviceReport[], view: TerminalView): readonly string[] {
  const nics = devices.filter(({ kind }) => kind === "pif");
  const guests = devices.filter(({ kind, device }) => kind === "vif" && device !== null);
  const absent = devices.length - nics.length - guests.length;
  const nicStates = findCommonStates(nics);
  const guestStates = findCommonStates(guests);
  const isSame = nicStates !== null && guestStates?.description === nicStates.description;
  const sentences = [
    ...(nicStates === null ? [] : [formatSentence(nics.length, "NIC", nicStates.description, nicStates, view)]),
    ...(guestStates === null
      ? []
      : [
          formatSentence(
            guests.length,
            "guest interface",
            isSame ? "the same" : guestStates.description,
            guestStates,
            view,
          ),
        ]),
    ...(absent === 0 ? [] : [`${formatCount(absent, "VIF")} ${absent === 1 ? "has" : "have"} no device here now.`]),
  ];
  return sentences.flatMap((sentence) => formatParagraph("", sentence, view));
}

interface CommonStates {
  readonly description: string;
  readonly features: DeviceReport["features"];
  /** Groups that are unlike the largest, the smallest first. */
  readonly exceptions: readonly (readonly DeviceReport[])[];
}

/** How most of these devices are, and which are not. */
function findCommonStates(devices: readonly DeviceReport[]): CommonStates | null {
  const groups = [...Map.groupBy(devices, ({ features }) => describeStates(features)).values()];
  const [first, ...others] = groups.toSorted((a, b) => b.length - a.length);
  const features = first?.[0]?.features;
  return features === undefined
    ? null
    : { description: describeStates(features), features, exceptions: others.toReversed() };
}

function formatSentence(
  count: number,
  noun: string,
  description: string,
  { features, exceptions }: CommonStates,
  view: TerminalView,
): string {
  const exceptionCount = exceptions.reduce((sum, group) => sum + group.length, 0);
  const details =
    exceptions.length > MAX_EXCEPTIONS
      ? [`${exceptionCount} in ${formatCount(exceptions.length, "group")} below`]
      : exceptions.map((group) => {
          const names = fitNames(group.map(formatName), EXCEPTION_COLUMNS, { ...view, wrapsLines: true });
          return `${names}: ${describeDifference(features, group[0]?.features ?? {})}`;
        });
  const exception = details.length === 0 ? "" : `, except ${details.join("; ")}`;
  return `${formatCount(count, noun)}: ${description}${exception}.`;
}

/** The live state of a feature in words; null for what is not there, or off for good. */
function describeState(report: FeatureReport | undefined): string | null {
  if (report === undefined || report.live === "absent") return null;
  if (report.live === null) return "unknown";
  if (report.live === "on") return "on";
  return report.fixed ? null : report.requested ? "off (requested on)" : "off";
}

/** `rx tx on, gro off`: what can be on, by how it is. */
function describeStates(features: DeviceReport["features"]): string {
  const stateful = FEATURE_NAMES.filter((feature) => describeState(features[feature]) !== null);
  return joinByState(stateful, (feature) => describeState(features[feature]) ?? "") || "has none of these features";
}

/** The same of the features alone that are not as they are elsewhere. */
function describeDifference(common: DeviceReport["features"], features: DeviceReport["features"]): string {
  const different = FEATURE_NAMES.filter(
    (feature) => describeState(features[feature]) !== describeState(common[feature]),
  );
  return joinByState(
    different,
    (feature) => describeState(features[feature]) ?? (features[feature]?.live === "off" ? "off (fixed)" : "absent"),
  );
}

const STATE_ORDER = ["on", "off (requested on)", "off", "off (fixed)", "absent", "unknown"];

function joinByState(features: readonly Feature[], getState: (feature: Feature) => string): string {
  const byState = [...Map.groupBy(features, getState)].toSorted(
    ([a], [b]) => STATE_ORDER.indexOf(a) - STATE_ORDER.indexOf(b),
  );
  return byState.map(([state, names]) => `${names.join(" ")} ${state}`).join(", ");
}

function formatName({ device, vm, management }: DeviceReport): string {
  if (vm !== null) return device === null ? formatVmName(vm) : `${stripUnprintable(device)} (${formatVmName(vm)})`;
  return management ? `${device} (management)` : stripUnprintable(device ?? "");
}

/** A name that leaves nothing to read is replaced by the UUID. */
function formatVmName({ name, uuid }: { readonly name: string; readonly uuid: string }): string {
  const printable = stripUnprintable(name);
  return printable.trim() === "" ? uuid : printable;
}
