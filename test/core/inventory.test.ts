import { describe, expect, test } from "bun:test";
import { nicsUnder } from "../../src/core/inventory.ts";
import { pif } from "../builders/hosts.ts";

const eth0 = pif("eth0");
const bond = pif("bond0", { role: "bond", slaves: [pif("eth1").uuid, pif("eth2").uuid] });
const eth1 = pif("eth1", { slaveOf: bond.uuid });
const eth2 = pif("eth2", { slaveOf: bond.uuid });
const vlan = pif("eth0", { role: "vlan", vlan: 100, under: eth0.uuid });
const vlanOnBond = pif("bond0", { role: "vlan", vlan: 200, under: bond.uuid });
const PIFS = [eth0, bond, eth1, eth2, vlan, vlanOnBond];

describe("the NICs under a PIF", () => {
  test("of a physical one: itself", () => {
    expect(nicsUnder(eth0, PIFS)).toEqual([eth0]);
  });

  test("of a bond: its slaves", () => {
    expect(nicsUnder(bond, PIFS)).toEqual([eth1, eth2]);
  });

  test("of a VLAN: the one under it", () => {
    expect(nicsUnder(vlan, PIFS)).toEqual([eth0]);
  });

  test("of a VLAN on a bond: the bond's slaves", () => {
    expect(nicsUnder(vlanOnBond, PIFS)).toEqual([eth1, eth2]);
  });

  test.each(["tunnel", "sriov", "other"] as const)("of a PIF that is %s: none", (role) => {
    expect(nicsUnder(pif("x0", { role }), PIFS)).toEqual([]);
  });

  test("of a VLAN whose PIF is not there: none", () => {
    expect(nicsUnder(pif("eth9", { role: "vlan", vlan: 1, under: undefined }), PIFS)).toEqual([]);
    expect(nicsUnder(pif("eth9", { role: "vlan", vlan: 1, under: "gone" }), PIFS)).toEqual([]);
  });

  test("of a VLAN on a VLAN, which xapi does not allow: none, so that a broken ring has an end", () => {
    const upon = pif("eth0", { role: "vlan", vlan: 7, under: vlan.uuid });
    expect(nicsUnder(upon, [...PIFS, upon])).toEqual([]);
  });
});
