import { describe, expect, test } from "bun:test";
import { CommandError, unavailableError, usageError } from "../../../src/core/command-error.ts";
import { computeExitCode, type Problem } from "../../../src/core/problem.ts";
import { createReport, type DeviceReport, type FeatureReport, type Report } from "../../../src/core/report.ts";
import { createPrometheusAnswer } from "../../../src/core/verify/prometheus.ts";
import { listCurrentStates, parseMetrics } from "../../assertions/prometheus.ts";

const OFF: FeatureReport = { live: "off", fixed: false, requested: false, xapi: "off", verdict: "ok" };
const ON: FeatureReport = { ...OFF, live: "on", requested: true, verdict: "drift" };
const NIC: DeviceReport = {
  ...{ device: "eth0", kind: "pif", uuid: "nic", vm: null, management: true },
  features: { tso: ON, gso: { ...ON, fixed: true, verdict: "fixed" }, gro: { ...OFF, requested: true }, sg: OFF },
};

function report(problems: readonly Problem[], devices: readonly DeviceReport[] = [NIC]): Report {
  const exitCode = computeExitCode(problems, { strict: false, changing: false });
  return createReport("verify", { exitCode, problems, devices });
}

function answer(result: Report | CommandError, strict = false) {
  return createPrometheusAnswer(result, { strict, version: "1.2.3" });
}

function parsed(result: Report | CommandError, strict = false) {
  return parseMetrics(answer(result, strict)?.text ?? "");
}

function problem(code: Problem["code"]): Problem {
  return { code, message: `eth0: ${code}` };
}

describe("the metrics for Prometheus", () => {
  test("count features and problems, and name every interface", () => {
    const problems = ["live-on", "live-fixed", "requested-on", "device-missing"] as const;
    const values = Object.fromEntries(
      parsed(report(problems.map(problem))).map(({ name, samples }) => [name, samples]),
    );
    expect(values).toEqual({
      offload_build_info: [{ labels: { version: "1.2.3" }, value: 1 }],
      offload_verify_state: [
        { labels: { state: "ok" }, value: 0 },
        { labels: { state: "warning" }, value: 0 },
        { labels: { state: "critical" }, value: 1 },
        { labels: { state: "unknown" }, value: 0 },
      ],
      offload_interfaces: [
        { labels: { kind: "pif" }, value: 1 },
        { labels: { kind: "vif" }, value: 0 },
      ],
      offload_features: [
        { labels: { state: "on" }, value: 1 },
        { labels: { state: "fixed_on" }, value: 1 },
        { labels: { state: "requested_on" }, value: 1 },
      ],
      offload_problems: [{ labels: {}, value: 2 }],
      offload_unknown: [{ labels: {}, value: 1 }],
      offload_interface_features_on: [{ labels: { device: "eth0", kind: "pif", uuid: "nic", vm: "" }, value: 1 }],
    });
  });

  test("are in the state that verify --nagios is in", () => {
    const state = (codes: readonly Problem["code"][], strict = false) =>
      listCurrentStates(parsed(report(codes.map(problem)), strict));
    expect(state([])).toEqual(["ok"]);
    expect(state(["live-fixed"])).toEqual(["ok"]);
    expect(state(["live-fixed"], true)).toEqual(["critical"]);
    expect(state(["setting-missing", "device-missing"])).toEqual(["warning"]);
    expect(state(["device-missing"])).toEqual(["unknown"]);
    expect(state(["device-missing", "live-on"])).toEqual(["critical"]);
  });

  test("keep names that contain quotes, backslashes and line breaks", () => {
    const name = 'a"b\\c\nd{e="f"} 1';
    const vif: DeviceReport = { ...NIC, device: null, kind: "vif", uuid: "vif", vm: { uuid: "vm", name } };
    const metrics = parsed(report([], [vif, { ...vif, uuid: "other" }]));
    const names = metrics.at(-1)?.samples.map(({ labels }) => labels["vm"]);
    expect(names).toEqual([name, name]);
  });

  test("are unknown and say nothing else when verify could not run", () => {
    const metrics = parsed(unavailableError("xapi-unreachable", "XAPI does not answer"));
    expect(metrics.map(({ name }) => name)).toEqual(["offload_build_info", "offload_verify_state"]);
    expect(listCurrentStates(metrics)).toEqual(["unknown"]);
  });

  test("end with exit code 0 whatever they say, and are none for a wrong command line", () => {
    expect(answer(report([problem("live-on")]))?.exitCode).toBe(0);
    expect(answer(unavailableError("x", "y"))?.exitCode).toBe(0);
    expect(answer(usageError("unknown-target", "y"))).toBeNull();
    const both = [...usageError("a", "b").failures, ...unavailableError("c", "d").failures];
    expect(answer(new CommandError(both))).toBeNull();
  });
});
