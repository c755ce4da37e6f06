import { describe, expect, test } from "bun:test";
import { findUnderlyingNics } from "../../src/core/inventory.ts";
import { pif } from "../builders/hosts.ts";

const eth0 = pif("eth0");
const bond = pif("bond0", { role: "bond", slaves: [pif("eth1").uuid, pif("eth2").uuid] });
const eth1 = pif("eth1", { slaveOf: bond.uuid });
const eth2 = pif("eth2", { slaveOf: bond.uuid });
const vlan = pif("eth0", { role: "vlan", vlan: 100, taggedPif: eth0.uuid });
const vlanOnBond = pif("bond0", { role: "vlan", vlan: 200, taggedPif: bond.uuid });
const PIFS = [eth0, bond, eth1, eth2, vlan, vlanOnBond];

describe("findUnderlyingNics", () => {
  test("returns a physical PIF itself", () => {
    expect(findUnderlyingNics(eth0, PIFS)).toEqual([eth0]);
  });

  test("returns the slaves of a bond", () => {
    expect(findUnderlyingNics(bond, PIFS)).toEqual([eth1, eth2]);
  });

  test("returns the PIF under a VLAN", () => {
    expect(findUnderlyingNics(vlan, PIFS)).toEqual([eth0]);
  });

  test("returns the bond's slaves for a VLAN on a bond", () => {
    expect(findUnderlyingNics(vlanOnBond, PIFS)).toEqual([eth1, eth2]);
  });

  test.each(["tunnel", "sriov", "other"] as const)("returns none for a PIF that is %s", (role) => {
    expect(findUnderlyingNics(pif("x0", { role }), PIFS)).toEqual([]);
  });

  test("returns none for a VLAN whose PIF is missing", () => {
    expect(findUnderlyingNics(pif("eth9", { role: "vlan", vlan: 1, taggedPif: undefined }), PIFS)).toEqual([]);
    expect(findUnderlyingNics(pif("eth9", { role: "vlan", vlan: 1, taggedPif: "gone" }), PIFS)).toEqual([]);
  });

  test("returns none for a VLAN on a VLAN, so that a cycle ends", () => {
    const upon = pif("eth0", { role: "vlan", vlan: 7, taggedPif: vlan.uuid });
    expect(findUnderlyingNics(upon, [...PIFS, upon])).toEqual([]);
  });
});
