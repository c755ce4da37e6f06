import { describe, expect, test } from "bun:test";
import { findPersistenceProblems } from "../../../src/core/verify/persistence.ts";
import {
  createSnapshot,
  featureSet,
  guest,
  haltedVm,
  KERNEL,
  NIC_OFF,
  nic,
  pif,
  vif,
  vm,
} from "../../builders/hosts.ts";

const eth0 = nic(pif("eth0"));
const web0 = guest(vif(vm("web", { domid: 3 }), "0"));
const HASH_OFF = featureSet(KERNEL, { "rx-hashing": "off", "rx-vlan-hw-parse": "off" });
const GRO_OFF = featureSet(KERNEL, { "rx-gro": "off" });

describe("a feature comes back", () => {
  test("at the next reboot when a NIC has neither a setting nor a boot script", () => {
    const view = createSnapshot({ eth0: HASH_OFF });
    const problems = findPersistenceProblems(eth0, ["rxhash", "rxvlan"], view, []);
    expect(problems).toMatchObject([
      {
        code: "not-persistent",
        message: "eth0: XAPI has no setting for rxhash and rxvlan, so they come back at the next reboot",
      },
    ]);
    expect(findPersistenceProblems(eth0, ["rxhash"], view, ["rxhash"])).toEqual([]);
  });

  test("when its VM starts if the toolstack reads no setting for it", () => {
    const [problem] = findPersistenceProblems(web0, ["gro"], createSnapshot({ "vif3.0": GRO_OFF }), []);
    expect(problem?.message).toContain("XAPI has no setting for gro, so it comes back when its VM");
    const halted = guest(vif(haltedVm("db"), "0"));
    expect(findPersistenceProblems(halted, ["gro"], createSnapshot({}), [])).toHaveLength(1);
    expect(findPersistenceProblems(halted, ["gro"], createSnapshot({}), ["gro"])).toEqual([]);
  });
});

describe("no feature comes back", () => {
  test("if a setting can keep it off", () => {
    expect(findPersistenceProblems(eth0, ["tso", "gro"], createSnapshot({ eth0: NIC_OFF }), [])).toEqual([]);
    const halted = guest(vif(haltedVm("db"), "0"));
    expect(findPersistenceProblems(halted, ["tso"], createSnapshot({}), [])).toEqual([]);
  });

  test.each(["on", "on fixed", "off fixed", "off requested on"] as const)("if it is %s", (state) => {
    const view = createSnapshot({ eth0: featureSet(KERNEL, { "rx-hashing": state }) });
    expect(findPersistenceProblems(eth0, ["rxhash"], view, [])).toEqual([]);
  });

  test("if netback lacks it or the VIF has no netback", () => {
    const halted = guest(vif(haltedVm("db"), "0"));
    expect(findPersistenceProblems(halted, ["lro", "rxhash"], createSnapshot({}), [])).toEqual([]);
    const sriov = guest(vif(haltedVm("db"), "0", { sriov: true }));
    expect(findPersistenceProblems(sriov, ["gro"], createSnapshot({}), [])).toEqual([]);
  });

  test("if the NIC is unreadable, which is reported already, or unmanaged", () => {
    expect(findPersistenceProblems(eth0, ["rxhash"], createSnapshot({}), [])).toEqual([]);
    const unmanaged = { kind: "unmanaged", device: "eth0", deviceKind: "pif" } as const;
    expect(findPersistenceProblems(unmanaged, ["rxhash"], createSnapshot({ eth0: HASH_OFF }), [])).toEqual([]);
  });
});
