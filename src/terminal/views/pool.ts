import type { HostDocument, HostReport, Report } from "../../core/report.ts";
import { counted, listed } from "../../core/text.ts";
import { fitted, printable } from "../text.ts";
import type { View } from "../view.ts";
import { findings, paragraph } from "./findings.ts";

/** A name-label of a host may be of any length; so many columns are shown of it. */
const MAX_NAME_COLUMNS = 32;

/** How many hosts a line names before it only counts. */
const MAX_NAMES = 6;

/** The human view of a pool: problems first, one line for all hosts that are ok, each note once. */
export function poolLines(
  { advice }: Report,
  hosts: readonly HostReport[],
  view: View,
): readonly string[] {
  const { paint } = view;
  const ok = hosts.filter(({ state }) => state === "ok");
  const lines = hosts
    .filter(({ state }) => state !== "ok")
    .flatMap((host) => problemLines(host, advice, view));
  if (ok.length > 0) {
    const changes = ok.flatMap(({ report }) => report?.changes ?? []).length;
    const [same, ...more] = new Set(ok.map(({ message }) => message));
    const what = more.length === 0 ? same : `${counted(changes, "change")} in all`;
    lines.push(...paragraph(paint.good("ok  "), `${nameSome(ok, view)}: ${what}`, view));
  }
  return [
    ...hosts.flatMap((host) => pendingLines(host, view)),
    ...lines,
    ...noteLines(hosts, view),
    summarize(hosts),
    ...advice.map((command) => `Run: ${paint.strong(printable(command))}`),
  ];
}

/** A pending change comes before everything else: it goes by itself. */
function pendingLines({ name, report }: HostReport, view: View): readonly string[] {
  if (!report?.pending) return [];
  const seconds = counted(report.pending.secondsLeft, "second");
  const text = `${name}: a change is pending: it is reverted in ${seconds} unless it is confirmed there`;
  return paragraph("", text, view);
}

/** What a confirmation for a pool rests on: each host, its management NIC and what would change there. */
export function poolPreview(hosts: readonly HostReport[], view: View): string {
  const lines = hosts.flatMap(({ name, report, state, message }) => {
    const share = report === null || report.host === null ? `${state}: ` : describeShare(report);
    return paragraph("  ", `${name}: ${share}${message}`, view);
  });
  return lines.map((line) => `${line}\n`).join("");
}

function describeShare({ devices }: HostDocument): string {
  const nics = devices.filter(({ kind }) => kind === "pif");
  const management = nics.flatMap(({ device, management }) => (management ? [device ?? ""] : []));
  const on = management.length === 0 ? "" : `management on ${listed(management)}; `;
  return `${on}${counted(nics.length, "NIC")}, ${counted(devices.length - nics.length, "VIF")}; `;
}

function problemLines(
  { name, state, message, advice, report }: HostReport,
  shared: readonly string[],
  view: View,
): readonly string[] {
  const { bad, strong } = view.paint;
  const title = strong(fitName(name, view));
  const head = paragraph(`${bad("!")} ${title}  `, `${state}: ${message}`, view);
  const commands = [...advice, ...(report?.advice ?? [])].filter(
    (command) => !shared.includes(command.replace(/^offload (\w+)/, "offload $1 --pool")),
  );
  const found = report === null || state === "failed" ? [] : report.problems;
  return [
    ...head,
    ...findings({ problems: found, notes: [], advice: [] }, view),
    ...commands.map((command) => `    Run there: ${strong(printable(command))}`),
  ];
}

/** What one host leaves out because it runs on another is done, or shown, there. */
function noteLines(hosts: readonly HostReport[], view: View): readonly string[] {
  const notes = hosts.flatMap((host) =>
    (host.report?.notes ?? [])
      .filter(({ code }) => code !== "left-out")
      .map(({ message }) => ({ host, message })),
  );
  return [...Map.groupBy(notes, ({ message }) => message)].flatMap(([message, found]) => {
    const where =
      found.length === hosts.length
        ? ""
        : `${nameSome(
            found.map(({ host }) => host),
            view,
          )}: `;
    return paragraph(`  ${view.paint.faint("-")} `, `${where}${message}`, view);
  });
}

function summarize(hosts: readonly HostReport[]): string {
  const count = (wanted: string) => hosts.filter(({ state }) => state === wanted).length;
  const others = [...new Set(hosts.map(({ state }) => state))].filter((state) => state !== "ok");
  const rest = others.map((state) => `${count(state)} ${state}`);
  return `${[`${count("ok")} of ${counted(hosts.length, "host")} ok`, ...rest].join(", ")}.`;
}

function nameSome(hosts: readonly HostReport[], view: View): string {
  const names = hosts.slice(0, MAX_NAMES).map(({ name }) => fitName(name, view));
  const rest = hosts.length - names.length;
  return rest > 0 ? `${names.join(", ")} and ${rest} more` : names.join(", ");
}

function fitName(name: string, { ellipsis }: View): string {
  return fitted(printable(name), MAX_NAME_COLUMNS, ellipsis);
}
