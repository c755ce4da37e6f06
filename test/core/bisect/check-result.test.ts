import { describe, expect, test } from "bun:test";
import { type CheckResult, evaluateProcessEnd } from "../../../src/core/bisect/check-result.ts";

describe("the end of a check", () => {
  test.each<[number, CheckResult["type"]]>([
    [0, "good"],
    [1, "bad"],
    [124, "bad"],
    [125, "cannot-tell"],
    [126, "failed"],
    [127, "failed"],
    [128, "failed"],
    [255, "failed"],
  ])("means with exit code %d what it means to git bisect run: %s", (exitCode, type) => {
    expect(evaluateProcessEnd({ exitCode, signal: null }).type).toBe(type);
  });

  test("by a signal is a failure of the check itself, which names the signal", () => {
    const result = evaluateProcessEnd({ exitCode: null, signal: "SIGSEGV" });
    expect(result).toEqual({ type: "failed", reason: "it was ended by SIGSEGV" });
  });
});
