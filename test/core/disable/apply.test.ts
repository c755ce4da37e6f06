import { describe, expect, test } from "bun:test";
import type { ChangeResult } from "../../../src/core/disable/apply.ts";
import { previewChanges } from "../../../src/core/disable/plan.ts";
import { DEFAULT_FEATURES } from "../../../src/core/features.ts";
import { computeExitCode, type Problem } from "../../../src/core/problem.ts";
import { evaluateInterfaces } from "../../../src/core/verify/evaluate-interfaces.ts";
import {
  bitsNamed,
  config,
  featureSet,
  haltedVm,
  inventory,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  namesOf,
  pif,
  pifSettings,
  type SettingsSource,
  VIF_ON,
  vif,
  vifSettings,
  vm,
  withBits,
  withSettings,
} from "../../builders/hosts.ts";
import { FakeHost } from "../../fakes/change-host.ts";

const web = vm("web", { domid: 3 });
const db = haltedVm("db");
const eth0 = pif("eth0", { management: true });
const eth1 = pif("eth1");
const web0 = vif(web, "0");
const db0 = vif(db, "0");
const NAMES = [eth0, eth1, web0, db0].map(({ uuid }) => uuid);

/** A host with two NICs, a running VM and a halted one. */
function createHost(more: { readonly eth0?: SettingsSource; readonly web0?: SettingsSource } = {}): FakeHost {
  const pool = inventory({
    pifs: [withSettings(eth0, more.eth0 ?? {}), eth1],
    vms: [web, db],
    vifs: [withSettings(web0, more.web0 ?? {}), db0],
  });
  return new FakeHost(pool, { eth0: NIC_ON, eth1: NIC_ON, "vif3.0": VIF_ON, "tap3.0": NIC_ON });
}

/** What the run says is wrong, and what is wrong. */
function problemsOf({ interfaces, after, problems, settingsVerified }: ChangeResult): readonly Problem[] {
  const scope = { features: DEFAULT_FEATURES, includesSettings: settingsVerified };
  return [...problems, ...evaluateInterfaces(interfaces, after, scope).problems];
}

function codesOf(done: ChangeResult): readonly string[] {
  return problemsOf(done).map(({ code }) => code);
}

const CHANGING = { strict: false, changing: true };

/** A NIC whose driver turns all off but GRO. */
const GRO_STAYS = withBits(KERNEL, NIC_OFF, {
  active: bitsNamed(KERNEL, ...namesOf(KERNEL, NIC_OFF.active), "rx-gro"),
});

const { "ethtool-ufo": _ufo, "ethtool-lro": _lro, ...ON_NIC } = pifSettings("off");
const { "ethtool-rx": _rx, "ethtool-ufo": _vifUfo, ...ON_VIF } = vifSettings("off");

