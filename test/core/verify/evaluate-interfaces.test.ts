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
  subject: Interface,
  view: FeatureSnapshot,
  features: readonly Feature[] = DEFAULT_FEATURES,
  includesSettings = true,
) {
  return evaluateInterfaces([subject], view, { features, includesSettings });
}

function codes(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ code }) => code);
}

/** The exit code that verify would end with. */
function verdict(problems: readonly Problem[], strict = false) {
  return computeExitCode(problems, { strict, changing: false });
}

describe("all that was asked for is off", () => {
  test("a NIC that is off and recorded has no problem", () => {
    const records = pifSettings("off");
    const { "ethtool-ufo": _ufo, "ethtool-lro": _lro, ...possible } = records;
    const subject = nic(pif("eth0", { otherConfig: config(possible) }), true);
    const { devices, problems, notes } = evaluate(subject, createSnapshot({ eth0: NIC_OFF }));
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

  test("a VIF that is off and recorded has only its fixed rx, which counts under --strict", () => {
    const subject = guest(vif(web, "0", { otherConfig: config(vifSettings("off")) }));
    const { problems } = evaluate(subject, createSnapshot({ "vif3.0": VIF_OFF }));
    expect(codes(problems)).toEqual(["live-fixed"]);
    expect(verdict(problems)).toBe(0);
    expect(verdict(problems, true)).toBe(1);
  });

  test("a halted VM's VIF with all its records has no problem", () => {
    const subject = guest(vif(haltedVm("db"), "0", { otherConfig: config(vifSettings("false")) }));
    const { devices, problems } = evaluate(subject, createSnapshot({}), ["tx", "tso"]);
    expect(problems).toEqual([]);
    expect(devices).toMatchObject([{ device: null, kind: "vif", vm: { name: "db" } }]);
    expect(devices[0]?.features.tso).toMatchObject({ live: null, xapi: "off", verdict: "ok" });
  });
});

describe("the live layer", () => {
  test("a feature that could be off is on", () => {
    const { devices, problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_ON }), ["tso", "gso"]);
    expect(codes(problems)).toEqual(["live-on"]);
    expect(problems[0]?.message).toBe("eth0: tso and gso on");
    expect(problems[0]).toMatchObject({ device: "eth0", uuid: pif("eth0").uuid });
    expect(devices[0]?.features.tso?.verdict).toBe("drift");
    expect(verdict(problems)).toBe(1);
  });

  test("one that is off but requested on is told, and counts", () => {
    const requestedOn = featureSet(KERNEL, { "tx-tcp-segmentation": "off requested on" });
    const subject = guest(vif(web, "0", { otherConfig: config(vifSettings("off")) }));
    const { devices, problems } = evaluate(subject, createSnapshot({ "vif3.0": requestedOn }), ["tso"]);
    expect(codes(problems)).toEqual(["requested-on"]);
    expect(devices[0]?.features.tso).toMatchObject({ live: "off", requested: true, fixed: false });
    expect(devices[0]?.features.tso?.verdict).toBe("drift");
    expect(verdict(problems)).toBe(1);
  });

  test("one that is fixed on does not count, but under --strict", () => {
    const set = featureSet(KERNEL, { "rx-lro": "on fixed" });
    const { devices, problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: set }), ["lro"]);
    expect(codes(problems)).toEqual(["live-fixed"]);
    expect(devices[0]?.features.lro).toMatchObject({ live: "on", fixed: true, verdict: "fixed" });
    expect([verdict(problems), verdict(problems, true)]).toEqual([0, 1]);
  });

  test("one that is fixed off, or that the kernel does not know, is no problem at all", () => {
    const { devices, problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["lro"]);
    expect(devices[0]?.features.lro).toMatchObject({ live: "off", fixed: true, verdict: "ok" });
    expect(verdict(problems, true)).toBe(0);
  });

  test("a device that is missing, or that cannot be read, is not known to be off", () => {
    const subject = nic(pif("eth0", { otherConfig: config(pifSettings("off")) }));
    const missing = evaluate(subject, createSnapshot({ eth0: { state: "missing" } }), ["tso"]);
    expect(codes(missing.problems)).toEqual(["device-missing"]);
    expect(verdict(missing.problems)).toBe(3);
    const unreadable = evaluate(
      subject,
      createSnapshot({ eth0: { state: "unreadable", reason: "permission denied" } }),
      ["tso"],
    );
    expect(codes(unreadable.problems)).toEqual(["device-unreadable"]);
    expect(unreadable.problems[0]?.message).toContain("permission denied");
    expect(codes(evaluate(subject, createSnapshot({}), ["tso"]).problems)).toEqual(["device-missing"]);
  });

  test("a tap counts like its vif, and has no record to lack", () => {
    const subject = guest(vif(web, "0", { otherConfig: config(vifSettings("off")) }));
    const view = createSnapshot({ "vif3.0": VIF_OFF, "tap3.0": VIF_ON });
    const { devices, problems } = evaluate(subject, view, ["tso"]);
    expect(devices.map(({ device }) => device)).toEqual(["vif3.0", "tap3.0"]);
    expect(devices.map(({ features }) => features.tso?.xapi)).toEqual(["off", null]);
    expect(problems).toMatchObject([{ code: "live-on", device: "tap3.0" }]);
  });

  test("a tap that is off is well, whatever its vif lacks", () => {
    const view = createSnapshot({ "vif3.0": VIF_OFF, "tap3.0": NIC_OFF });
    const { devices } = evaluate(guest(vif(web, "0")), view, ["tso"]);
    expect(devices.map(({ features }) => features.tso?.verdict)).toEqual(["drift", "ok"]);
  });

  test("a VIF of a VM on another host: not known here, the host is named", () => {
    const away = vm("away", { domid: 3, residentOn: BETA });
    const subject = guest(vif(away, "0", { otherConfig: config(vifSettings("off")) }));
    const { problems } = evaluate(subject, createSnapshot({ "vif3.0": VIF_ON }));
    expect(codes(problems)).toEqual(["live-on-other-host"]);
    expect(problems[0]?.message).toContain('"beta"');
    expect(verdict(problems)).toBe(3);
  });
});

