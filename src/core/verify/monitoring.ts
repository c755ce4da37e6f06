import { EXIT_CODES, type ExitCode, PROBLEM_SEVERITIES } from "../problem.ts";
import type { DeviceReport, FeatureReport } from "../report.ts";

/** What a monitoring system tells apart. */
export type MonitoringState = "OK" | "WARNING" | "CRITICAL" | "UNKNOWN";

/** What is printed for a monitoring system, and what the program ends with. */
export interface MonitoringAnswer {
  readonly text: string;
  readonly exitCode: ExitCode;
}

const SEVERITIES: ReadonlyMap<string, string> = new Map(Object.entries(PROBLEM_SEVERITIES));

/**
 * On now is CRITICAL, for it does its harm now; off now and not sure to stay so is WARNING; what could not be
 * read is UNKNOWN, where nothing worse is known.
 */
export function computeMonitoringState(codes: readonly string[], exitCode: ExitCode): MonitoringState {
  if (codes.some((code) => code === "live-on" || code === "live-fixed")) return "CRITICAL";
  const severities = new Set(codes.map((code) => SEVERITIES.get(code)));
  if (severities.has("drift") || severities.has("undone")) return "WARNING";
  return severities.size > 0 || exitCode === EXIT_CODES.unavailable ? "UNKNOWN" : "OK";
}

/** The problems that count: a feature that its driver holds on does so under --strict only. */
export function selectRelevantProblems<P extends { readonly code: string }>(
  problems: readonly P[],
  strict: boolean,
): readonly P[] {
  return problems.filter(({ code }) => strict || code !== "live-fixed");
}

/** How many features of some devices are in each state, and how many problems there are. */
export interface MonitoringCounts {
  readonly on: number;
  readonly fixedOn: number;
  readonly requestedOn: number;
  readonly problems: number;
  /** Of the things that were to be read: how many could not be. */
  readonly unknown: number;
}

/** Counts what can be drawn as a graph. */
export function countForMonitoring(
  devices: readonly DeviceReport[],
  problems: readonly { readonly code: string }[],
): MonitoringCounts {
  const features = devices.flatMap((device) => Object.values(device.features));
  const count = (predicate: (feature: FeatureReport) => boolean) => features.filter(predicate).length;
  const unknown = problems.filter(({ code }) => SEVERITIES.get(code) === "unknown").length;
  return {
    on: count(({ live, fixed }) => live === "on" && !fixed),
    fixedOn: count(({ live, fixed }) => live === "on" && fixed),
    requestedOn: count(({ live, fixed, requested }) => live === "off" && requested && !fixed),
    problems: problems.filter(({ code }) => SEVERITIES.get(code) !== "fixed").length - unknown,
    unknown,
  };
}
