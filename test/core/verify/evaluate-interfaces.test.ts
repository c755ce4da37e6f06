import { describe, expect, test } from "bun:test";
import type { FeatureSnapshot } from "../../../src/core/disable/steps.ts";
import { DEFAULT_FEATURES, type Feature } from "../../../src/core/features.ts";
import type { Interface } from "../../../src/core/interface.ts";
import { computeExitCode, type Problem } from "../../../src/core/problem.ts";
import { evaluateInterfaces } from "../../../src/core/verify/evaluate-interfaces.ts";
import { isFixedByDisable } from "../../../src/core/verify/findings.ts";
import {
  BETA,
  config,
  createSnapshot,
  featureSet,
  guest,
  haltedVm,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  pifSettings,
  VIF_ON,
  vif,
  vifSettings,
  vm,
} from "../../builders/hosts.ts";

const web = vm("web", { domid: 3 });
const VIF_OFF = featureSet(KERNEL, {
  "rx-checksum": "on fixed",
  "tx-checksum-ipv4": "off",
  "tx-scatter-gather": "off",
  "tx-tcp-segmentation": "off",
  "tx-generic-segmentation": "off",
  "rx-gro": "off",
});

function evaluate(
  iface: Interface,
  view: FeatureSnapshot,
  features: readonly Feature[] = DEFAULT_FEATURES,
  includesSettings = true,
) {
  return evaluateInterfaces([iface], view, { features, includesSettings });
}

function codes(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ code }) => code);
}

/** The exit code that verify would end with. */
function verdict(problems: readonly Problem[], strict = false) {
  return computeExitCode(problems, { strict, changing: false });
}

describe("evaluating interfaces that are off", () => {
  test("finds no problem with a NIC that is off and has its settings", () => {
    const settings = pifSettings("off");
    const { "ethtool-ufo": _ufo, "ethtool-lro": _lro, ...possible } = settings;
    const iface = nic(pif("eth0", { otherConfig: config(possible) }), true);
    const { devices, problems, notes } = evaluate(iface, createSnapshot({ eth0: NIC_OFF }));
    expect(problems).toEqual([]);
    expect(notes).toEqual([]);
    expect(devices).toMatchObject([{ device: "eth0", kind: "pif", vm: null, management: true }]);
    expect(devices[0]?.features.tso).toEqual({
      live: "off",
      fixed: false,
      requested: false,
      xapi: "off",
      verdict: "ok",
    });
  });

  test("reports only fixed rx of a VIF, which counts under --strict", () => {
    const iface = guest(vif(web, "0", { otherConfig: config(vifSettings("off")) }));
    const { problems } = evaluate(iface, createSnapshot({ "vif3.0": VIF_OFF }));
    expect(codes(problems)).toEqual(["live-fixed"]);
    expect(verdict(problems)).toBe(0);
    expect(verdict(problems, true)).toBe(1);
  });

  test("finds no problem with a halted VM's VIF that has all settings", () => {
    const iface = guest(vif(haltedVm("db"), "0", { otherConfig: config(vifSettings("false")) }));
    const { devices, problems } = evaluate(iface, createSnapshot({}), ["tx", "tso"]);
    expect(problems).toEqual([]);
    expect(devices).toMatchObject([{ device: null, kind: "vif", vm: { name: "db" } }]);
    expect(devices[0]?.features.tso).toMatchObject({ live: null, xapi: "off", verdict: "ok" });
  });
});

