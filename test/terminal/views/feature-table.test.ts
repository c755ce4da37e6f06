import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FEATURE_NAMES } from "../../../src/core/features.ts";
import type { DeviceReport } from "../../../src/core/report.ts";
import { createPaint } from "../../../src/terminal/text.ts";
import type { TerminalView } from "../../../src/terminal/view.ts";
import { formatFeatureTable, LEGEND } from "../../../src/terminal/views/feature-table.ts";
import { config, createSnapshot, NIC_OFF, nic, pif, pifSettings } from "../../builders/hosts.ts";
import {
  createReport,
  DISABLED_HOST,
  DISABLED_SNAPSHOT,
  UNCHANGED_HOST,
  UNCHANGED_SNAPSHOT,
} from "../../builders/reports.ts";
import { createTestView } from "../../builders/views.ts";

/** A table of devices, with the name of the VM behind each. */
function table(devices: readonly DeviceReport[], view: Partial<TerminalView> = {}): readonly string[] {
  const rows = devices.map(({ device, vm, features }) => ({
    label: device ?? "(none here)",
    features,
    formatTail: () => vm?.name ?? "",
  }));
  return formatFeatureTable({ labelTitle: "device", tailTitle: "VM", minTailColumns: 0, rows }, createTestView(view));
}

const AT_TERMINAL = { wrapsLines: true };
const disabledDevices = createReport("status", DISABLED_HOST, DISABLED_SNAPSHOT).devices;

describe("the feature table", () => {
  test("shows a host before any change, and names what no device has", () => {
    expect(table(createReport("status", UNCHANGED_HOST, UNCHANGED_SNAPSHOT).devices)).toEqual([
      "device      rx    tx   sg   tso  gso  gro   VM",
      "eth0        on/-  on/- on/- on/- on/- on/-",
      "eth1        on/-  on/- on/- on/- on/- on/-",
      "vif3.0      on!/- on/- on/- on/- on/- on/-  web",
      "tap3.0      on/-  on/- on/- on/- on/- on/-  web",
      "vif3.1      on!/- on/- on/- on/- on/- on/-  web",
      "(none here) ?/-   ?/-  ?/-  ?/-  ?/-  ?/-   database",
      LEGEND,
      "Not shown, absent or off for good on every device: ufo lro",
    ]);
  });

  test("fits 80 columns with everything off and all settings written", () => {
    const lines = table(disabledDevices, AT_TERMINAL);
    expect(lines.slice(1, 6)).toEqual([
      "eth0        off/off off/off off/off off/off  off!/-   off/off off/off",
      "eth1        off/off off/off off/off off/off  off!/-   off/off off/off",
      "vif3.0      on!/off off/off off/off off~/off off!/off off/off off/-    web",
      "tap3.0      off/-   off/-   off/-   off/-    off!/-   off/-   off/-    web",
      "vif3.1      on!/off off/on  off/off off~/off off!/off off/off off/-    web",
    ]);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test("puts the last column below where there is no room beside the features", () => {
    const [first] = createReport("status", DISABLED_HOST.slice(2, 3), DISABLED_SNAPSHOT).devices;
    const rows = [{ label: "1 VIF", features: first?.features ?? {}, formatTail: (columns: number) => `${columns}` }];
    const contents = { labelTitle: "", tailTitle: "devices", minTailColumns: 30, rows };
    const lines = formatFeatureTable(contents, createTestView({ wrapsLines: true, columns: 70 }));
    expect(lines[2]).toBe("  68");
    expect(formatFeatureTable(contents, createTestView({ wrapsLines: true, columns: 120 }))[1]).toMatch(/ {2}5\d$/);
  });

  test("shows what was asked about even where no device has it", () => {
    const { devices } = createReport("status", UNCHANGED_HOST.slice(0, 1), UNCHANGED_SNAPSHOT, { features: ["ufo"] });
    expect(table(devices)).toEqual(["device ufo     VM", "eth0   off!/-", LEGEND]);
  });

  test("tells a missing feature from a missing setting", () => {
    const absent = { live: "absent", fixed: false, requested: false, xapi: null, verdict: "absent" } as const;
    const features = { tso: { ...absent, live: "off" }, ufo: absent, lro: { ...absent, xapi: "off" } } as const;
    const other = { ...features, ufo: { ...absent, live: "on" } } as const;
    const device = { device: "eth0", kind: "pif", uuid: null, vm: null, management: false } as const;
    const [, row] = table([
      { ...device, features },
      { ...device, features: other },
    ]);
    expect(row).toBe("eth0   off/- n/a  n/a/off");
  });

  test("has no trailing blanks and no control characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (device) => {
        for (const line of table(createReport("status", [nic(pif(device))], createSnapshot({})).devices)) {
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
          expect(line).toBe(line.trimEnd());
        }
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ["hidden characters", "e\u202eth0"],
    ["40 characters", "x".repeat(40)],
    ["wide characters", "网卡零"],
  ])("keeps the columns aligned with a device name of %s", (_, device) => {
    const interfaces = [nic(pif("eth0")), nic(pif(device))];
    const snapshot = createSnapshot({ eth0: NIC_OFF, [device]: NIC_OFF });
    const { devices } = createReport("status", interfaces, snapshot, { features: ["tso", "gro"] });
    const [heading = "", first = "", second = ""] = table(devices, AT_TERMINAL);
    const start = (line: string, cell: string) => Bun.stringWidth(line.slice(0, line.indexOf(cell)));
    expect(start(first, "off/-")).toBe(start(heading, "tso"));
    expect(start(second, "off/-")).toBe(start(heading, "tso"));
    expect(start(heading, "tso")).toBeLessThanOrEqual(16);
  });

  test("gives no verdict by its colors", () => {
    const paint = createPaint(true);
    const painted = table(disabledDevices, { paint });
    expect(painted[3]).toContain(paint.strong("on!/off"));
    expect(painted.join("")).not.toContain(paint.bad("x").slice(0, 5));
    expect(painted.join("")).not.toContain(paint.good("x").slice(0, 5));
    expect(painted.map((line) => Bun.stripANSI(line).trimEnd())).toEqual([...table(disabledDevices)]);
  });
});

describe("features beyond the width", () => {
  const otherConfig = config(pifSettings("off"));
  const { devices } = createReport("status", [nic(pif("eth0", { otherConfig }))], DISABLED_SNAPSHOT, {
    features: FEATURE_NAMES,
  });
  const headings = (columns: number) =>
    table(devices, { columns, ...AT_TERMINAL }).filter((line) => line.startsWith("device"));

  test("follow in a table of their own, each once, in any width", () => {
    const all = headings(400).flatMap((line) => line.split(/\s+/).slice(1));
    for (const columns of [20, 40, 60, 80, 100, 120]) {
      expect(headings(columns).flatMap((line) => line.split(/\s+/).slice(1))).toEqual(all);
    }
  });

  test("stay in one table for a program, whatever the width", () => {
    expect(headings(60).length).toBeGreaterThan(1);
    expect(table(devices, { columns: 60 }).filter((line) => line.startsWith("device"))).toHaveLength(1);
  });
});
