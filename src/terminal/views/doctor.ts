import type {
  DeviceSummary,
  Diagnosis,
  NicDriver,
  StrayRecord,
} from "../../core/doctor/diagnosis.ts";
import type { Hook } from "../../core/doctor/third-party-hooks.ts";
import type { Report } from "../../core/report.ts";
import { counted, quoted } from "../../core/text.ts";
import { fitted, type Paint, printable } from "../text.ts";
import type { View } from "../view.ts";
import { hanging, wrapped } from "../wrap.ts";
import { bootSentence } from "./findings.ts";

const INDENT = "  ";
/** How many devices, and how many lines of a kind, a page for people shows; `--json` has all. */
const SHOWN_DEVICES = 8;
const SHOWN_LINES = 8;
const LONGEST_NAME = 40;

/** The page of `doctor`, from the very object that `--json` prints. */
export function renderDiagnosis(report: Report, diagnosis: Diagnosis, view: View): string {
  const page = new Page(view);
  const { host } = report;
  page.title("offload doctor", seconds(diagnosis.taken));
  if (host !== null) page.line(`host ${host.name}${host.uuid === "" ? "" : ` (${host.uuid})`}`);
  if (diagnosis.redacted) {
    page.line(
      "Names of VMs, hosts and networks, and addresses, are replaced by placeholders; look it over all the same before it leaves the house.",
    );
  }
  software(page, diagnosis);
  nics(page, diagnosis);
  guests(page, diagnosis);
  page.title("At boot");
  page.line(
    report.boot === null
      ? "could not be looked at"
      : bootSentence(report.boot).replace(/^At boot: /, ""),
  );
  page.list(
    "Notes of offload's own",
    diagnosis.ownNotes.map(
      ({ file, bytes, written }) => `${file}: ${bytes} bytes, ${seconds(written)}`,
    ),
  );
  page.list(
    "Records that nothing reads",
    diagnosis.deadRecords.map((record) => recordLine(page, record)),
  );
  page.list(
    "Records of networks",
    diagnosis.networkRecords.map((record) => recordLine(page, record)),
  );
  page.list("Others that touch offloads", diagnosis.hooks.map(hookLine));
  const silent = report.problems.filter(({ code }) => code === "xapi-unavailable");
  page.list("Could not be read", [
    ...silent.map(({ message }) => message),
    ...diagnosis.unread.map(({ what, because }) => `${what}: ${because}`),
  ]);
  page.list(
    "Also",
    report.notes.filter(({ code }) => code !== "not-persisted").map(({ message }) => message),
  );
  advice(page, diagnosis);
  return `${page.lines.join("\n")}\n`;
}

/** A time without the fractions of its seconds. */
function seconds(time: string): string {
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

  constructor({ paint, columns, ellipsis }: View) {
    this.paint = paint;
    this.columns = columns;
    this.ellipsis = ellipsis;
  }

  /** A name or a value of somebody else's, no longer than a line has room for. */
  cut(text: string): string {
    return fitted(printable(text), LONGEST_NAME, this.ellipsis);
  }

  title(text: string, aside = ""): void {
    if (this.lines.length > 0) this.lines.push("");
    this.lines.push(`${this.paint.strong(text)}${aside === "" ? "" : `  ${aside}`}`);
  }

  /** A line of words, continued on the next where it is too long. */
  line(text: string, hang = ""): void {
    const later = `${INDENT}${hang}`;
    const lines = wrapped(printable(text), this.columns - later.length);
    this.lines.push(...lines.map((line, at) => `${at === 0 ? INDENT : later}${line}`));
  }

  /** A line that must stay in one piece, because somebody may copy it. */
  whole(text: string): void {
    this.lines.push(`${INDENT}${INDENT}${printable(text)}`);
  }

  /** A heading with its lines, or nothing. */
  list(title: string, lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.title(title);
    for (const line of lines.slice(0, SHOWN_LINES)) this.line(line, INDENT);
    const rest = lines.length - SHOWN_LINES;
    if (rest > 0) this.line(`and ${rest} more, which --json has`);
  }

  /** A word, then what belongs to it, in a column of its own. */
  pair(word: string, text: string, width: number): void {
    const mark = `${INDENT}${word.padEnd(width)}  `;
    this.lines.push(...hanging(mark, printable(text), this.columns));
  }
}

function software(page: Page, { software: parts }: Diagnosis): void {
  page.title("Software");
  const width = Math.max(...parts.map(({ part }) => part.length));
  for (const { part, version } of parts) page.pair(part, version ?? "not known", width);
}