describe("evaluating the live layer", () => {
  test("reports a changeable feature that is on", () => {
    const { devices, problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_ON }), ["tso", "gso"]);
    expect(codes(problems)).toEqual(["live-on"]);
    expect(problems[0]?.message).toBe("eth0: tso and gso on");
    expect(problems[0]).toMatchObject({ device: "eth0", uuid: pif("eth0").uuid });
    expect(devices[0]?.features.tso?.verdict).toBe("drift");
    expect(verdict(problems)).toBe(1);
  });

  test("reports and counts a feature that is off but requested on", () => {
    const requestedOn = featureSet(KERNEL, { "tx-tcp-segmentation": "off requested on" });
    const iface = guest(vif(web, "0", { otherConfig: config(vifSettings("off")) }));
    const { devices, problems } = evaluate(iface, createSnapshot({ "vif3.0": requestedOn }), ["tso"]);
    expect(codes(problems)).toEqual(["requested-on"]);
    expect(devices[0]?.features.tso).toMatchObject({ live: "off", requested: true, fixed: false });
    expect(devices[0]?.features.tso?.verdict).toBe("drift");
    expect(verdict(problems)).toBe(1);
  });

  test("counts a feature that is fixed on only under --strict", () => {
    const set = featureSet(KERNEL, { "rx-lro": "on fixed" });
    const { devices, problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: set }), ["lro"]);
    expect(codes(problems)).toEqual(["live-fixed"]);
    expect(devices[0]?.features.lro).toMatchObject({ live: "on", fixed: true, verdict: "fixed" });
    expect([verdict(problems), verdict(problems, true)]).toEqual([0, 1]);
  });

  test("ignores a feature that is fixed off or unknown to the kernel", () => {
    const { devices, problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["lro"]);
    expect(devices[0]?.features.lro).toMatchObject({ live: "off", fixed: true, verdict: "ok" });
    expect(verdict(problems, true)).toBe(0);
  });

  test("reports a missing or unreadable device as unknown", () => {
    const iface = nic(pif("eth0", { otherConfig: config(pifSettings("off")) }));
    const missing = evaluate(iface, createSnapshot({ eth0: { state: "missing" } }), ["tso"]);
    expect(codes(missing.problems)).toEqual(["device-missing"]);
    expect(verdict(missing.problems)).toBe(3);
    const unreadable = evaluate(iface, createSnapshot({ eth0: { state: "unreadable", reason: "permission denied" } }), [
      "tso",
    ]);
    expect(codes(unreadable.problems)).toEqual(["device-unreadable"]);
    expect(unreadable.problems[0]?.message).toContain("permission denied");
    expect(codes(evaluate(iface, createSnapshot({}), ["tso"]).problems)).toEqual(["device-missing"]);
  });

  test("treats a tap like its vif, without settings", () => {
    const iface = guest(vif(web, "0", { otherConfig: config(vifSettings("off")) }));
    const view = createSnapshot({ "vif3.0": VIF_OFF, "tap3.0": VIF_ON });
    const { devices, problems } = evaluate(iface, view, ["tso"]);
    expect(devices.map(({ device }) => device)).toEqual(["vif3.0", "tap3.0"]);
    expect(devices.map(({ features }) => features.tso?.xapi)).toEqual(["off", null]);
    expect(problems).toMatchObject([{ code: "live-on", device: "tap3.0" }]);
  });

  test("finds no problem with a tap that is off, whatever its vif lacks", () => {
    const view = createSnapshot({ "vif3.0": VIF_OFF, "tap3.0": NIC_OFF });
    const { devices } = evaluate(guest(vif(web, "0")), view, ["tso"]);
    expect(devices.map(({ features }) => features.tso?.verdict)).toEqual(["drift", "ok"]);
  });

  test("reports a remote VIF as unknown and names its host", () => {
    const away = vm("away", { domid: 3, residentOn: BETA });
    const iface = guest(vif(away, "0", { otherConfig: config(vifSettings("off")) }));
    const { problems } = evaluate(iface, createSnapshot({ "vif3.0": VIF_ON }));
    expect(codes(problems)).toEqual(["live-on-other-host"]);
    expect(problems[0]?.message).toContain('"beta"');
    expect(verdict(problems)).toBe(3);
  });
});

