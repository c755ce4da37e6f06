import { describe, expect, test } from "bun:test";
import type { Report } from "../../../src/core/report.ts";
import { createPaint } from "../../../src/terminal/text.ts";
import { renderReport } from "../../../src/terminal/views/report.ts";
import { createSnapshot, guest, NIC_ON, nic, pif, VIF_ON, vif, vm } from "../../builders/hosts.ts";
import {
  CHANGES,
  createReport,
  DISABLED_HOST,
  DISABLED_SNAPSHOT,
  UNCHANGED_HOST,
  UNCHANGED_SNAPSHOT,
} from "../../builders/reports.ts";
import { createTestView } from "../../builders/views.ts";

const VIEW = createTestView();

function rendered(report: Report) {
  return renderReport(report, VIEW);
}

describe("verify", () => {
  test("shows problems, grouped by interface, and the command to run", () => {
    const report = createReport("verify", UNCHANGED_HOST, UNCHANGED_SNAPSHOT, {
      exitCode: 1,
      advice: ["offload disable ALL"],
      notes: [{ code: "vms-on-other-hosts", message: '2 VMs left out, which run on "beta"' }],
    });
    expect(rendered(report)).toBe(`6 interfaces checked: 10 problems found.
  ! eth0, eth1, tap3.0 (web): rx, tx, sg, tso, gso and gro on
  ! vif3.0 (web), vif3.1 (web): tx, sg, tso, gso and gro on
  - vif3.0 (web), vif3.1 (web): rx on, and the driver does not let it be changed
  ! vif3.0 (web), vif3.1 (web), VIF 0 of "database": no setting keeps tx, sg, tso and gso off
  - 2 VMs left out, which run on "beta"

Run: offload disable ALL
`);
  });

  test("reports success", () => {
    const report = createReport("verify", DISABLED_HOST.slice(0, 2), DISABLED_SNAPSHOT);
    expect(rendered(report)).toBe("2 interfaces checked: everything that can be off is off.\n");
  });

  test("does not report success when something could not be read", () => {
    const report = createReport("verify", [nic(pif("eth9"))], createSnapshot({}), { exitCode: 3 });
    expect(rendered(report)).not.toContain("everything that can be off is off");
    expect(rendered(report)).toContain("! eth9: is not there");
  });

  test("names six interfaces that share a problem, and counts the others", () => {
    const names = Array.from({ length: 9 }, (_, index) => `eth${index}`);
    const view = createSnapshot(Object.fromEntries(names.map((name) => [name, NIC_ON])));
    const interfaces = names.map((name) => nic(pif(name)));
    const report = createReport("verify", interfaces, view, { exitCode: 1, features: ["tso"] });
    expect(rendered(report)).toContain("  ! eth0, eth1, eth2, eth3, eth4, eth5 and 3 more: tso on\n");
  });

  test("shows a problem without an interface separately", () => {
    const report = createReport("verify", [], createSnapshot({}), {
      exitCode: 3,
      problems: [{ code: "xapi-unavailable", message: "XAPI does not answer" }],
    });
    expect(rendered(report)).toContain("  ! XAPI does not answer\n");
  });
});

describe("disable", () => {
  test("summarizes the changes, and ends with how to take them back", () => {
    const report = createReport("disable", DISABLED_HOST.slice(0, 2), DISABLED_SNAPSHOT, {
      changes: CHANGES,
      undo: "offload restore eth0",
    });
    expect(rendered(report)).toBe(
      "Turned off rx tx sg tso gso gro on 5 devices; changed 24 settings in XAPI.\nUndo: offload restore eth0\n",
    );
  });

  test("names the features that went along with those that were asked about", () => {
    const change = { uuid: null, layer: "live", from: "on" } as const;
    const changes = ["eth0", "eth1"].flatMap((device) => [
      { ...change, device, feature: "sg", to: "off" } as const,
      { ...change, device, feature: "tso", to: "off, requested on" } as const,
      { ...change, device, feature: "gso", to: "off, requested on" } as const,
    ]);
    const report = createReport("disable", DISABLED_HOST.slice(0, 2), DISABLED_SNAPSHOT, { changes, features: ["sg"] });
    expect(rendered(report)).toContain("\n  - eth0, eth1: tso and gso went off with sg\n");
  });

  test.each([
    ["nothing", () => [], "Nothing had to be changed."],
    [
      "settings alone",
      () => CHANGES.filter(({ layer }) => layer === "xapi").slice(0, 1),
      "Changed nothing in the kernel; changed 1 setting in XAPI.",
    ],
    [
      "the kernel alone",
      () => CHANGES.filter(({ layer }) => layer === "live").slice(0, 1),
      "Turned off rx on 1 device; changed no settings in XAPI.",
    ],
  ] as const)("summarizes a change of %s", (_, changes, sentence) => {
    const report = createReport("disable", DISABLED_HOST.slice(0, 1), DISABLED_SNAPSHOT, {
      changes: changes(),
    });
    expect(rendered(report)).toStartWith(`${sentence}\n`);
  });
});

