import { listBootFeatures } from "../../core/doctor/diagnosis.ts";
import type { ThirdPartyHook } from "../../core/doctor/third-party-hooks.ts";
import { FEATURE_NAMES } from "../../core/features.ts";
import type { DeviceReport, Diagnosis, FeatureReport, NicDriver, OffloadSetting, Report } from "../../core/report.ts";
import { formatCount, quote, stripUnprintable } from "../../core/text.ts";
import { parseCoverage } from "../../core/verify/coverage-json.ts";
import { type Paint, truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";
import { wrap, wrapWithPrefix } from "../wrap.ts";
import { formatBootLayer, mergeFindings } from "./findings.ts";

const INDENT = "  ";
/** How many devices, and how many lines of a kind, a page for people shows; `--json` has all. */
const MAX_DEVICES = 8;
const MAX_LINES = 8;
const MAX_NAME_COLUMNS = 40;

/** The page of `doctor`, from the very object that `--json` prints. */
export function renderDiagnosis(report: Report, diagnosis: Diagnosis, view: TerminalView): string {
  const page = new Page(view);
  const { host } = report;
  page.addTitle("offload doctor", formatTime(diagnosis.taken));
  if (host !== null) page.addLine(`host ${host.name}${host.uuid === "" ? "" : ` (${host.uuid})`}`);
  if (diagnosis.redacted) {
    page.addLine(
      "Names of VMs, hosts and networks, and addresses, are replaced by placeholders; look it over all the same before it leaves the house.",
    );
  }
  addSoftware(page, diagnosis);
  const devices = describeDevices(report);
  addNics(page, diagnosis, devices);
  addGuests(page, devices);
  page.addTitle("At boot");
  page.addLine(
    report.boot === null ? "could not be looked at" : formatBootLayer(report.boot).replace(/^At boot: /, ""),
  );
  page.addList(
    "State files of offload",
    diagnosis.stateFiles.map(({ file, bytes, written }) => `${file}: ${bytes} bytes, ${formatTime(written)}`),
  );
  page.addList(
    "Ineffective settings",
    diagnosis.ineffectiveSettings.map((setting) => formatSettingLine(page, setting)),
  );
  page.addList(
    "Settings of networks",
    diagnosis.networkSettings.map((setting) => formatSettingLine(page, setting)),
  );
  page.addList("Third-party hooks", diagnosis.hooks.map(formatHookLine));
  const xapiProblems = report.problems.filter(({ code }) => code === "xapi-unavailable");
  page.addList("Could not be read", [
    ...xapiProblems.map(({ message }) => message),
    ...diagnosis.unreadable.map(({ path: what, reason }) => `${what}: ${reason}`),
  ]);
  page.addList("Also", mergeFindings(report.notes.filter(({ code }) => code !== "not-persisted")));
  addAdvice(page, diagnosis);
  return `${page.lines.join("\n")}\n`;
}

/** A time without the fractions of its seconds. */
function formatTime(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

/**
 * Lines under headings, none wider than the view unless a command is. They are broken in a file, too:
 * it goes into a ticket, where people read it.
 */
class Page {
  readonly lines: string[] = [];
  readonly paint: Paint;
  readonly columns: number;
  readonly ellipsis: string;

  constructor({ paint, columns, ellipsis }: TerminalView) {
    this.paint = paint;
    this.columns = columns;
    this.ellipsis = ellipsis;
  }

  /** A name or a value of someone else's, no longer than a line has room for. */
  truncate(text: string): string {
    return truncate(stripUnprintable(text), MAX_NAME_COLUMNS, this.ellipsis);
  }

  addTitle(text: string, suffix = ""): void {
    if (this.lines.length > 0) this.lines.push("");
    this.lines.push(`${this.paint.strong(text)}${suffix === "" ? "" : `  ${suffix}`}`);
  }

  /** A line of words, continued on the next where it is too long. */
  addLine(text: string, hangingIndent = ""): void {
    const continuationIndent = `${INDENT}${hangingIndent}`;
    const lines = wrap(stripUnprintable(text), this.columns - continuationIndent.length);
    this.lines.push(...lines.map((line, index) => `${index === 0 ? INDENT : continuationIndent}${line}`));
  }

  /** A line that must stay in one piece, because someone may copy it. */
  addUnbrokenLine(text: string): void {
    this.lines.push(`${INDENT}${INDENT}${stripUnprintable(text)}`);
  }

  /** A heading with its lines, or nothing. */
  addList(title: string, lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.addTitle(title);
    for (const line of lines.slice(0, MAX_LINES)) this.addLine(line, INDENT);
    const rest = lines.length - MAX_LINES;
    if (rest > 0) this.addLine(`and ${rest} more, which --json has`);
  }

  /** A word, then what belongs to it, in a column of its own. */
  addPair(label: string, text: string, width: number): void {
    const prefix = `${INDENT}${label.padEnd(width)}  `;
    this.lines.push(...wrapWithPrefix(prefix, stripUnprintable(text), this.columns));
  }
}

function addSoftware(page: Page, { software: parts }: Diagnosis): void {
  page.addTitle("Software");
  const width = Math.max(...parts.map(({ part }) => part.length));
  for (const { part, version } of parts) page.addPair(part, version ?? "not known", width);
}

function addNics(page: Page, { nics: drivers }: Diagnosis, devices: readonly DeviceStates[]): void {
  const pifs = devices.filter(({ report }) => report.kind === "pif");
  page.addTitle(`NICs (${pifs.length})`);
  if (pifs.length === 0) page.addLine("none were found");
  const driversByDevice = new Map(drivers.map((nic) => [nic.device, nic]));
  for (const { report: nic } of pifs) {
    const driver = driversByDevice.get(nic.device ?? "");
    const management = nic.management ? "; carries the management traffic" : "";
    page.addLine(`${nic.device}: ${driver === undefined ? "not there" : formatDriver(driver)}${management}`);
  }
  for (const group of groupByState(pifs)) addFeatureStates(page, group);
}

function formatDriver({ driver, version, firmware, bus, pci }: NicDriver): string {
  const location = [pci, bus].filter((word) => word !== null).join(" at ");
  return [
    [driver ?? "driver unknown", version].filter((word) => word !== null).join(" "),
    ...(firmware === null ? [] : [`firmware ${firmware}`]),
    ...(location === "" ? [] : [location]),
  ].join(", ");
}

function addGuests(page: Page, devices: readonly DeviceStates[]): void {
  const vifs = devices.filter(({ report }) => report.kind === "vif");
  const vms = new Set(vifs.flatMap(({ report: { vm } }) => vm?.uuid ?? [])).size;
  page.addTitle(`Interfaces of guests (${vifs.length}${vms > 0 ? `, of ${formatCount(vms, "VM")}` : ""})`);
  for (const group of groupByState(vifs)) addFeatureStates(page, group);
}

/** A device, and its features by what is true of them. */
interface DeviceStates {
  readonly report: DeviceReport;
  readonly states: readonly (readonly [label: string, features: readonly string[]])[];
}

const isRequestedOn = ({ live, fixed, requested }: FeatureReport) => live === "off" && requested && !fixed;

const FEATURE_STATES: readonly (readonly [label: string, isTrue: (feature: FeatureReport) => boolean])[] = [
  ["on", ({ live, fixed }) => live === "on" && !fixed],
  ["on, fixed", ({ live, fixed }) => live === "on" && fixed],
  ["requested on", isRequestedOn],
  ["off", (feature) => feature.live === "off" && !feature.fixed && !isRequestedOn(feature)],
  ["off, fixed", ({ live, fixed }) => live === "off" && fixed],
  ["not there", ({ live }) => live === "absent"],
  ["off in XAPI", ({ xapi }) => xapi === "off"],
  ["on in XAPI", ({ xapi }) => xapi === "on"],
];

const BOOT_LABEL = "off at boot";
const LABEL_WIDTH = Math.max(BOOT_LABEL.length, ...FEATURE_STATES.map(([label]) => label.length));

function describeDevices({ devices, boot }: Report): readonly DeviceStates[] {
  const bootLayer = boot === null ? null : { ...boot, covers: parseCoverage(boot.covers) };
  return devices.map((report) => {
    const states = FEATURE_STATES.map(([label, isTrue]) => {
      const matches = FEATURE_NAMES.filter((name) => {
        const feature = report.features[name];
        return feature !== undefined && isTrue(feature);
      });
      return [label, matches] as const;
    });
    return { report, states: [...states, [BOOT_LABEL, listBootFeatures(report, bootLayer)]] };
  });
}

/** Devices of which the same is true, together. */
function groupByState(devices: readonly DeviceStates[]): readonly (readonly DeviceStates[])[] {
  return [...Map.groupBy(devices, ({ report, states }) => JSON.stringify([report.device === null, states])).values()];
}

function addFeatureStates(page: Page, group: readonly DeviceStates[]): void {
  page.addLine(formatNames(group.map(({ report }) => report)));
  for (const [label, features] of group[0]?.states ?? []) {
    if (features.length > 0) page.addPair(`${INDENT}${label}`, features.join(" "), LABEL_WIDTH + INDENT.length);
  }
}

function formatNames(group: readonly DeviceReport[]): string {
  if (group[0]?.device === null) {
    return `${formatCount(group.length, "VIF")} without a device on this host now`;
  }
  const shown = [...Map.groupBy(group.slice(0, MAX_DEVICES), ({ vm }) => vm?.uuid)].map(([, vmDevices]) => {
    const devices = vmDevices.map(({ device }) => device ?? "").join(", ");
    const vm = vmDevices[0]?.vm ?? null;
    return vm === null ? devices : `${devices} of ${quote(vm.name)}`;
  });
  const rest = group.length - MAX_DEVICES;
  return `${shown.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
}

function formatSettingLine(page: Page, { name, key, value, reason }: OffloadSetting): string {
  return `${page.truncate(name)}: ${key}=${page.truncate(value)} (${reason})`;
}

function formatHookLine({ path, line, event, text, turnsOn, inactiveReason }: ThirdPartyHook): string {
  const location = line > 0 ? `${path}:${line}` : path;
  const remarks = [event, ...(turnsOn ? ["turns on"] : []), ...(inactiveReason === null ? [] : [inactiveReason])];
  return `${location} (${remarks.join("; ")})${text === "" ? "" : `: ${text}`}`;
}

function addAdvice(page: Page, { advice: steps }: Diagnosis): void {
  page.addTitle("What to do");
  if (steps.length === 0) page.addLine("Nothing: everything that can be off is off, and stays off.");
  const groups = [...Map.groupBy(steps, ({ command }) => command)];
  for (const [command, items] of groups.slice(0, MAX_LINES)) {
    for (const { reason } of items) page.addLine(`- ${reason}`, INDENT);
    page.addUnbrokenLine(command);
  }
  const rest = groups.length - MAX_LINES;
  if (rest > 0) page.addLine(`and ${rest} more, which --json has`);
}