describe("evaluating the xapi layer", () => {
  test("reports a missing setting", () => {
    const { devices, problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["tso", "tx"]);
    expect(codes(problems)).toEqual(["setting-missing"]);
    expect(problems[0]?.message).toBe("eth0: no setting keeps tso and tx off");
    expect(devices[0]?.features.tso).toMatchObject({ live: "off", verdict: "drift" });
  });

  test("reports the consequence of a missing gro setting on a NIC", () => {
    const { problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["gro"]);
    expect(codes(problems)).toEqual(["gro-not-persistent"]);
    const kept = nic(pif("eth0", { groProperty: "off" }));
    expect(evaluate(kept, createSnapshot({ eth0: NIC_OFF }), ["gro"]).problems).toEqual([]);
  });

  test.each([
    ["on", "setting-on"],
    ["true", "setting-on"],
    ["OFF", "setting-invalid"],
    ["", "setting-invalid"],
  ])("reports a setting of %p as %s", (value, code) => {
    const iface = nic(pif("eth0", { otherConfig: config({ "ethtool-tso": value }) }));
    expect(codes(evaluate(iface, createSnapshot({ eth0: NIC_OFF }), ["tso"]).problems)).toEqual([code]);
    const virtual = guest(vif(web, "0", { otherConfig: config({ "ethtool-tso": value }) }));
    expect(codes(evaluate(virtual, createSnapshot({ "vif3.0": VIF_OFF }), ["tso"]).problems)).toEqual([code]);
  });

  test("reports each missing setting once", () => {
    for (const value of ["on", "OFF"]) {
      const iface = nic(pif("eth0", { otherConfig: config({ "ethtool-gro": value }) }));
      expect(evaluate(iface, createSnapshot({ eth0: NIC_OFF }), ["gro"]).problems).toHaveLength(1);
    }
  });

  test("expects no setting for a feature that is fixed, absent, requested on or still on", () => {
    for (const state of ["on fixed", "off fixed", "off requested on", "on"] as const) {
      const view = createSnapshot({ eth0: featureSet(KERNEL, { "rx-lro": state }) });
      const found = codes(evaluate(nic(pif("eth0")), view, ["lro"]).problems);
      expect(found).not.toContain("setting-missing");
    }
  });

  test("expects no setting for gro and lro on a VIF", () => {
    const { problems } = evaluate(guest(vif(web, "0")), createSnapshot({ "vif3.0": VIF_OFF }), ["gro", "lro"]);
    expect(problems).toEqual([]);
  });

  test("reports a setting that the NIC cannot satisfy, with the remedy", () => {
    const fixedOn = createSnapshot({ eth0: featureSet(KERNEL, { "rx-checksum": "on fixed" }) });
    const off = nic(pif("eth0", { otherConfig: config({ "ethtool-rx": "off" }) }));
    const first = evaluate(off, fixedOn, ["rx"]).problems;
    expect(codes(first)).toEqual(["live-fixed", "setting-unsupported"]);
    expect(first[1]?.message).toContain(`xe pif-param-remove uuid=${pif("eth0").uuid} param-name=other-config`);
    expect(verdict(first)).toBe(1);

    const on = nic(pif("eth0", { otherConfig: config({ "ethtool-lro": "on" }) }));
    const fixedOff = createSnapshot({ eth0: featureSet(KERNEL, { "rx-lro": "off fixed" }) });
    expect(codes(evaluate(on, fixedOff, ["lro"]).problems)).toEqual(["setting-unsupported"]);
  });

  test("accepts rx of a VIF, because vif-real ignores the exit status of ethtool", () => {
    const iface = guest(vif(web, "0", { otherConfig: config({ "ethtool-rx": "off" }) }));
    expect(codes(evaluate(iface, createSnapshot({ "vif3.0": VIF_OFF }), ["rx"]).problems)).toEqual(["live-fixed"]);
  });

  test("notes ineffective settings and how to remove them", () => {
    const iface = guest(vif(web, "0", { otherConfig: config({ "ethtool-gro": "off" }) }));
    const { notes, problems } = evaluate(iface, createSnapshot({ "vif3.0": VIF_OFF }), ["gro"]);
    expect(problems).toEqual([]);
    expect(notes).toMatchObject([{ code: "setting-ineffective", uuid: vif(web, "0").uuid }]);
    expect(notes[0]?.message).toContain("ethtool-gro=off (this key is read on PIFs only)");
    expect(notes[0]?.message).toContain("xe vif-param-remove");
  });

  test("skips settings when only the live state was asked for", () => {
    const iface = nic(pif("eth0", { otherConfig: config({ "ethtool-what": "off" }) }));
    const { devices, notes, problems } = evaluate(iface, createSnapshot({ eth0: NIC_OFF }), ["tso"], false);
    expect([problems, notes]).toEqual([[], []]);
    expect(devices[0]?.features.tso?.verdict).toBe("ok");
  });

  test("reports a halted VM's VIF without settings as wrong, not unknown", () => {
    const { devices, problems } = evaluate(guest(vif(haltedVm("db"), "0")), createSnapshot({}), ["tso"]);
    expect(codes(problems)).toEqual(["setting-missing"]);
    expect(problems[0]?.message).toContain('VIF 0 of "db"');
    expect(devices[0]?.features.tso).toMatchObject({ live: null, verdict: "drift" });
  });
});

