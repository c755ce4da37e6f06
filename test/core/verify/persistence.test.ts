import { describe, expect, test } from "bun:test";
import { persistenceProblems } from "../../../src/core/verify/persistence.ts";
import {
  featureSet,
  guest,
  haltedVm,
  KERNEL,
  NIC_OFF,
  nic,
  pif,
  viewOf,
  vif,
  vm,
} from "../../builders/hosts.ts";

const eth0 = nic(pif("eth0"));
const web0 = guest(vif(vm("web", { domid: 3 }), "0"));
const HASH_OFF = featureSet(KERNEL, { "rx-hashing": "off", "rx-vlan-hw-parse": "off" });
const GRO_OFF = featureSet(KERNEL, { "rx-gro": "off" });

describe("a feature comes back", () => {
  test("at the next reboot where a NIC has no setting for it and no boot script", () => {
    const view = viewOf({ eth0: HASH_OFF });
    const problems = persistenceProblems(eth0, ["rxhash", "rxvlan"], view, []);
    expect(problems).toMatchObject([
      {
        code: "not-persistent",
        message:
          "eth0: XAPI has no setting for rxhash and rxvlan, so they come back at the next reboot; run: offload persist",
      },
    ]);
    expect(persistenceProblems(eth0, ["rxhash"], view, ["rxhash"])).toEqual([]);
  });

  test("when its VM starts, of a VIF whose settings the toolstack does not read", () => {
    const [problem] = persistenceProblems(web0, ["gro"], viewOf({ "vif3.0": GRO_OFF }), []);
    expect(problem?.message).toContain("XAPI has no setting for gro, so it comes back when its VM");
    const halted = guest(vif(haltedVm("db"), "0"));
    expect(persistenceProblems(halted, ["gro"], viewOf({}), [])).toHaveLength(1);
    expect(persistenceProblems(halted, ["gro"], viewOf({}), ["gro"])).toEqual([]);
  });
});

describe("nothing comes back", () => {
  test("where a setting can keep it off", () => {
    expect(persistenceProblems(eth0, ["tso", "gro"], viewOf({ eth0: NIC_OFF }), [])).toEqual([]);
    const halted = guest(vif(haltedVm("db"), "0"));
    expect(persistenceProblems(halted, ["tso"], viewOf({}), [])).toEqual([]);
  });

  test.each(["on", "on fixed", "off fixed", "latent"] as const)(
    "of a feature that is %s",
    (state) => {
      const view = viewOf({ eth0: featureSet(KERNEL, { "rx-hashing": state }) });
      expect(persistenceProblems(eth0, ["rxhash"], view, [])).toEqual([]);
    },
  );

  test("of what netback does not have, nor of a VIF without netback", () => {
    const halted = guest(vif(haltedVm("db"), "0"));
    expect(persistenceProblems(halted, ["lro", "rxhash"], viewOf({}), [])).toEqual([]);
    const sriov = guest(vif(haltedVm("db"), "0", { sriov: true }));
    expect(persistenceProblems(sriov, ["gro"], viewOf({}), [])).toEqual([]);
  });

  test("of a NIC that cannot be read, which is told of already, nor of a device XAPI does not know", () => {
    expect(persistenceProblems(eth0, ["rxhash"], viewOf({}), [])).toEqual([]);
    const bare = { kind: "bare", device: "eth0", as: "pif" } as const;
    expect(persistenceProblems(bare, ["rxhash"], viewOf({ eth0: HASH_OFF }), [])).toEqual([]);
  });
});
