import type { HostReport, RemoteReport, Report } from "../../core/report.ts";
import { addPoolOption, formatCount, joinAnd, stripUnprintable } from "../../core/text.ts";
import { truncate } from "../text.ts";
import type { TerminalView } from "../view.ts";
import { formatUndo } from "./change.ts";
import { formatFindings, formatParagraph, mergeFindings } from "./findings.ts";

/** A name-label of a host may be of any length; so many columns are shown of it. */
const MAX_NAME_COLUMNS = 32;

/** How many hosts a line names before it only counts. */
const MAX_NAMES = 6;

/** The human view of a pool: problems first, one line for all hosts that are ok, each note once. */
export function formatPool(
  { advice, undo }: Report,
  hosts: readonly HostReport[],
  view: TerminalView,
): readonly string[] {
  const { paint } = view;
  const ok = hosts.filter(({ state }) => state === "ok");
  const lines = hosts
    .filter(({ state }) => state !== "ok")
    .flatMap((host) => formatHostProblems(host, { advice, sharedMessages: findSharedMessages(hosts) }, view));
  if (ok.length > 0) {
    const changes = ok.flatMap(({ report }) => report?.changes ?? []).length;
    const [firstMessage, ...otherMessages] = new Set(ok.map(({ message }) => message));
    const summary = otherMessages.length === 0 ? firstMessage : `${formatCount(changes, "change")} in all`;
    lines.push(...formatParagraph(paint.good("ok  "), `${formatHostNames(ok, view)}: ${summary}`, view));
  }
  return [
    ...hosts.flatMap((host) => formatHostPending(host, view)),
    ...lines,
    ...formatNotes(hosts, view),
    summarizeHosts(hosts),
    ...advice.map((command) => `Run: ${paint.strong(stripUnprintable(command))}`),
    ...formatUndo(undo, view),
  ];
}

/** A pending change comes before everything else: it goes by itself. */
function formatHostPending({ name, report }: HostReport, view: TerminalView): readonly string[] {
  if (!report?.pending) return [];
  const seconds = formatCount(report.pending.secondsLeft, "second");
  const text = `${name}: a change is pending: it is reverted in ${seconds} unless it is confirmed there`;
  return formatParagraph("", text, view);
}

/** What a confirmation for a pool rests on: each host, its management NIC and what would change there. */
export function formatPoolPreview(hosts: readonly HostReport[], view: TerminalView): string {
  const lines = hosts.flatMap(({ name, report, state, message }) => {
    const summary = report === null || report.host === null ? `${state}: ` : formatHostSummary(report);
    return formatParagraph("  ", `${name}: ${summary}${message}`, view);
  });
  return lines.map((line) => `${line}\n`).join("");
}

function formatHostSummary({ devices }: RemoteReport): string {
  const nics = devices.filter(({ kind }) => kind === "pif");
  const management = nics.flatMap(({ device, management }) => (management ? [device ?? ""] : []));
  const managementText = management.length === 0 ? "" : `management on ${joinAnd(management)}; `;
  return `${managementText}${formatCount(nics.length, "NIC")}, ${formatCount(devices.length - nics.length, "VIF")}; `;
}

/** What is said for the whole pool. */
interface PoolFindings {
  readonly advice: readonly string[];
  /** What several hosts say alike: what it advises is advised for the pool. */
  readonly sharedMessages: ReadonlySet<string>;
}

function findSharedMessages(hosts: readonly HostReport[]): ReadonlySet<string> {
  const messages = hosts.flatMap(({ report }) => [...new Set(report?.problems.map(({ message }) => message))]);
  const seen = new Set<string>();
  return new Set(messages.filter((message) => seen.size === seen.add(message).size));
}

function formatHostProblems(
  { name, state, message, advice, report }: HostReport,
  { advice: poolAdvice, sharedMessages }: PoolFindings,
  view: TerminalView,
): readonly string[] {
  const { bad, strong } = view.paint;
  const title = strong(truncateName(name, view));
  const head = formatParagraph(`${bad("!")} ${title}  `, `${state}: ${message}`, view);
  const commands = [...advice, ...(report?.advice ?? [])].filter(
    (command) => !poolAdvice.includes(addPoolOption(command)),
  );
  const problems = (report === null || state === "failed" ? [] : report.problems).map((problem) =>
    sharedMessages.has(problem.message) ? { ...problem, message: addPoolOption(problem.message) } : problem,
  );
  return [
    ...head,
    ...formatFindings({ problems, notes: [], advice: [] }, view),
    ...commands.map((command) => `    Run there: ${strong(stripUnprintable(command))}`),
  ];
}

/** What one host leaves out because it runs on another is done, or shown, there. */
function formatNotes(hosts: readonly HostReport[], view: TerminalView): readonly string[] {
  const notes = hosts.flatMap((host) => {
    const ownNotes = (host.report?.notes ?? []).filter(({ code }) => code !== "vms-on-other-hosts");
    return mergeFindings(ownNotes).map((message) => ({ host, message }));
  });
  return [...Map.groupBy(notes, ({ message }) => message)].flatMap(([message, occurrences]) => {
    const prefix =
      occurrences.length === hosts.length
        ? ""
        : `${formatHostNames(
            occurrences.map(({ host }) => host),
            view,
          )}: `;
    const text = occurrences.length > 1 ? addPoolOption(message) : message;
    return formatParagraph(`  ${view.paint.faint("-")} `, `${prefix}${text}`, view);
  });
}

function summarizeHosts(hosts: readonly HostReport[]): string {
  const countState = (expected: string) => hosts.filter(({ state }) => state === expected).length;
  const others = [...new Set(hosts.map(({ state }) => state))].filter((state) => state !== "ok");
  const rest = others.map((state) => `${countState(state)} ${state}`);
  return `${[`${countState("ok")} of ${formatCount(hosts.length, "host")} ok`, ...rest].join(", ")}.`;
}

function formatHostNames(hosts: readonly HostReport[], view: TerminalView): string {
  const names = hosts.slice(0, MAX_NAMES).map(({ name }) => truncateName(name, view));
  const rest = hosts.length - names.length;
  return rest > 0 ? `${names.join(", ")} and ${rest} more` : names.join(", ");
}

function truncateName(name: string, { ellipsis }: TerminalView): string {
  return truncate(stripUnprintable(name), MAX_NAME_COLUMNS, ellipsis);
}
