import { CommandError, type Failure } from "../command-error.ts";
import type { ExitCode } from "../problem.ts";
import type { HostReport, Report } from "../report.ts";
import { formatCount } from "../text.ts";
import {
  computeMonitoringState,
  countForMonitoring,
  type MonitoringAnswer,
  type MonitoringState,
  selectRelevantProblems,
} from "./monitoring.ts";

/** What a plugin exits with in each state (Monitoring Plugins, development guidelines). */
const NAGIOS_EXIT_CODES: Readonly<Record<MonitoringState, ExitCode>> = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 };

/** How many problems a line names, and how long it may be: NRPE of old passed on 1 KiB. */
const MAX_MESSAGES = 3;
const MAX_TEXT_LENGTH = 600;

/** `verify` as a plugin answers. */
export function createNagiosResult(report: Report, strict: boolean): MonitoringAnswer {
  const relevant = selectRelevantProblems(report.problems, strict);
  const state = computeMonitoringState(
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
const WORST_FIRST: readonly MonitoringState[] = ["CRITICAL", "WARNING", "UNKNOWN", "OK"];

/** What a plugin says of a report, or of why there is none. */
export function createNagiosAnswer(result: Report | CommandError, strict: boolean): MonitoringAnswer {
  if (result instanceof CommandError) return createNagiosFailure(result.failures);
  return result.hosts === undefined ? createNagiosResult(result, strict) : createNagiosPoolResult(result.hosts, strict);
}

/** One line for a whole pool: the state of its worst host, and what the hosts that are not OK say. */
export function createNagiosPoolResult(hosts: readonly HostReport[], strict: boolean): MonitoringAnswer {
  const results = hosts.map((host): NagiosHostResult => {
    const problems = selectRelevantProblems(host.report?.problems ?? [], strict);
    const codes = problems.map(({ code }) => code);
    const state = computeMonitoringState(codes, host.exitCode);
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
  const countState = (expected: MonitoringState) => results.filter(({ state }) => state === expected).length;
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
  readonly state: MonitoringState;
}

/** The answer where there is no report: UNKNOWN, whatever the reason, a wrong flag included. */
export function createNagiosFailure(failures: readonly Failure[]): MonitoringAnswer {
  return formatResult("UNKNOWN", joinMessages(failures.map(({ message }) => message)), "");
}

function formatResult(state: MonitoringState, message: string, perfData: string): MonitoringAnswer {
  // A bar begins the performance data, and a line break would begin what nobody reads.
  const line = message.replace(/\|/g, "/").replace(/\s+/g, " ");
  const truncated = Array.from(line).length > MAX_TEXT_LENGTH ? `${line.slice(0, MAX_TEXT_LENGTH)}…` : line;
  const text = `OFFLOAD ${state}: ${truncated}${perfData === "" ? "" : ` | ${perfData}`}\n`;
  return { text, exitCode: NAGIOS_EXIT_CODES[state] };
}

function joinMessages(messages: readonly string[]): string {
  const rest = messages.length - MAX_MESSAGES;
  const shown = messages.slice(0, MAX_MESSAGES).join("; ");
  return rest > 0 ? `${shown}; and ${rest} more` : shown;
}

/** Numbers that can be drawn: `label=value;warn;crit;min`. */
function formatPerfData({ devices, problems }: Report, strict: boolean): string {
  const counts = countForMonitoring(devices, problems);
  return [
    `interfaces=${devices.length};;;0`,
    `on=${counts.on};;0;0`,
    `fixed_on=${counts.fixedOn};;${strict ? 0 : ""};0`,
    `requested_on=${counts.requestedOn};0;;0`,
    `problems=${counts.problems};0;;0`,
    `unknown=${counts.unknown};;;0`,
  ].join(" ");
}