describe("names chosen by tenants", () => {
  const hostile = vm("\u001b[31m\nweb: all is well\u202e", { domid: 3, residentOn: undefined });

  test("send no control sequences and add no lines", () => {
    const interfaces = [guest(vif(hostile, "0"))];
    for (const command of ["status", "verify", "disable"] as const) {
      const report = createReport(command, interfaces, createSnapshot({ "vif3.0": VIF_ON }), {
        advice: ["offload disable '\u001b[31m\nweb'"],
        notes: [{ code: "no-vifs", message: "\u001b[2J\nfake: 0 problems" }],
      });
      const text = rendered(report);
      expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(text.split("\n").some((line) => /^(web|fake)/.test(line))).toBe(false);
    }
  });
});

test("has the same words with and without color", () => {
  const report = createReport("verify", UNCHANGED_HOST, UNCHANGED_SNAPSHOT, { exitCode: 1 });
  const painted = renderReport(report, { ...VIEW, paint: createPaint(true) });
  expect(painted).not.toBe(rendered(report));
  expect(Bun.stripANSI(painted)).toBe(rendered(report));
});

test("does not say that nothing had to be changed when a pending change was reverted", () => {
  const report = createReport("disable", DISABLED_HOST.slice(0, 1), DISABLED_SNAPSHOT, {
    problems: [{ code: "reverted", message: "not confirmed, so everything was reverted" }],
  });
  expect(rendered(report)).not.toContain("Nothing had to be changed");
  expect(rendered(report)).toContain("  ! not confirmed, so everything was reverted\n");
});

describe("a pending change", () => {
  test.each(["status", "verify"] as const)("is shown before everything else in %s", (command) => {
    const report = createReport(command, DISABLED_HOST.slice(0, 1), DISABLED_SNAPSHOT, {
      exitCode: 1,
      problems: [{ code: "xapi-unavailable", message: "XAPI does not answer" }],
    });
    const pending = rendered({ ...report, pending: { secondsLeft: 42 } });
    expect(pending).toBe(
      `A change is pending: it is reverted in 42 seconds unless it is confirmed; keep it with: offload confirm\n${rendered(report)}`,
    );
  });
});

describe("long lines", () => {
  const long = `${"word ".repeat(30)}end`;
  const command = `xe vif-param-remove uuid=${"0".repeat(36)} param-name=other-config param-key=KEY`;
  const report = createReport("verify", [], createSnapshot({}), {
    problems: [{ code: "xapi-unavailable", message: long }],
    notes: [{ code: "setting-ineffective", message: `${long}; remove with: ${command}`, command }],
  });

  test("wrap between words at a terminal, with a hanging indent", () => {
    const lines = renderReport(report, { ...VIEW, wrapsLines: true })
      .trimEnd()
      .split("\n");
    expect(lines).toContain(`  ! ${"word ".repeat(15).trimEnd()}`);
    expect(lines).toContain("    end");
    for (const line of lines) {
      if (!line.includes("xe ")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
    }
  });

  test("keep commands whole, so that they can be copied", () => {
    const lines = renderReport(report, { ...VIEW, wrapsLines: true })
      .trimEnd()
      .split("\n");
    expect(lines.at(-1)).toBe(`    ${command}`);
  });

  test("do not wrap without a terminal", () => {
    expect(rendered(report)).toContain(`  ! ${long}\n  - ${long}; remove with: ${command}\n`);
  });
});
