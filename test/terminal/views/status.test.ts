import { describe, expect, test } from "bun:test";
import type { Interface } from "../../../src/core/interface.ts";
import type { TerminalView } from "../../../src/terminal/view.ts";
import { formatStatus } from "../../../src/terminal/views/status.ts";
import { createSnapshot, guest, NIC_OFF, NIC_ON, nic, pif, VIF_ON, vif, vm } from "../../builders/hosts.ts";
import { createReport, UNCHANGED_HOST, UNCHANGED_SNAPSHOT } from "../../builders/reports.ts";
import { createTestView } from "../../builders/views.ts";

function status(
  interfaces: readonly Interface[],
  states: Parameters<typeof createSnapshot>[0],
  view: Partial<TerminalView> = {},
): readonly string[] {
  return formatStatus(createReport("status", interfaces, createSnapshot(states)), createTestView(view));
}

const AT_TERMINAL = { wrapsLines: true };
const nics = ["eth0", "eth1"].map((device) => nic(pif(device), device === "eth0"));
const guests = Array.from({ length: 200 }, (_, at) => guest(vif(vm(`vm ${at}`, { domid: at }), "0")));
const guestsOn = Object.fromEntries(guests.map((_, at) => [`vif${at}.0`, NIC_ON]));

describe("the verdict of status", () => {
  test("says once what is the same everywhere", () => {
    expect(status([...nics, ...guests], { eth0: NIC_ON, eth1: NIC_ON, ...guestsOn }).slice(0, 3)).toEqual([
      "2 NICs: rx tx sg tso gso gro on.",
      "200 guest interfaces: the same.",
      "",
    ]);
  });

  test("names what is unlike the rest, with its VM and what differs", () => {
    const states = { eth0: NIC_OFF, eth1: NIC_OFF, ...guestsOn, "vif7.0": NIC_OFF };
    expect(status([...nics, ...guests], states).slice(0, 2)).toEqual([
      "2 NICs: rx tx sg tso gso gro off.",
      "200 guest interfaces: rx tx sg tso gso gro on, except vif7.0 (vm 7): rx tx sg tso gso gro off.",
    ]);
  });

  test("counts what is unlike the rest in many ways", () => {
    const some = guests.slice(0, 8);
    const states = { "vif0.0": NIC_OFF, "vif1.0": VIF_ON };
    const [sentence] = status(some, { ...guestsOn, ...states });
    expect(sentence).toBe(
      "8 guest interfaces: rx tx sg tso gso gro on, except vif0.0 (vm 0): rx tx sg tso gso gro off.",
    );
    const report = createReport("status", some, createSnapshot({ ...guestsOn, ...states }));
    const features = { ...report.devices[0]?.features };
    delete features.rx;
    const third = report.devices.map((device, at) => (at === 2 ? { ...device, features: {} } : device));
    const fourth = third.map((device, at) => (at === 3 ? { ...device, features } : device));
    expect(formatStatus({ devices: fourth }, createTestView())[0]).toEndWith("on, except 3 in 3 groups below.");
  });

  test("says how many have no device here, and when there is none at all", () => {
    const { devices } = createReport("status", UNCHANGED_HOST, UNCHANGED_SNAPSHOT);
    expect(formatStatus({ devices }, createTestView())[2]).toBe("1 VIF has no device here now.");
    expect(status([], {})).toEqual(["No devices."]);
  });
});

describe("the groups of status", () => {
  test("have one line each for devices that are alike, and fit one screen with 200 VMs", () => {
    const states = { eth0: NIC_ON, eth1: NIC_ON, ...guestsOn, "vif7.0": NIC_OFF };
    const lines = status([...nics, ...guests], states, AT_TERMINAL);
    expect(lines.length).toBeLessThan(24);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
    expect(lines.join("\n")).toMatch(/199 VIFs .*vif0\.0 \(vm 0\).* and 19\d more/);
  });

  test("name every VM in a pipe, so that grep shows its values", () => {
    const states = { eth0: NIC_ON, eth1: NIC_ON, ...guestsOn, "vif7.0": NIC_OFF };
    const lines = status([...nics, ...guests], states);
    for (const { vm: owner } of guests) {
      const found = lines.filter((line) => line.includes(`(${owner.name})`) && line.includes("VIF"));
      expect(found[0]).toContain(owner.name === "vm 7" ? "off/-" : "on/-");
    }
  });

  test("are devices of their own with --all, each with its VM", () => {
    const states = { ...guestsOn, "vif7.0": NIC_OFF };
    const lines = status(guests, states, { ...AT_TERMINAL, showsAll: true });
    expect(lines.filter((line) => line.startsWith("vif"))).toHaveLength(200);
    expect(lines.find((line) => line.startsWith("vif7.0"))).toMatch(/^vif7\.0\s+off\/- .* {2}vm 7$/);
  });
});

describe("names chosen by tenants", () => {
  test.each([
    ["\u001b[2J\u001b[31mowned", "[2J[31mowned"],
    ["web\nvif3.0 on/off", "webvif3.0 on/off"],
    ["\u202eevil", "evil"],
    ["日本語のサーバー", "日本語のサーバー"],
  ])("send no control sequences: %j", (name, shown) => {
    for (const showsAll of [false, true]) {
      const lines = status([guest(vif(vm(name, { domid: 3 }), "0"))], { "vif3.0": NIC_OFF }, { showsAll });
      expect(lines.join("\n")).toContain(shown);
      expect(lines.join("")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });

  test("are replaced by the UUID when nothing readable is left", () => {
    for (const name of ["", "   ", "\u001b", "\u200b\u200b"]) {
      const owner = vm(name, { domid: 3 });
      expect(status([guest(vif(owner, "0"))], { "vif3.0": NIC_OFF }).join("\n")).toContain(owner.uuid);
    }
  });

  test("are shortened to the available columns, with an ASCII mark without Unicode", () => {
    for (const name of ["x".repeat(10_000), "界".repeat(10_000)]) {
      const interfaces = [guest(vif(vm(name, { domid: 3 }), "0"))];
      for (const showsAll of [false, true]) {
        const lines = status(interfaces, { "vif3.0": NIC_OFF }, { ...AT_TERMINAL, ellipsis: "...", showsAll });
        for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
        expect(lines.join("\n")).toContain("...");
      }
    }
  });
});
