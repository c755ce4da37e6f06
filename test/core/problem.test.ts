import { describe, expect, test } from "bun:test";
import { computeExitCode, EXIT_CODES, PROBLEM_SEVERITIES, type ProblemCode } from "../../src/core/problem.ts";

const VERIFYING = { strict: false, changing: false } as const;
const STRICT = { strict: true, changing: false } as const;
const CHANGING = { strict: false, changing: true } as const;

function of(...codes: readonly ProblemCode[]) {
  return codes.map((code) => ({ code, message: code }));
}

describe("the exit code", () => {
  test("matches the numbers of the contract", () => {
    expect(EXIT_CODES).toEqual({ success: 0, problems: 1, usage: 2, unavailable: 3 });
  });

  test("is 0 without problems", () => {
    for (const options of [VERIFYING, STRICT, CHANGING]) expect(computeExitCode([], options)).toBe(0);
  });

  test("is 1 for what could be off and is on, and for every wrong or missing setting", () => {
    const drift = [
      "live-on",
      "requested-on",
      "setting-missing",
      "setting-on",
      "setting-invalid",
      "setting-unsupported",
      "gro-not-persistent",
    ] as const;
    for (const code of drift) {
      expect(computeExitCode(of(code), VERIFYING)).toBe(1);
      expect(computeExitCode(of(code), CHANGING)).toBe(1);
    }
  });

  test("is 1 for a request that failed", () => {
    const undone = [
      "write-failed",
      "setting-write-failed",
      "setting-not-attempted",
      "interrupted",
      "device-removed",
    ] as const;
    for (const code of undone) expect(computeExitCode(of(code), CHANGING)).toBe(1);
  });

  test("is 0 for fixed features, and 1 under --strict", () => {
    expect(computeExitCode(of("live-fixed"), VERIFYING)).toBe(0);
    expect(computeExitCode(of("live-fixed"), CHANGING)).toBe(0);
    expect(computeExitCode(of("live-fixed"), STRICT)).toBe(1);
  });

  test("is 3 when something cannot be determined, but 1 for a command that changes", () => {
    const unknown = [
      "live-on-other-host",
      "device-missing",
      "device-unreadable",
      "settings-unreadable",
      "xapi-unavailable",
    ] as const;
    for (const code of unknown) {
      expect(computeExitCode(of(code), VERIFYING)).toBe(3);
      expect(computeExitCode(of(code), CHANGING)).toBe(1);
    }
  });

  test("prefers a known problem to an unknown state", () => {
    expect(computeExitCode(of("device-missing", "live-on"), VERIFYING)).toBe(1);
    expect(computeExitCode(of("live-on", "device-missing"), VERIFYING)).toBe(1);
    expect(computeExitCode(of("live-fixed", "device-missing"), VERIFYING)).toBe(3);
    expect(computeExitCode(of("device-missing", "live-fixed"), STRICT)).toBe(1);
  });

  test("is defined for every problem code", () => {
    for (const level of Object.values(PROBLEM_SEVERITIES)) {
      expect(["drift", "undone", "unknown", "fixed"]).toContain(level);
    }
  });
});