function nics(page: Page, { nics: drivers, devices }: Diagnosis): void {
  const those = devices.filter(({ kind }) => kind === "pif");
  page.title(`NICs (${those.length})`);
  if (those.length === 0) page.line("none were found");
  const known = new Map(drivers.map((nic) => [nic.device, nic]));
  for (const nic of those) {
    const driver = known.get(nic.device ?? "");
    const management = nic.management ? "; carries the management traffic" : "";
    page.line(
      `${nic.device}: ${driver === undefined ? "not there" : driverWords(driver)}${management}`,
    );
  }
  for (const group of alike(those)) state(page, group);
}

function driverWords({ driver, version, firmware, bus, pci }: NicDriver): string {
  const where = [pci, bus].filter((word) => word !== null).join(" at ");
  return [
    [driver ?? "no driver told", version].filter((word) => word !== null).join(" "),
    ...(firmware === null ? [] : [`firmware ${firmware}`]),
    ...(where === "" ? [] : [where]),
  ].join(", ");
}

function guests(page: Page, { devices }: Diagnosis): void {
  const those = devices.filter(({ kind }) => kind === "vif");
  const vms = new Set(those.flatMap(({ vm }) => (vm === null ? [] : [vm.uuid]))).size;
  page.title(
    `Interfaces of guests (${those.length}${vms > 0 ? `, of ${counted(vms, "VM")}` : ""})`,
  );
  for (const group of alike(those)) state(page, group);
}

/** Devices of which the same is true, together. */
function alike(devices: readonly DeviceSummary[]): readonly (readonly DeviceSummary[])[] {
  const key = ({ device, kind, on, onFixed, off, offFixed, ...rest }: DeviceSummary) =>
    JSON.stringify([
      device === null,
      kind,
      ...[on, onFixed, off, offFixed, rest.latent, rest.absent],
      ...[rest.recordedOff, rest.recordedOn, rest.persisted],
    ]);
  return [...Map.groupBy(devices, key).values()];
}

function state(page: Page, group: readonly DeviceSummary[]): void {
  const [first] = group;
  if (first === undefined) return;
  page.line(namesOf(group));
  const rows = [
    ["on", first.on],
    ["on, fixed", first.onFixed],
    ["comes on by itself", first.latent],
    ["off", first.off],
    ["off, fixed", first.offFixed],
    ["not there", first.absent],
    ["recorded off", first.recordedOff],
    ["recorded on", first.recordedOn],
    ["off at boot", first.persisted],
  ] as const;
  const width = Math.max(...rows.map(([word]) => word.length));
  for (const [word, keywords] of rows) {
    if (keywords.length > 0) page.pair(`  ${word}`, keywords.join(" "), width + INDENT.length);
  }
}

function namesOf(group: readonly DeviceSummary[]): string {
  if (group[0]?.device === null) {
    return `${counted(group.length, "VIF")} without a device on this host now`;
  }
  const named = group.filter(({ device }) => device !== null);
  const shown = [...Map.groupBy(named.slice(0, SHOWN_DEVICES), ({ vm }) => vm?.uuid)].map(
    ([, those]) => {
      const devices = those.map(({ device }) => device ?? "").join(", ");
      const vm = those[0]?.vm ?? null;
      return vm === null ? devices : `${devices} of ${quoted(vm.name)}`;
    },
  );
  const rest = named.length - SHOWN_DEVICES;
  return `${shown.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
}

function recordLine(page: Page, { name, key, value, because }: StrayRecord): string {
  return `${page.cut(name)}: ${key}=${page.cut(value)} (${because})`;
}

function hookLine({ path, line, carrier, text, turnsOn, idle }: Hook): string {
  const where = line > 0 ? `${path}:${line}` : path;
  const remarks = [carrier, ...(turnsOn ? ["turns on"] : []), ...(idle === null ? [] : [idle])];
  return `${where} (${remarks.join("; ")})${text === "" ? "" : `: ${text}`}`;
}

function advice(page: Page, { advice: steps }: Diagnosis): void {
  page.title("What to do");
  if (steps.length === 0) page.line("Nothing: everything that can be off is off, and stays off.");
  const groups = [...Map.groupBy(steps, ({ command }) => command)];
  for (const [command, those] of groups.slice(0, SHOWN_LINES)) {
    for (const { because } of those) page.line(`- ${because}`, INDENT);
    page.whole(command);
  }
  const rest = groups.length - SHOWN_LINES;
  if (rest > 0) page.line(`and ${rest} more, which --json has`);
}
