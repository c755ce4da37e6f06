import { describe, expect, test } from "bun:test";
import { computeExitCode, PROBLEM_SEVERITIES, type Problem, type ProblemCode } from "../../../src/core/problem.ts";
import type { FeatureReport, Report } from "../../../src/core/report.ts";
import { createNagiosFailure, createNagiosResult } from "../../../src/core/verify/nagios.ts";

const OFF: FeatureReport = {
  ...{ live: "off", fixed: false, requested: false, xapi: "off", verdict: "ok" },
};

function report(problems: readonly Problem[], features: readonly FeatureReport[] = [OFF]): Report {
  const keywords = ["rx", "tx", "sg", "tso"] as const;
  return {
    ...{ version: 1, command: "verify", host: null, dryRun: false },
    ...{ changes: [], problems, notes: [], boot: null, pending: null, advice: [], commands: [], undo: null },
    exitCode: computeExitCode(problems, { strict: false, changing: false }),
    devices: [
      {
        ...{ device: "eth0", kind: "pif", uuid: null, vm: null, management: true },
        features: Object.fromEntries(features.map((one, index) => [keywords[index], one])),
      },
    ],
  };
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEM_SEVERITIES, code);
}

function problem(code: ProblemCode, message = `eth0: ${code}`): Problem {
  return { code, message };
}

function answer(...codes: readonly ProblemCode[]) {
  return createNagiosResult(report(codes.map((code) => problem(code))), false);
}

/** One line as the plugin guidelines have it: a state, a text, and data as `label=value;warn;crit;min`. */
const LINE = /^OFFLOAD (OK|WARNING|CRITICAL|UNKNOWN): [^|\n]+( \| (\w+=\d+;\d*;\d*;\d+)( \w+=\d+;\d*;\d*;\d+)*)?\n$/;

describe("the Nagios state", () => {
  test("is OK (0) when nothing is wrong, or only fixed features are on", () => {
    expect(answer()).toMatchObject({ exitCode: 0, text: expect.stringMatching(/^OFFLOAD OK: 1 /) });
    expect(answer("live-fixed").exitCode).toBe(0);
  });

  test("is CRITICAL (2) when something is on now", () => {
    expect(answer("live-on").exitCode).toBe(2);
    expect(answer("setting-missing", "live-on", "xapi-unavailable").exitCode).toBe(2);
  });

  test("is WARNING (1) when all is off now and something will turn on again", () => {
    for (const code of ["requested-on", "gro-not-persistent", "setting-missing", "boot-drift"] as const) {
      expect(answer(code).exitCode).toBe(1);
      expect(answer(code, "device-missing").exitCode).toBe(1);
    }
  });

  test("is UNKNOWN (3) when something could not be read and nothing worse is known", () => {
    expect(answer("device-missing").exitCode).toBe(3);
    expect(answer("settings-unreadable").exitCode).toBe(3);
  });

  test("counts fixed features under --strict", () => {
    const held = report([problem("live-fixed")]);
    expect(createNagiosResult(held, false).exitCode).toBe(0);
    expect(createNagiosResult(held, true).exitCode).toBe(2);
  });

  test("is never OK when verify would not exit 0", () => {
    for (const code of Object.keys(PROBLEM_SEVERITIES).filter(isProblemCode)) {
      const one = report([problem(code)]);
      expect({ code, ok: createNagiosResult(one, false).exitCode === 0 }).toEqual({
        code,
        ok: one.exitCode === 0,
      });
    }
  });
});

describe("the Nagios output", () => {
  test("stays one line, whatever the problems contain", () => {
    const hostile = problem("live-on", 'VIF 0 of "a|b\nc; | x=1": tso on');
    for (const one of [answer(), answer("live-on"), createNagiosResult(report([hostile]), false)]) {
      expect(one.text).toMatch(LINE);
    }
    expect(createNagiosFailure([{ kind: "usage", code: "x", message: "a | b\nc" }]).text).toBe(
      "OFFLOAD UNKNOWN: a / b c\n",
    );
  });

  test("names the first problems and counts the rest", () => {
    const many = Array.from({ length: 50 }, (_, n) => problem("live-on", `vif${n}.0: tso on`));
    const { text } = createNagiosResult(report(many), false);
    expect(text).toContain("vif0.0: tso on; vif1.0: tso on; vif2.0: tso on; and 47 more");
    const long = Array.from({ length: 3 }, () => problem("live-on", "x".repeat(2000)));
    expect(createNagiosResult(report(long), false).text.length).toBeLessThan(1024);
  });

  test("includes performance data", () => {
    const on = { ...OFF, live: "on", requested: true, verdict: "drift" } as const;
    const held = { ...on, fixed: true, verdict: "fixed" } as const;
    const requestedOn = { ...OFF, requested: true, verdict: "drift" } as const;
    const seen = report([problem("live-on"), problem("requested-on")], [on, held, requestedOn, OFF]);
    const [, data] = createNagiosResult(seen, false).text.trimEnd().split(" | ");
    expect(data).toBe("interfaces=1;;;0 on=1;;0;0 fixed_on=1;;;0 requested_on=1;0;;0 problems=2;0;;0 unknown=0;;;0");
  });
});
