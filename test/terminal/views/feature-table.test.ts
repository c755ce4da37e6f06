import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FEATURE_NAMES } from "../../../src/core/features.ts";
import type { DeviceReport } from "../../../src/core/report.ts";
import { createPaint } from "../../../src/terminal/text.ts";
import { formatFeatureTable, LEGEND } from "../../../src/terminal/views/feature-table.ts";
import { config, createSnapshot, guest, NIC_OFF, nic, pif, pifSettings, vif, vm } from "../../builders/hosts.ts";
import {
  createReport,
  DISABLED_HOST,
  DISABLED_SNAPSHOT,
  UNCHANGED_HOST,
  UNCHANGED_SNAPSHOT,
} from "../../builders/reports.ts";

const PLAIN = createPaint(false);

function table(devices: readonly DeviceReport[], columns = 80) {
  return formatFeatureTable(devices, { paint: PLAIN, columns, ellipsis: "…" });
}

function devicesOfVm(name: string): readonly DeviceReport[] {
  const iface = guest(vif(vm(name, { domid: 3 }), "0"));
  return createReport("status", [iface], createSnapshot({ "vif3.0": NIC_OFF })).devices;
}

describe("the feature table", () => {
  test("shows a host before any change", () => {
    expect(table(createReport("status", UNCHANGED_HOST, UNCHANGED_SNAPSHOT).devices)).toEqual([
      "device      rx    tx   sg   tso  ufo    gso  gro  lro",
      "NIC, carries the management traffic",
      "eth0        on/-  on/- on/- on/- off!/- on/- on/- off!/-",
      "NICs",
      "eth1        on/-  on/- on/- on/- off!/- on/- on/- off!/-",
      "VM web",
      "vif3.0      on!/- on/- on/- on/- off!/- on/- on/- off!/-",
      "tap3.0      on/-  on/- on/- on/- off!/- on/- on/- off!/-",
      "vif3.1      on!/- on/- on/- on/- off!/- on/- on/- off!/-",
      "VM database",
      "(none here) ?/-   ?/-  ?/-  ?/-  ?/-    ?/-  ?/-  ?/-",
    ]);
  });

  const treated = [
    "device      rx      tx      sg      tso      ufo      gso     gro     lro",
    "NIC, carries the management traffic",
    "eth0        off/off off/off off/off off/off  off!/-   off/off off/off off!/-",
    "NICs",
    "eth1        off/off off/off off/off off/off  off!/-   off/off off/off off!/-",
    "VM web",
    "vif3.0      on!/off off/off off/off off~/off off!/off off/off off/-   off!/-",
    "tap3.0      off/-   off/-   off/-   off/-    off!/-   off/-   off/-   off!/-",
    "vif3.1      on!/off off/on  off/off off~/off off!/off off/off off/-   off!/-",
    "VM database",
    "(none here) ?/off   ?/off   ?/off   ?/off    ?/off    ?/off   ?/-     ?/-",
  ];

  test("fits 80 columns with everything off and all settings written", () => {
    const lines = table(createReport("status", DISABLED_HOST, DISABLED_SNAPSHOT).devices, 80);
    expect(lines).toEqual(treated);
    for (const line of [...lines, LEGEND]) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test("stays the same in 100 columns", () => {
    expect(table(createReport("status", DISABLED_HOST, DISABLED_SNAPSHOT).devices, 100)).toEqual(treated);
  });

  test("fits 80 columns with predictable device names and every setting", () => {
    const long = nic(pif("enp129s0f0np0", { otherConfig: config(pifSettings("off")) }));
    const view = createSnapshot({ enp129s0f0np0: NIC_OFF, "vif3.0": NIC_OFF, "vif3.1": NIC_OFF });
    const { devices } = createReport("status", [long, ...DISABLED_HOST.slice(2)], view);
    for (const line of table(devices)) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test("shows only the features that were asked for", () => {
    const features = ["tso", "rxhash"] as const;
    const lines = table(createReport("status", UNCHANGED_HOST.slice(0, 1), UNCHANGED_SNAPSHOT, { features }).devices);
    expect(lines).toEqual(["device tso  rxhash", "NIC, carries the management traffic", "eth0   on/- on/-"]);
  });

  test("tells a missing feature from a missing setting", () => {
    const absent = { live: "absent", fixed: false, requested: false, xapi: null, verdict: "absent" } as const;
    const features = { tso: { ...absent, live: "off" }, ufo: absent, lro: { ...absent, xapi: "off" } } as const;
    const [, , row] = table([{ device: "eth0", kind: "pif", uuid: null, vm: null, management: false, features }]);
    expect(row).toBe("eth0   off/- n/a n/a/off");
  });

  test("has no trailing blanks", () => {
    for (const [interfaces, view] of [
      [UNCHANGED_HOST, UNCHANGED_SNAPSHOT],
      [DISABLED_HOST, DISABLED_SNAPSHOT],
    ] as const) {
      for (const line of table(createReport("status", interfaces, view).devices)) {
        expect(line).toBe(line.trimEnd());
      }
    }
  });

  test("separates two VMs of the same name", () => {
    const twins = ["a", "b"].flatMap((uuid) => [guest(vif(vm("twin", { uuid, domid: 1 }), "0", { uuid }))]);
    const lines = table(createReport("status", twins, createSnapshot({ "vif1.0": NIC_OFF })).devices);
    expect(lines.filter((line) => line === "VM twin")).toHaveLength(2);
  });

  test("groups unmanaged devices separately", () => {
    const unmanaged = [
      { kind: "unmanaged", device: "eth0", deviceKind: "pif" },
      { kind: "unmanaged", device: "vif9.0", deviceKind: "vif" },
    ] as const;
    const lines = table(
      createReport("status", unmanaged, createSnapshot({ eth0: NIC_OFF, "vif9.0": NIC_OFF })).devices,
    );
    expect([lines[1], lines[3]]).toEqual(["NICs", "VIFs"]);
  });
});

describe("names chosen by tenants", () => {
  test.each([
    ["\u001b[2J\u001b[31mowned", "VM [2J[31mowned"],
    ["web\nvif3.0 on/off", "VM webvif3.0 on/off"],
    ["\u202eevil", "VM evil"],
    ["日本語のサーバー", "VM 日本語のサーバー"],
  ])("send no control sequences: %j", (name, title) => {
    expect(table(devicesOfVm(name))[1]).toBe(title);
  });

  test("are replaced by the UUID when nothing readable is left", () => {
    for (const name of ["", "   ", "\u001b", "\u200b\u200b"]) {
      expect(table(devicesOfVm(name))[1]).toBe(`VM ${vm(name).uuid}`);
    }
  });

  test("are shortened to the available columns", () => {
    for (const name of ["x".repeat(10_000), "界".repeat(10_000)]) {
      const title = table(devicesOfVm(name), 60)[1] ?? "";
      expect(Bun.stringWidth(title)).toBeLessThanOrEqual(60);
      expect(title).toEndWith("…");
    }
  });

  test("never put a control character in a line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (name, device) => {
        const iface = nic(pif(device));
        const { devices } = createReport("status", [iface], createSnapshot({}));
        for (const line of [...table(devices), ...table(devicesOfVm(name))]) {
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        }
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ["hidden characters", "e\u202eth0"],
    ["40 characters", "x".repeat(40)],
    ["wide characters", "网卡零"],
  ])("keep the columns aligned with a device name of %s", (_, device) => {
    const features = ["tso", "gro"] as const;
    const interfaces = [nic(pif("eth0")), nic(pif(device))];
    const view = createSnapshot({ eth0: NIC_OFF, [device]: NIC_OFF });
    const { devices } = createReport("status", interfaces, view, { features });
    const [heading = "", , first = "", second = ""] = table(devices);
    const start = (line: string, cell: string) => Bun.stringWidth(line.slice(0, line.indexOf(cell)));
    expect(start(first, "off/-")).toBe(start(heading, "tso"));
    expect(start(second, "off/-")).toBe(start(heading, "tso"));
    expect(start(heading, "tso")).toBeLessThanOrEqual(16);
  });
});

describe("the color of a cell", () => {
  const color = createPaint(true);
  const rows = formatFeatureTable(createReport("status", DISABLED_HOST, DISABLED_SNAPSHOT).devices, {
    paint: color,
    columns: 80,
    ellipsis: "…",
  });
  const untouched = formatFeatureTable(createReport("status", UNCHANGED_HOST, UNCHANGED_SNAPSHOT).devices, {
    paint: color,
    columns: 80,
    ellipsis: "…",
  });

  test("is red when on and changeable", () => {
    expect(untouched[2]).toContain(color.bad("on/- "));
    expect(rows.join("")).not.toContain(color.bad("o").slice(0, 5));
  });

  test("is yellow when fixed on, requested on, or with a wrong setting", () => {
    expect(rows[6]).toContain(color.warning("on!/off"));
    expect(rows[6]).toContain(color.warning("off~/off"));
    expect(rows[8]).toContain(color.warning("off/on "));
  });

  test("is green when off, with a setting if possible", () => {
    expect(rows[2]).toContain(color.good("off/off"));
  });

  test("does not change the text", () => {
    const plain = table(createReport("status", DISABLED_HOST, DISABLED_SNAPSHOT).devices);
    expect(rows.map((line) => Bun.stripANSI(line).trimEnd())).toEqual([...plain]);
  });
});

describe("features beyond the width", () => {
  const { devices } = createReport("status", DISABLED_HOST, DISABLED_SNAPSHOT, {
    features: FEATURE_NAMES,
  });
  const headings = (columns: number) => table(devices, columns).filter((line) => line.startsWith("device"));

  test("follow in a table of their own, each once, in any width", () => {
    for (const columns of [20, 40, 60, 80, 100, 120, 200]) {
      const names = headings(columns).flatMap((line) => line.split(/\s+/).slice(1));
      expect(names).toEqual([...FEATURE_NAMES]);
      for (const line of table(devices, columns)) {
        if (columns >= 40) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        expect(line).toBe(line.trimEnd());
      }
    }
  });

  test("share one table on a wide terminal", () => {
    expect([80, 120, 200].map((columns) => headings(columns).length)).toEqual([2, 1, 1]);
  });

  test("repeat every device under its VM in each table", () => {
    const lines = table(devices, 80);
    const half = lines.length / 2;
    const titles = (part: readonly string[]) => part.map((line) => line.replace(/ .*/, ""));
    expect(titles(lines.slice(0, Math.floor(half)))).toEqual(titles(lines.slice(Math.ceil(half))));
    expect(lines[Math.floor(half)]).toBe("");
  });
});

test("are shortened with an ASCII mark without Unicode", () => {
  const lines = formatFeatureTable(devicesOfVm("x".repeat(200)), {
    paint: PLAIN,
    columns: 80,
    ellipsis: "...",
  });
  expect(lines[1]).toBe(`VM ${"x".repeat(74)}...`);
});
