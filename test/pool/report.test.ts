import { describe, expect, test } from "bun:test";
import type { HostReport, HostState } from "../../src/core/report.ts";
import { createReport } from "../../src/core/report.ts";
import { createNagiosPoolResult } from "../../src/core/verify/nagios.ts";
import { computePoolExitCode } from "../../src/pool/report.ts";
import { renderReport } from "../../src/terminal/views/report.ts";
import { createTestView } from "../builders/views.ts";

const VIEW = createTestView();

function row(name: string, state: HostState, parts: Partial<HostReport> = {}): HostReport {
  const exitCode = state === "ok" ? 0 : state === "partial" ? 1 : 3;
  const message = state === "ok" ? "2 changes made" : "a reason";
  return { uuid: name, name, state, exitCode, message, advice: [], report: null, ...parts };
}

function report(...codes: readonly string[]) {
  const problems = codes.map((code) => ({ code, message: `eth0: ${code}`, interface: "eth0" }));
  const notes = [
    { code: "vms-on-other-hosts", message: "4 VMs left out" },
    { code: "gone", message: "alike" },
  ] as const;
  return createReport("verify", { exitCode: codes.length > 0 ? 1 : 0, problems, notes });
}

describe("the exit code of a pool", () => {
  test.each([
    [[0, 0], false, 0],
    [[0, 1, 3], false, 1],
    [[0, 3], false, 3],
    [[0, 3], true, 1],
    [[3, 3], true, 3],
  ] as const)("for hosts that exit with %j, changing %p, is %d", (codes, changing, expected) => {
    expect(computePoolExitCode(codes, changing)).toBe(expected);
  });
});

describe("the view of a pool", () => {
  test("shows problems first, all hosts that are ok in one line, each note once, and a summary", () => {
    const hosts = [
      row("a", "ok", { report: report() }),
      row("b\x1b[31m", "partial", { report: report("live-on"), message: "1 problem found" }),
      row("c", "ok", { report: report() }),
      row("d", "plugin-missing", { advice: ["ln -s x y"] }),
      row("e", "ok", { report: { ...report(), pending: { secondsLeft: 7 } } }),
    ];
    const shown = renderReport(createReport("verify", { exitCode: 1, hosts }), VIEW);
    expect(shown).toBe(`e: a change is pending: it is reverted in 7 seconds unless it is confirmed there
! b[31m  partial: 1 problem found
  ! eth0: live-on
! d  plugin-missing: a reason
    Run there: ln -s x y
ok  a, c, e: 2 changes made
  - a, b[31m, c, e: alike
3 of 5 hosts ok, 1 partial, 1 plugin-missing.
`);
  });

  test("has --pool in the commands of what several hosts say alike, and not in what one says", () => {
    const message = "nothing is installed for boot; install it with: offload persist";
    const note = { code: "gone", message: "keep it off with: offload persist" } as const;
    const problem = { code: "boot-not-installed", message } as const;
    const drifting = { ...report(), exitCode: 1, problems: [problem], notes: [note] } as const;
    const show = (...hosts: readonly HostReport[]) =>
      renderReport(createReport("verify", { exitCode: 1, hosts }), VIEW).replaceAll(/\s+/g, " ");
    const several = show(row("a", "partial", { report: drifting }), row("b", "partial", { report: drifting }));
    expect(several.match(/install it with: offload persist --pool/g)).toHaveLength(2);
    expect(several).toContain("keep it off with: offload persist --pool");
    const one = show(row("a", "partial", { report: drifting }), row("b", "ok", { report: report() }));
    expect(one).not.toContain("--pool");
  });

  test("names a few of many hosts", () => {
    const hosts = Array.from({ length: 64 }, (_, at) => row(`h${at}`, "ok"));
    const shown = renderReport(createReport("disable", { exitCode: 0, hosts }), VIEW);
    expect(shown).toBe("ok  h0, h1, h2, h3, h4, h5 and 58 more: 2 changes made\n64 of 64 hosts ok.\n");
  });
});

describe("the monitoring line of a pool", () => {
  test("shows the state of the worst host, and ranks a known problem above an unknown state", () => {
    const state = (...hosts: readonly HostReport[]) =>
      createNagiosPoolResult([row("a", "ok", { report: report() }), ...hosts], false).exitCode;
    const on = row("b", "partial", { report: report("live-on") });
    const returning = row("c", "partial", { report: report("requested-on") });
    const broken = row("e", "failed", { exitCode: 1, report: report() });
    expect(state()).toBe(0);
    expect(state(row("d", "unreachable"))).toBe(3);
    expect(state(broken)).toBe(3);
    expect(state(returning, row("d", "unreachable"))).toBe(1);
    expect(state(returning, on)).toBe(2);
  });
});
