import { EXIT, type ExitCode, PROBLEMS } from "../problem.ts";
import type { FeatureReport, HostReport, Report } from "../report.ts";
import type { Failure } from "../result.ts";
import { counted } from "../text.ts";

/** The states of a plugin and what it exits with (Monitoring Plugins, development guidelines). */
const STATES = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const satisfies Record<
  string,
  ExitCode
>;

/** A state of a plugin. */
export type PluginState = keyof typeof STATES;

/** What a plugin says and ends with. */
export interface PluginAnswer {
  readonly line: string;
  readonly exitCode: ExitCode;
}

const LEVELS: ReadonlyMap<string, string> = new Map(Object.entries(PROBLEMS));

/** How many problems a line names, and how long it may be: NRPE of old passed on 1 KiB. */
const NAMED = 3;
const LONGEST_TEXT = 600;

/**
 * `verify` as a plugin answers. On now is CRITICAL, for it does its harm now; off now and not
 * sure to stay so is WARNING; what could not be looked at is UNKNOWN, where nothing worse is known.
 */
export function pluginAnswer(report: Report, strict: boolean): PluginAnswer {
  const counting = report.problems.filter((one) => counts(one, strict));
  const state = stateOf(
    counting.map(({ code }) => code),
    report.exitCode,
  );
  const checked = counted(report.devices.length, "interface");
  const said =
    counting.length === 0
      ? `${checked} checked, everything that can be off is off`
      : `${checked} checked; ${sayings(counting.map(({ message }) => message))}`;
  return answer(state, said, performanceData(report, strict));
}

/** The states from the worst on: what is known to be wrong outranks what is not known. */
const WORST_FIRST: readonly PluginState[] = ["CRITICAL", "WARNING", "UNKNOWN", "OK"];

/** One line for a whole pool: the state of its worst host, and what the hosts that are not OK say. */
export function poolAnswer(hosts: readonly HostReport[], strict: boolean): PluginAnswer {
  const states = hosts.map((host): HostAnswer => {
    const problems = (host.report?.problems ?? []).filter((one) => counts(one, strict));
    const codes = problems.map(({ code }) => code);
    const state = stateOf(codes, host.exitCode);
    // A host that broke off has shown no problem, and is not known to be well.
    return { host, problems, state: state === "OK" && host.state !== "ok" ? "UNKNOWN" : state };
  });
  const worst = WORST_FIRST.find((state) => states.some((one) => one.state === state)) ?? "OK";
  const wrong = states.filter(({ state }) => state !== "OK");
  const ok = hosts.length - wrong.length;
  const details = wrong.map(({ host: { name, message }, problems: [first] }) =>
    first === undefined ? `${name}: ${message}` : `${name}: ${first.message}`,
  );
  const sum = `${ok} of ${counted(hosts.length, "host")} ok`;
  const text = details.length === 0 ? sum : `${sum}; ${sayings(details)}`;
  const count = (wanted: PluginState) => states.filter(({ state }) => state === wanted).length;
  const data = [
    `hosts=${hosts.length};;;0`,
    `critical=${count("CRITICAL")};;0;0`,
    `warning=${count("WARNING")};0;;0`,
    `unknown=${count("UNKNOWN")};;;0`,
  ];
  return answer(worst, text, data.join(" "));
}

interface HostAnswer {
  readonly host: HostReport;
  readonly problems: readonly { readonly message: string }[];
  readonly state: PluginState;
}

/** The answer where there is no report: UNKNOWN, whatever the reason, a wrong flag included. */
export function pluginFailure(failures: readonly Failure[]): PluginAnswer {
  return answer("UNKNOWN", sayings(failures.map(({ message }) => message)), "");
}

function answer(state: PluginState, said: string, data: string): PluginAnswer {
  // A bar begins the performance data, and a line break would begin what nobody reads.
  const text = said.replace(/\|/g, "/").replace(/\s+/g, " ");
  const shown = Array.from(text).length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
  const line = `OFFLOAD ${state}: ${shown}${data === "" ? "" : ` | ${data}`}`;
  return { line, exitCode: STATES[state] };
}

function counts({ code }: { readonly code: string }, strict: boolean): boolean {
  return strict || code !== "live-fixed";
}

function stateOf(codes: readonly string[], exitCode: ExitCode): PluginState {
  if (codes.some((code) => code === "live-on" || code === "live-fixed")) return "CRITICAL";
  const levels = new Set(codes.map((code) => LEVELS.get(code)));
  if (levels.has("drift") || levels.has("undone")) return "WARNING";
  return levels.size > 0 || exitCode === EXIT.unavailable ? "UNKNOWN" : "OK";
}

function sayings(messages: readonly string[]): string {
  const rest = messages.length - NAMED;
  const shown = messages.slice(0, NAMED).join("; ");
  return rest > 0 ? `${shown}; and ${rest} more` : shown;
}

/** Numbers that can be drawn: `label=value;warn;crit;min`. */
function performanceData({ devices, problems }: Report, strict: boolean): string {
  const features = devices.flatMap((device) => Object.values(device.features));
  const count = (is: (feature: FeatureReport) => boolean) => features.filter(is).length;
  const on = count(({ live, fixed }) => live === "on" && !fixed);
  const fixed = count(({ live, fixed }) => live === "on" && fixed);
  const latent = count(({ live, fixed, requested }) => live === "off" && requested && !fixed);
  const unknown = problems.filter(({ code }) => LEVELS.get(code) === "unknown").length;
  const wrong = problems.filter(({ code }) => LEVELS.get(code) !== "fixed").length - unknown;
  return [
    `interfaces=${devices.length};;;0`,
    `on=${on};;0;0`,
    `fixed_on=${fixed};;${strict ? 0 : ""};0`,
    `latent=${latent};0;;0`,
    `problems=${wrong};0;;0`,
    `unknown=${unknown};;;0`,
  ].join(" ");
}
