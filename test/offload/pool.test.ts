import { describe, expect, test } from "bun:test";
import { answeredRow, exitCodeOfHosts, unansweredRow } from "../../src/offload/pool.ts";
import type { ExitCode } from "../../src/offload/problem.ts";
import { reportOf } from "../../src/offload/report.ts";
import { ALPHA } from "./worlds.ts";

const answered = (exitCode: ExitCode) =>
  answeredRow("disable", ALPHA, reportOf("disable", { exitCode }));
const silent = unansweredRow(ALPHA, { state: "unreachable", message: "no answer", advice: [] });

describe("the exit code of a pool", () => {
  test("is that of its worst host: what is known to be wrong outranks what is not known", () => {
    const code = (rows: Parameters<typeof exitCodeOfHosts>[0]) =>
      exitCodeOfHosts(rows, { changing: false });
    expect(code([answered(0), answered(0)])).toBe(0);
    expect(code([answered(0), answered(1), silent])).toBe(1);
    expect(code([answered(0), silent])).toBe(3);
    expect(code([answered(0), answered(3)])).toBe(3);
  });

  test("is that of work done partly where something was done and a host gave no answer", () => {
    const code = (rows: Parameters<typeof exitCodeOfHosts>[0]) =>
      exitCodeOfHosts(rows, { changing: true });
    expect(code([answered(0), silent])).toBe(1);
    expect(code([silent, silent])).toBe(3);
    expect(code([answered(0)])).toBe(0);
  });
});

describe("the row of a host", () => {
  test("says done only where all is well, and how much is not otherwise", () => {
    expect(answered(0)).toMatchObject({ state: "done", exitCode: 0 });
    const problems = [
      { code: "live-on", message: "eth0: tso on" },
      { code: "live-fixed", message: "eth0: rx on, and the driver lets nobody change that" },
    ];
    const partly = answeredRow("verify", ALPHA, reportOf("verify", { exitCode: 1, problems }));
    expect(partly).toMatchObject({ state: "partly", message: "1 problem", report: { problems } });
    expect(silent).toMatchObject({ state: "unreachable", exitCode: 3, report: null });
  });
});