describe("disable", () => {
  test("turns everything off, writes the effective settings and reports both", async () => {
    const host = createHost();
    const expected = previewChanges(host.planChange());
    const done = await host.disable();
    expect(host.kernel.devices.get("eth0")).toEqual(NIC_OFF);
    expect(host.kernel.devices.get("tap3.0")).toEqual(NIC_OFF);
    for (const { uuid } of [eth0, eth1]) expect(host.settings(uuid)).toEqual(ON_NIC);
    for (const { uuid } of [web0, db0]) expect(host.settings(uuid)).toEqual(ON_VIF);
    expect(done.changes).toEqual(expected);
    expect(codesOf(done)).toEqual(["live-fixed"]);
    expect(computeExitCode(problemsOf(done), CHANGING)).toBe(0);
  });

  test("stores originals first, then writes the kernel, settings and events", async () => {
    const host = createHost();
    await host.disable();
    expect(host.kernel.writes).toEqual(["eth0", "eth1", "vif3.0", "tap3.0"]);
    const order = host.journal.map((line) => line.split(" ")[0] ?? "");
    expect([...new Set(order)]).toEqual(["text", "kernel", "setting", "announce", "read"]);
    expect(order.lastIndexOf("text")).toBeLessThan(order.indexOf("kernel"));
    expect(order.lastIndexOf("kernel")).toBeLessThan(order.indexOf("setting"));
    expect(order.lastIndexOf("setting")).toBeLessThan(order.indexOf("announce"));
    for (const uuid of NAMES) expect(host.texts(uuid)).toHaveLength(1);
  });

  test("writes nothing when it runs again", async () => {
    const host = createHost();
    await host.disable();
    host.journal.length = 0;
    const done = await host.disable();
    expect(host.journal).toEqual([]);
    expect(done.changes).toEqual([]);
    expect(computeExitCode(problemsOf(done), CHANGING)).toBe(0);
  });

  test("keeps one policy entry per interface with the first originals when more is turned off", async () => {
    const host = createHost({ web0: { otherConfig: config({ "ethtool-tso": "on" }) } });
    await host.disableFeatures("tso");
    const [first] = host.texts(web0.uuid);
    await host.disableFeatures("tso", "gso");
    expect(host.texts(web0.uuid)).toHaveLength(1);
    expect(host.texts(web0.uuid)).not.toContain(first);
    const { value } = host.toolstack.database.readSettings(web0.ref).policy;
    expect(value.get("tso")).toMatchObject({ asked: "off", original: { setting: "on" } });
    expect(value.get("gso")).toMatchObject({ asked: "off", original: { setting: null } });
  });

  test("stores the standing rule once, on the host", async () => {
    const host = createHost();
    await host.disable({ groups: { nics: true, vifs: false } });
    const stored = host.toolstack.currentInventory().storedHostRule;
    expect(stored.value).toEqual({ nics: DEFAULT_FEATURES, vifs: [] });
    await host.disable({ groups: { nics: true, vifs: true } });
    expect(host.toolstack.currentInventory().storedHostRule.value.vifs).toEqual(DEFAULT_FEATURES);
    expect(host.toolstack.currentInventory().storedHostRule.keys).toHaveLength(1);
    host.journal.length = 0;
    await host.disable({ groups: { nics: true, vifs: true } });
    expect(host.journal).toEqual([]);
  });

  test("announces each running VM with new settings, and no other", async () => {
    const host = createHost();
    await host.disable();
    expect(host.toolstack.announced).toEqual([web.uuid]);
  });

  test("announces a VM once when someone else may have written its settings", async () => {
    const host = createHost({ web0: { otherConfig: config(vifSettings("off")) } });
    await host.disable();
    expect(host.toolstack.announced).toEqual([web.uuid]);
    await host.disable();
    expect(host.toolstack.announced).toEqual([web.uuid]);
  });

  test("announces a VM that an interrupted run did not announce", async () => {
    const host = createHost();
    await host.disable();
    host.pendingAnnouncements.pending.add(web.uuid);
    await host.disable();
    expect(host.toolstack.announced).toEqual([web.uuid, web.uuid]);
    expect([...host.pendingAnnouncements.pending]).toEqual([]);
  });

  test("replaces settings with another value and leaves those that mean off", async () => {
    const before = { "ethtool-tso": "on", "ethtool-gso": "false", "ethtool-lro": "on", mine: "x" };
    const host = createHost({ eth0: { otherConfig: config(before) } });
    await host.disable();
    expect(host.settings(eth0.uuid)).toEqual({
      ...ON_NIC,
      "ethtool-gso": "false",
      // lro is fixed off: whatever stands there is not this program's to decide.
      "ethtool-lro": "on",
      mine: "x",
    });
  });

  test("reports side effects of the driver from the read-back", async () => {
    const host = createHost();
    host.kernel.onRequest = (device) => {
      if (device !== "eth0") return null;
      host.kernel.devices.set(device, NIC_OFF);
      return { done: true };
    };
    const { changes } = await host.disableFeatures("sg");
    const live = changes.filter(({ device, layer }) => device === "eth0" && layer === "live");
    expect(live.map(({ feature }) => feature)).toEqual(["rx", "tx", "sg", "tso", "gso", "gro"]);
  });

  test("writes neither a fixed feature of a NIC nor a setting for it", async () => {
    const host = createHost();
    const states = { "rx-checksum": "on fixed", "rx-gro": "on" } as const;
    host.kernel.devices.set("eth0", featureSet(KERNEL, states));
    await host.disable();
    const off = featureSet(KERNEL, { ...states, "rx-gro": "off" });
    expect(host.kernel.devices.get("eth0")).toEqual(off);
    expect(host.settings(eth0.uuid)).toEqual({ "ethtool-gro": "off" });
  });
});

describe("disable trusts the read-back, not the exit status", () => {
  test.each([
    ["claims to be done and is not", { done: true }, NIC_ON, {}, ["live-on"]],
    ["leaves GRO on", { done: true }, GRO_STAYS, { ...ON_NIC, "ethtool-gro": undefined }, ["live-on"]],
    [
      "leaves the request",
      { done: true },
      withBits(KERNEL, NIC_OFF, { requested: NIC_ON.requested }),
      {},
      ["requested-on"],
    ],
    [
      "claims to have failed and has not",
      { done: false, deviceRemoved: false, reason: "input/output error" },
      NIC_OFF,
      ON_NIC,
      ["write-failed"],
    ],
    [
      "fails",
      { done: false, deviceRemoved: false, reason: "operation not supported" },
      NIC_ON,
      {},
      ["write-failed", "live-on"],
    ],
  ] as const)("and reports a write that %s", async (_, answer, shown, settings, codes) => {
    const host = createHost();
    host.kernel.onRequest = (device) => {
      if (device !== "eth0") return null;
      host.kernel.devices.set(device, shown);
      return answer;
    };
    const done = await host.disable();
    expect(Bun.deepEquals({ ...host.settings(eth0.uuid) }, settings)).toBe(true);
    expect(host.settings(eth1.uuid)).toEqual(ON_NIC);
    expect(codesOf(done)).toEqual([...codes, "live-fixed"]);
    expect(computeExitCode(problemsOf(done), CHANGING)).toBe(1);
  });

  test("and reports a removed device once, then continues", async () => {
    const host = createHost();
    host.kernel.onRequest = (device) => {
      if (device === "vif3.0") host.kernel.devices.delete("vif3.0");
      return null;
    };
    const done = await host.disable();
    expect(host.kernel.devices.get("tap3.0")).toEqual(NIC_OFF);
    expect(done.problems).toMatchObject([{ code: "device-removed", device: "vif3.0" }]);
    expect(host.settings(web0.uuid)).toEqual(ON_VIF);
  });

  test("and neither writes a setting nor reports a change when a device cannot be read back", async () => {
    const host = createHost();
    host.kernel.onRequest = (device) => {
      if (device === "eth0") host.kernel.unreadable.add("eth0");
      return null;
    };
    const done = await host.disable();
    expect(host.settings(eth0.uuid)).toEqual({});
    expect(done.changes.some(({ device }) => device === "eth0")).toBe(false);
    expect(codesOf(done)).toEqual(["device-unreadable", "live-fixed"]);
  });
});
