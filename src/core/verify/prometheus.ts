import { CommandError } from "../command-error.ts";
import type { DeviceReport, Report } from "../report.ts";
import {
  computeMonitoringState,
  countForMonitoring,
  type MonitoringAnswer,
  type MonitoringState,
  selectRelevantProblems,
} from "./monitoring.ts";

const STATES: readonly MonitoringState[] = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];

/** One value of a metric, under its labels. */
interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * `verify` as metrics in the text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats).
 * Without a timestamp, which the node exporter's textfile collector refuses: it has the time of the file.
 * Null for a wrong command line: that is no state of this host.
 */
export function createPrometheusAnswer(
  result: Report | CommandError,
  { strict, version }: { readonly strict: boolean; readonly version: string },
): MonitoringAnswer | null {
  const isError = result instanceof CommandError;
  if (isError && result.failures.some(({ kind }) => kind === "usage")) return null;
  const state = isError ? "UNKNOWN" : computeReportState(result, strict);
  const text = [
    formatMetric("build_info", "The version of offload that wrote this.", [{ labels: { version }, value: 1 }]),
    formatMetric(
      "verify_state",
      "What offload verify found: 1 for the state that holds, as of verify --nagios.",
      STATES.map((name) => ({ labels: { state: name.toLowerCase() }, value: name === state ? 1 : 0 })),
    ),
    ...(isError ? [] : formatReport(result)),
  ];
  return { text: text.join(""), exitCode: 0 };
}

function computeReportState({ problems, exitCode }: Report, strict: boolean): MonitoringState {
  const codes = selectRelevantProblems(problems, strict).map(({ code }) => code);
  return computeMonitoringState(codes, exitCode);
}

function formatReport({ devices, problems }: Report): readonly string[] {
  const counts = countForMonitoring(devices, problems);
  return [
    formatMetric(
      "interfaces",
      "Interfaces that were checked.",
      (["pif", "vif"] as const).map((kind) => ({
        labels: { kind },
        value: devices.filter((device) => device.kind === kind).length,
      })),
    ),
    formatMetric("features", "Features of these interfaces that are on, fixed on or requested on.", [
      { labels: { state: "on" }, value: counts.on },
      { labels: { state: "fixed_on" }, value: counts.fixedOn },
      { labels: { state: "requested_on" }, value: counts.requestedOn },
    ]),
    formatMetric("problems", "What is wrong, features that are fixed on left out.", [{ value: counts.problems }]),
    formatMetric("unknown", "What could not be read.", [{ value: counts.unknown }]),
    formatMetric(
      "interface_features_on",
      "Features of one interface that are on and could be off.",
      devices.map((device) => ({ labels: formatInterface(device), value: countForMonitoring([device], []).on })),
    ),
  ];
}

/** Labels that tell every interface from every other; a label that is empty is one that is missing. */
function formatInterface({ device, kind, uuid, vm }: DeviceReport): Readonly<Record<string, string>> {
  return { device: device ?? "", kind, uuid: uuid ?? "", vm: vm?.name ?? "" };
}

function formatMetric(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    return `offload_${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
  });
  return [`# HELP offload_${name} ${help}`, `# TYPE offload_${name} gauge`, ...lines, ""].join("\n");
}

/** The three characters that the format has escapes for. */
function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
