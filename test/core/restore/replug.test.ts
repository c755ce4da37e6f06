import { describe, expect, test } from "bun:test";
import { planReplugs } from "../../../src/core/restore/replug.ts";
import { inventory, nic, pif } from "../../builders/hosts.ts";

const eth0 = pif("eth0", { management: true });
const bond0 = pif("bond0", { role: "bond", slaves: [pif("eth1").uuid, pif("eth2").uuid] });
// As XAPI has it: slaves of a bond that is attached are not (nm.ml bring_pif_up).
const eth1 = pif("eth1", { slaveOf: bond0.uuid, attached: false });
const eth2 = pif("eth2", { slaveOf: bond0.uuid, attached: false });

function plugsFor(nics: Parameters<typeof planReplugs>[0], pifs = [eth0, bond0, eth1, eth2]) {
  return planReplugs(nics, inventory({ pifs })).map(({ pif, nics, devices, management }) => {
    const restored = nics.map((nic) => nic.pif.device).join(" ");
    return `${pif.device} for ${restored}: ${devices.join(" ")}${management ? ", management" : ""}`;
  });
}

describe("plugs of restored NICs", () => {
  test("use the PIF of each NIC", () => {
    expect(plugsFor([nic(eth0, true)])).toEqual(["eth0 for eth0: eth0, management"]);
  });

  test("use the bond once for its slaves, with every slave's device", () => {
    expect(plugsFor([nic(eth1)])).toEqual(["bond0 for eth1: eth1 eth2"]);
    expect(plugsFor([nic(eth1), nic(eth0), nic(eth2)])).toEqual([
      "bond0 for eth1 eth2: eth1 eth2",
      "eth0 for eth0: eth0",
    ]);
  });

  test("mark management traffic through one of the slaves", () => {
    expect(plugsFor([nic(eth1, true)])).toEqual(["bond0 for eth1: eth1 eth2, management"]);
  });

  test("do not attach an unplugged PIF", () => {
    const unplugged = pif("eth3", { attached: false });
    expect(plugsFor([nic(unplugged)], [unplugged])).toEqual([]);
    expect(plugsFor([nic(eth1)], [{ ...bond0, attached: false }, eth1, eth2])).toEqual([]);
  });

  test("skip unmanaged PIFs", () => {
    const unmanaged = pif("eth3", { managed: false });
    expect(plugsFor([nic(unmanaged)], [unmanaged])).toEqual([]);
  });

  test("skip a slave whose bond is unknown", () => {
    expect(plugsFor([nic(eth1)], [eth1])).toEqual([]);
  });
});
