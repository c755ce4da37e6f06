import type { ThirdPartyHook } from "../../core/doctor/third-party-hooks.ts";
import type { DeviceSummary, Diagnosis, NicDriver, OffloadSetting, Report } from "../../core/report.ts";
import { formatCount, quote } from "../../core/text.ts";
import { type Paint, stripUnprintable, truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";
import { wrap, wrapWithPrefix } from "../wrap.ts";
import { formatBootLayer } from "./findings.ts";

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
  addNics(page, diagnosis);
  addGuests(page, diagnosis);
  page.addTitle("At boot");
  page.addLine(
    report.boot === null ? "could not be looked at" : formatBootLayer(report.boot).replace(/^At boot: /, ""),
  );
  page.addList(
    "Notes of offload's own",
    diagnosis.stateFiles.map(({ file, bytes, written }) => `${file}: ${bytes} bytes, ${formatTime(written)}`),
  );
  page.addList(
    "Records that nothing reads",
    diagnosis.ineffectiveSettings.map((record) => formatSettingLine(page, record)),
  );
  page.addList(
    "Records of networks",
    diagnosis.networkSettings.map((record) => formatSettingLine(page, record)),
  );
  page.addList("Others that touch offloads", diagnosis.hooks.map(formatHookLine));
  const xapiProblems = report.problems.filter(({ code }) => code === "xapi-unavailable");
  page.addList("Could not be read", [
    ...xapiProblems.map(({ message }) => message),
    ...diagnosis.unreadable.map(({ path: what, reason }) => `${what}: ${reason}`),
  ]);
  page.addList(
    "Also",
    report.notes.filter(({ code }) => code !== "not-persisted").map(({ message }) => message),
  );
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

  /** A name or a value of somebody else's, no longer than a line has room for. */
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

  /** A line that must stay in one piece, because somebody may copy it. */
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

function addNics(page: Page, { nics: drivers, devices }: Diagnosis): void {
  const pifs = devices.filter(({ kind }) => kind === "pif");
  page.addTitle(`NICs (${pifs.length})`);
  if (pifs.length === 0) page.addLine("none were found");
  const driversByDevice = new Map(drivers.map((nic) => [nic.device, nic]));
  for (const nic of pifs) {
    const driver = driversByDevice.get(nic.device ?? "");
    const management = nic.management ? "; carries the management traffic" : "";
    page.addLine(`${nic.device}: ${driver === undefined ? "not there" : formatDriver(driver)}${management}`);
  }
  for (const group of groupByState(pifs)) addFeatureStates(page, group);
}

function formatDriver({ driver, version, firmware, bus, pci }: NicDriver): string {
  const location = [pci, bus].filter((word) => word !== null).join(" at ");
  return [
    [driver ?? "no driver told", version].filter((word) => word !== null).join(" "),
    ...(firmware === null ? [] : [`firmware ${firmware}`]),
    ...(location === "" ? [] : [location]),
  ].join(", ");
}

function addGuests(page: Page, { devices }: Diagnosis): void {
  const vifs = devices.filter(({ kind }) => kind === "vif");
  const vms = new Set(vifs.flatMap(({ vm }) => (vm === null ? [] : [vm.uuid]))).size;
  page.addTitle(`Interfaces of guests (${vifs.length}${vms > 0 ? `, of ${formatCount(vms, "VM")}` : ""})`);
  for (const group of groupByState(vifs)) addFeatureStates(page, group);
}

/** Devices of which the same is true, together. */
function groupByState(devices: readonly DeviceSummary[]): readonly (readonly DeviceSummary[])[] {
  const getKey = ({ device, kind, on, onFixed, off, offFixed, ...rest }: DeviceSummary) =>
    JSON.stringify([
      device === null,
      kind,
      ...[on, onFixed, off, offFixed, rest.requestedOn, rest.absent],
      ...[rest.xapiOff, rest.xapiOn, rest.persisted],
    ]);
  return [...Map.groupBy(devices, getKey).values()];
}

function addFeatureStates(page: Page, group: readonly DeviceSummary[]): void {
  const [first] = group;
  if (first === undefined) return;
  page.addLine(formatNames(group));
  const rows = [
    ["on", first.on],
    ["on, fixed", first.onFixed],
    ["comes on by itself", first.requestedOn],
    ["off", first.off],
    ["off, fixed", first.offFixed],
    ["not there", first.absent],
    ["recorded off", first.xapiOff],
    ["recorded on", first.xapiOn],
    ["off at boot", first.persisted],
  ] as const;
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, features] of rows) {
    if (features.length > 0) page.addPair(`  ${label}`, features.join(" "), width + INDENT.length);
  }
}

function formatNames(group: readonly DeviceSummary[]): string {
  if (group[0]?.device === null) {
    return `${formatCount(group.length, "VIF")} without a device on this host now`;
  }
  const withDevice = group.filter(({ device }) => device !== null);
  const shown = [...Map.groupBy(withDevice.slice(0, MAX_DEVICES), ({ vm }) => vm?.uuid)].map(([, vmDevices]) => {
    const devices = vmDevices.map(({ device }) => device ?? "").join(", ");
    const vm = vmDevices[0]?.vm ?? null;
    return vm === null ? devices : `${devices} of ${quote(vm.name)}`;
  });
  const rest = withDevice.length - MAX_DEVICES;
  return `${shown.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
}

function formatSettingLine(page: Page, { name, key, value, reason }: OffloadSetting): string {
  return `${page.truncate(name)}: ${key}=${page.truncate(value)} (${reason})`;
}

function formatHookLine({ path, line, type, text, turnsOn, inactiveReason: idle }: ThirdPartyHook): string {
  const location = line > 0 ? `${path}:${line}` : path;
  const remarks = [type, ...(turnsOn ? ["turns on"] : []), ...(idle === null ? [] : [idle])];
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