describe("the recorded layer", () => {
  test("a record that could and should say off is missing", () => {
    const { devices, problems } = evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["tso", "tx"]);
    expect(codes(problems)).toEqual(["setting-missing"]);
    expect(problems[0]?.message).toBe("eth0: no record keeps tso and tx off");
    expect(devices[0]?.features.tso).toMatchObject({ live: "off", verdict: "drift" });
  });

  test("a missing record of gro on a NIC is told by what it leads to", () => {
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
  ])("a record that says %p is a problem: %s", (value, code) => {
    const subject = nic(pif("eth0", { otherConfig: config({ "ethtool-tso": value }) }));
    expect(codes(evaluate(subject, createSnapshot({ eth0: NIC_OFF }), ["tso"]).problems)).toEqual([code]);
    const virtual = guest(vif(web, "0", { otherConfig: config({ "ethtool-tso": value }) }));
    expect(codes(evaluate(virtual, createSnapshot({ "vif3.0": VIF_OFF }), ["tso"]).problems)).toEqual([code]);
  });

  test("reports each missing setting once", () => {
    for (const value of ["on", "OFF"]) {
      const subject = nic(pif("eth0", { otherConfig: config({ "ethtool-gro": value }) }));
      expect(evaluate(subject, createSnapshot({ eth0: NIC_OFF }), ["gro"]).problems).toHaveLength(1);
    }
  });

  test("misses no setting that could not be written: fixed, absent, requested-on or still on", () => {
    for (const state of ["on fixed", "off fixed", "off requested on", "on"] as const) {
      const view = createSnapshot({ eth0: featureSet(KERNEL, { "rx-lro": state }) });
      const found = codes(evaluate(nic(pif("eth0")), view, ["lro"]).problems);
      expect(found).not.toContain("setting-missing");
    }
  });

  test("none is missed of gro and lro on a VIF, which no record can keep off", () => {
    const { problems } = evaluate(guest(vif(web, "0")), createSnapshot({ "vif3.0": VIF_OFF }), ["gro", "lro"]);
    expect(problems).toEqual([]);
  });

  test("a record that the NIC can never satisfy makes a later plug fail: told, with the remedy", () => {
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

  test("rx of a VIF is no such record: vif-real ignores the exit status of ethtool", () => {
    const subject = guest(vif(web, "0", { otherConfig: config({ "ethtool-rx": "off" }) }));
    expect(codes(evaluate(subject, createSnapshot({ "vif3.0": VIF_OFF }), ["rx"]).problems)).toEqual(["live-fixed"]);
  });

  test("records without effect are a note, with what they are and how to remove them", () => {
    const subject = guest(vif(web, "0", { otherConfig: config({ "ethtool-gro": "off" }) }));
    const { notes, problems } = evaluate(subject, createSnapshot({ "vif3.0": VIF_OFF }), ["gro"]);
    expect(problems).toEqual([]);
    expect(notes).toMatchObject([{ code: "setting-ineffective", uuid: vif(web, "0").uuid }]);
    expect(notes[0]?.message).toContain("ethtool-gro=off (this key is read on PIFs only)");
    expect(notes[0]?.message).toContain("xe vif-param-remove");
  });

  test("is left alone where only the live state was asked for", () => {
    const subject = nic(pif("eth0", { otherConfig: config({ "ethtool-what": "off" }) }));
    const { devices, notes, problems } = evaluate(subject, createSnapshot({ eth0: NIC_OFF }), ["tso"], false);
    expect([problems, notes]).toEqual([[], []]);
    expect(devices[0]?.features.tso?.verdict).toBe("ok");
  });

  test("a halted VM's VIF without records is wrong, not unknown", () => {
    const { devices, problems } = evaluate(guest(vif(haltedVm("db"), "0")), createSnapshot({}), ["tso"]);
    expect(codes(problems)).toEqual(["setting-missing"]);
    expect(problems[0]?.message).toContain('VIF 0 of "db"');
    expect(devices[0]?.features.tso).toMatchObject({ live: null, verdict: "drift" });
  });
});

test("devices that look alike are evaluated each by what can be stored for it", () => {
  const subjects = [nic(pif("eth0")), nic(pif("eth1", { managed: false }))];
  const view = createSnapshot({ eth0: NIC_OFF, eth1: NIC_OFF });
  const { devices } = evaluateInterfaces(subjects, view, {
    features: ["tso"],
    includesSettings: true,
  });
  expect(devices.map(({ features }) => features.tso?.verdict)).toEqual(["drift", "ok"]);
});

test("an unmanaged device is evaluated by what the kernel shows, and has no settings", () => {
  const subject = { kind: "unmanaged", device: "tap9.0", deviceKind: "vif" } as const;
  const { devices, problems } = evaluate(subject, createSnapshot({ "tap9.0": NIC_ON }), ["tso"]);
  expect(devices).toMatchObject([{ device: "tap9.0", kind: "vif", uuid: null, vm: null }]);
  expect(problems).toEqual([{ code: "live-on", device: "tap9.0", interface: "tap9.0", message: "tap9.0: tso on" }]);
});

test("disable fixes what it can: nothing of a fixed feature, another host or a lost device", () => {
  const fixed = ["live-on", "requested-on", "setting-missing", "setting-on", "setting-invalid"];
  for (const code of [...fixed, "gro-not-persistent"] as const) {
    expect(isFixedByDisable(evaluateCase(code))).toBe(true);
  }
  for (const code of ["live-fixed", "live-on-other-host", "device-missing", "setting-unsupported"]) {
    expect(isFixedByDisable(evaluateCase(code))).toBe(false);
  }
});

test("every message begins with the interface that it names, so that a view can group them", () => {
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
  const says = (value: string) => nic(pif("eth0", { otherConfig: config({ "ethtool-tso": value }) }));
  const away = guest(vif(vm("away", { residentOn: BETA }), "0", { otherConfig: config(vifSettings("off")) }));
  const cases: Readonly<Record<string, () => readonly Problem[]>> = {
    "live-on": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_ON }), ["tso"]).problems,
    "requested-on": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: requestedOn }), ["tso"]).problems,
    "setting-missing": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["tso"]).problems,
    "setting-on": () => evaluate(says("on"), createSnapshot({ eth0: NIC_OFF }), ["tso"]).problems,
    "setting-invalid": () => evaluate(says("OFF"), createSnapshot({ eth0: NIC_OFF }), ["tso"]).problems,
    "gro-not-persistent": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: NIC_OFF }), ["gro"]).problems,
    "live-fixed": () => evaluate(nic(pif("eth0")), createSnapshot({ eth0: fixedOn }), ["tso"]).problems,
    "live-on-other-host": () => evaluate(away, createSnapshot({})).problems,
    "device-missing": () => evaluate(nic(pif("eth0")), createSnapshot({}), ["tso"]).problems,
    "setting-unsupported": () => evaluate(says("off"), createSnapshot({ eth0: fixedOn }), ["tso"]).problems,
  };
  const problems = cases[code]?.() ?? [];
  if (!problems.some((one) => one.code === code)) throw new Error(`${code} was not found`);
  return problems;
}
