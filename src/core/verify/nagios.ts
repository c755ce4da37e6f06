import { CommandError, type Failure } from "../command-error.ts";
import { EXIT_CODES, type ExitCode, PROBLEM_SEVERITIES } from "../problem.ts";
import type { FeatureReport, HostReport, Report } from "../report.ts";
import { formatCount } from "../text.ts";

/** The states of a plugin and what it exits with (Monitoring Plugins, development guidelines). */
const NAGIOS_EXIT_CODES = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const satisfies Record<string, ExitCode>;

/** A state of a plugin. */
type NagiosState = keyof typeof NAGIOS_EXIT_CODES;

/** What a plugin says and ends with. */
interface NagiosResult {
  readonly line: string;
  readonly exitCode: ExitCode;
}

const SEVERITIES: ReadonlyMap<string, string> = new Map(Object.entries(PROBLEM_SEVERITIES));

/** How many problems a line names, and how long it may be: NRPE of old passed on 1 KiB. */
const MAX_MESSAGES = 3;
const MAX_TEXT_LENGTH = 600;

/**
 * `verify` as a plugin answers. On now is CRITICAL, for it does its harm now; off now and not
 * sure to stay so is WARNING; what could not be looked at is UNKNOWN, where nothing worse is known.
 */
export function createNagiosResult(report: Report, strict: boolean): NagiosResult {
  const relevant = report.problems.filter((problem) => isRelevant(problem, strict));
  const state = computeState(
    relevant.map(({ code }) => code),
    report.exitCode,
  );
  const checked = formatCount(report.devices.length, "interface");
  const text =
    relevant.length === 0
      ? `${checked} checked, everything that can be off is off`
      : `${checked} checked; ${joinMessages(relevant.map(({ message }) => message))}`;
  return formatResult(state, text, formatPerfData(report, strict));
}

/** The states from the worst on: what is known to be wrong outranks what is not known. */
const WORST_FIRST: readonly NagiosState[] = ["CRITICAL", "WARNING", "UNKNOWN", "OK"];

/** What a plugin says of a report, or of why there is none. */
export function createNagiosAnswer(result: Report | CommandError, strict: boolean): NagiosResult {
  if (result instanceof CommandError) return createNagiosFailure(result.failures);
  return result.hosts === undefined ? createNagiosResult(result, strict) : createNagiosPoolResult(result.hosts, strict);
}

/** One line for a whole pool: the state of its worst host, and what the hosts that are not OK say. */
export function createNagiosPoolResult(hosts: readonly HostReport[], strict: boolean): NagiosResult {
  const results = hosts.map((host): NagiosHostResult => {
    const problems = (host.report?.problems ?? []).filter((problem) => isRelevant(problem, strict));
    const codes = problems.map(({ code }) => code);
    const state = computeState(codes, host.exitCode);
    // A host that broke off has shown no problem, and is not known to be well.
    return { host, problems, state: state === "OK" && host.state !== "ok" ? "UNKNOWN" : state };
  });
  const worst = WORST_FIRST.find((state) => results.some((result) => result.state === state)) ?? "OK";
  const notOk = results.filter(({ state }) => state !== "OK");
  const okCount = hosts.length - notOk.length;
  const details = notOk.map(({ host: { name, message }, problems: [first] }) =>
    first === undefined ? `${name}: ${message}` : `${name}: ${first.message}`,
  );
  const summary = `${okCount} of ${formatCount(hosts.length, "host")} ok`;
  const text = details.length === 0 ? summary : `${summary}; ${joinMessages(details)}`;
  const countState = (expected: NagiosState) => results.filter(({ state }) => state === expected).length;
  const perfData = [
    `hosts=${hosts.length};;;0`,
    `critical=${countState("CRITICAL")};;0;0`,
    `warning=${countState("WARNING")};0;;0`,
    `unknown=${countState("UNKNOWN")};;;0`,
  ];
  return formatResult(worst, text, perfData.join(" "));
}

interface NagiosHostResult {
  readonly host: HostReport;
  readonly problems: readonly { readonly message: string }[];
  readonly state: NagiosState;
}

/** The answer where there is no report: UNKNOWN, whatever the reason, a wrong flag included. */
export function createNagiosFailure(failures: readonly Failure[]): NagiosResult {
  return formatResult("UNKNOWN", joinMessages(failures.map(({ message }) => message)), "");
}

function formatResult(state: NagiosState, message: string, perfData: string): NagiosResult {
  // A bar begins the performance data, and a line break would begin what nobody reads.
  const text = message.replace(/\|/g, "/").replace(/\s+/g, " ");
  const truncated = Array.from(text).length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
  const line = `OFFLOAD ${state}: ${truncated}${perfData === "" ? "" : ` | ${perfData}`}`;
  return { line, exitCode: NAGIOS_EXIT_CODES[state] };
}

function isRelevant({ code }: { readonly code: string }, strict: boolean): boolean {
  return strict || code !== "live-fixed";
}

function computeState(codes: readonly string[], exitCode: ExitCode): NagiosState {
  if (codes.some((code) => code === "live-on" || code === "live-fixed")) return "CRITICAL";
  const severities = new Set(codes.map((code) => SEVERITIES.get(code)));
  if (severities.has("drift") || severities.has("undone")) return "WARNING";
  return severities.size > 0 || exitCode === EXIT_CODES.unavailable ? "UNKNOWN" : "OK";
}

function joinMessages(messages: readonly string[]): string {
  const rest = messages.length - MAX_MESSAGES;
  const shown = messages.slice(0, MAX_MESSAGES).join("; ");
  return rest > 0 ? `${shown}; and ${rest} more` : shown;
}

/** Numbers that can be drawn: `label=value;warn;crit;min`. */
function formatPerfData({ devices, problems }: Report, strict: boolean): string {
  const features = devices.flatMap((device) => Object.values(device.features));
  const countFeatures = (predicate: (feature: FeatureReport) => boolean) => features.filter(predicate).length;
  const on = countFeatures(({ live, fixed }) => live === "on" && !fixed);
  const fixed = countFeatures(({ live, fixed }) => live === "on" && fixed);
  const requestedOn = countFeatures(({ live, fixed, requested }) => live === "off" && requested && !fixed);
  const unknown = problems.filter(({ code }) => SEVERITIES.get(code) === "unknown").length;
  const problemCount = problems.filter(({ code }) => SEVERITIES.get(code) !== "fixed").length - unknown;
  return [
    `interfaces=${devices.length};;;0`,
    `on=${on};;0;0`,
    `fixed_on=${fixed};;${strict ? 0 : ""};0`,
    `requested_on=${requestedOn};0;;0`,
    `problems=${problemCount};0;;0`,
    `unknown=${unknown};;;0`,
  ].join(" ");
}
