import { describe, expect, test } from "bun:test";
import type { BootReport } from "../../../src/core/boot-layer.ts";
import type { Note } from "../../../src/core/problem.ts";
import {
  createReport,
  type DeviceReport,
  type Diagnosis,
  type FeatureReport,
  type Report,
} from "../../../src/core/report.ts";
import { renderDiagnosis } from "../../../src/terminal/views/doctor.ts";
import { createTestView } from "../../builders/views.ts";
import { HOSTILE_NAMES } from "../../dom0/fixture/vm-fixtures.ts";

function feature(live: FeatureReport["live"], more: Partial<FeatureReport> = {}): FeatureReport {
  return { live, fixed: false, requested: live === "on", xapi: null, verdict: "ok", ...more };
}

const NIC: DeviceReport = {
  ...{ device: "eth0", kind: "pif", uuid: "u", vm: null, management: true },
  features: {
    rx: feature("on", { fixed: true }),
    tx: feature("off", { xapi: "off" }),
    sg: feature(null, { xapi: "on" }),
    tso: feature("on"),
    ufo: feature("absent"),
    gso: feature("off", { requested: true }),
    gro: feature("on"),
    lro: feature("off", { fixed: true }),
  },
};

const BOOT: BootReport = {
  ...{ method: "systemd", state: "up-to-date" },
  covers: { nics: ["tx"], vifs: [], devices: {}, vms: {} },
};

function guest(device: string | null, name: string, more: Partial<DeviceReport> = {}): DeviceReport {
  return { ...NIC, kind: "vif", device, vm: { uuid: name, name }, management: false, ...more };
}

function diagnosis(more: Partial<Diagnosis> = {}): Diagnosis {
  return {
    ...{ taken: "2026-01-02T03:04:05.678Z", redacted: false, software: [], nics: [] },
    ...{
      ineffectiveSettings: [],
      networkSettings: [],
      hooks: [],
      stateFiles: [],
      unreadable: [],
      advice: [],
    },
    ...more,
  };
}

function page(more: Partial<Diagnosis> = {}, columns = 80, report: Partial<Report> = {}): string {
  const whole = { ...createReport("doctor", { exitCode: 0 }), ...report };
  return renderDiagnosis(whole, diagnosis(more), {
    ...createTestView({ columns, ellipsis: "...", wrapsLines: true }),
  });
}

describe("the doctor page", () => {
  test("lists every property of a device in a row", () => {
    const nics = [
      {
        device: "eth0",
        driver: "e1000e",
        version: "3.2.6-k",
        firmware: "0.8-4",
        bus: "0000:00:1f.6",
        pci: "8086:15bc",
      },
    ];
    expect(page({ nics }, 80, { devices: [NIC], boot: BOOT })).toContain(`NICs (1)
  eth0: e1000e 3.2.6-k, firmware 0.8-4, 8086:15bc at 0000:00:1f.6; carries the
  management traffic
  eth0
    on            tso gro
    on, fixed     rx
    requested on  gso
    off           tx
    off, fixed    lro
    not there     ufo
    off in XAPI   tx
    on in XAPI    sg
    off at boot   tx
`);
  });

  test("groups similar devices by VM", () => {
    const devices = [
      guest("vif1.0", "web"),
      guest("vif1.1", "web"),
      guest("vif2.0", "db"),
      guest("vif3.0", "mail", { features: {} }),
      guest(null, "old"),
    ];
    const text = page({}, 80, { devices });
    expect(text).toContain('  vif1.0, vif1.1 of "web"; vif2.0 of "db"\n');
    expect(text).toContain('  vif3.0 of "mail"\n');
    expect(text).toContain("  1 VIF without a device on this host now\n");
    expect(text).toContain("Interfaces of guests (5, of 4 VMs)");
  });

  test("counts what would exceed a page", () => {
    const devices = Array.from({ length: 300 }, (_, n) => guest(`vif${n}.0`, `vm ${n}`));
    const advice = Array.from({ length: 300 }, (_, n) => ({ reason: `b${n}`, command: `c${n}` }));
    const text = page({ advice }, 80, { devices });
    expect(text).toContain("and 292 more");
    expect(text.split("\n").length).toBeLessThan(60);
  });

  test("wraps text but keeps commands whole to be copied", () => {
    const command = `xe vif-param-remove uuid=${"x".repeat(90)}`;
    const reason = "word ".repeat(60).trim();
    for (const columns of [40, 80, 200]) {
      const lines = page({ advice: [{ reason, command }] }, columns).split("\n");
      expect(lines).toContain(`    ${command}`);
      for (const line of lines.filter((one) => !one.includes(command))) {
        expect(line.length).toBeLessThanOrEqual(columns);
      }
    }
  });

  test("prevents tenants' names from sending control sequences or breaking lines", () => {
    const devices = HOSTILE_NAMES.map((name, n) => guest(`vif${n}.0`, name));
    const records = HOSTILE_NAMES.map((value) => ({
      ...({
        of: "vif",
        uuid: "u",
        name: value,
        key: `ethtool-${value}`,
        value,
        reason: value,
      } as const),
    }));
    const text = page({ ineffectiveSettings: records, networkSettings: records }, 80, { devices });
    expect(text).not.toMatch(/[^\P{C}\n]/u);
  });

  test("says once what is true of several NICs, with the command of each", () => {
    const note = (device: string, detail: string): Note => {
      return { code: "networkd-turns-off", message: `${device}: ${detail}`, interface: device };
    };
    const notes = [
      note("eth0", "networkd turns gro on at its next start"),
      { ...note("eth0", "it still remembers; to make it forget: xe pif-plug uuid=a"), command: "xe pif-plug uuid=a" },
      note("eth1", "networkd turns gro on at its next start"),
      { ...note("eth1", "it still remembers; to make it forget: xe pif-plug uuid=b"), command: "xe pif-plug uuid=b" },
    ];
    const text = page({}, 200, { notes });
    expect(text).toContain("  eth0, eth1: networkd turns gro on at its next start\n");
    expect(text).toContain(
      "  eth0, eth1: it still remembers; to make it forget: xe pif-plug uuid=a; xe pif-plug uuid=b\n",
    );
  });

  test("says when it is redacted, and what could not be read", () => {
    const text = page({ redacted: true, unreadable: [{ path: "/etc/cron.d/x", reason: "EIO" }] });
    expect(text).toContain("look it over all the same");
    expect(text).toContain("Could not be read\n  /etc/cron.d/x: EIO\n");
  });
});