test("evaluates similar devices each by their own possible settings", () => {
  const interfaces = [nic(pif("eth0")), nic(pif("eth1", { managed: false }))];
  const view = createSnapshot({ eth0: NIC_OFF, eth1: NIC_OFF });
  const { devices } = evaluateInterfaces(interfaces, view, {
    features: ["tso"],
    includesSettings: true,
  });
  expect(devices.map(({ features }) => features.tso?.verdict)).toEqual(["drift", "ok"]);
});

test("evaluates an unmanaged device by its live state only", () => {
  const iface = { kind: "unmanaged", device: "tap9.0", deviceKind: "vif" } as const;
  const { devices, problems } = evaluate(iface, createSnapshot({ "tap9.0": NIC_ON }), ["tso"]);
  expect(devices).toMatchObject([{ device: "tap9.0", kind: "vif", uuid: null, vm: null }]);
  expect(problems).toEqual([
    { code: "live-on", device: "tap9.0", interface: "tap9.0", message: "tap9.0: tso on", features: ["tso"] },
  ]);
});

test("suggests disable only for what it can fix", () => {
  const fixed = ["live-on", "requested-on", "setting-missing", "setting-on", "setting-invalid"];
  for (const code of [...fixed, "gro-not-persistent"] as const) {
    expect(isFixedByDisable(evaluateCase(code))).toBe(true);
  }
  for (const code of ["live-fixed", "live-on-other-host", "device-missing", "setting-unsupported"]) {
    expect(isFixedByDisable(evaluateCase(code))).toBe(false);
  }
});

test("every message begins with its interface, so that a view can group them", () => {
  const codes = ["live-on", "requested-on", "setting-missing", "live-fixed", "live-on-other-host"];
  for (const code of [...codes, "device-missing", "setting-unsupported", "gro-not-persistent"]) {
    for (const { interface: name, message } of evaluateCase(code)) {
      expect(message).toStartWith(`${name}: `);
    }
  }
});

/** An evaluation that has this problem. */
function evaluateCase(code: string): readonly Problem[] {
  const [requestedOn, fixedOn] = [
    featureSet(KERNEL, { "tx-tcp-segmentation": "off requested on" }),
    featureSet(KERNEL, { "tx-tcp-segmentation": "on fixed" }),
  ];
  const withTso = (value: string) => nic(pif("eth0", { otherConfig: config({ "ethtool-tso": value }) }));
  const away = guest(vif(vm("away", { residentOn: BETA }), "0", { otherConfig: config(vifSettings("off")) }));
  const cases: Readonly<Record<string, () => readonly Problem[]>> = {
    "live-on": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_ON }), ["tso"]).problems,
    "requested-on": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: requestedOn }), ["tso"]).problems,
    "setting-missing": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["tso"]).problems,
    "setting-on": () => evaluate(withTso("on"), createSnapshot({ eth0: NIC_OFF }), ["tso"]).problems,
    "setting-invalid": () => evaluate(withTso("OFF"), createSnapshot({ eth0: NIC_OFF }), ["tso"]).problems,
    "gro-not-persistent": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["gro"]).problems,
    "live-fixed": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: fixedOn }), ["tso"]).problems,
    "live-on-other-host": () => evaluate(away, createSnapshot({})).problems,
    "device-missing": () => evaluate(nic(pif("eth0")), createSnapshot({}), ["tso"]).problems,
    "setting-unsupported": () => evaluate(withTso("off"), createSnapshot({ eth0: fixedOn }), ["tso"]).problems,
  };
  const problems = cases[code]?.() ?? [];
  if (!problems.some((one) => one.code === code)) throw new Error(`${code} was not found`);
  return problems;
}
