import type { Inventory } from "../../../src/core/inventory.ts";
import { config, haltedVm, inventory, NIC_ON, pif, VIF_ON, vif, vm } from "../../builders/hosts.ts";
import { FakeHost } from "../../fakes/change-host.ts";

export const eth0 = pif("eth0");
export const web = vm("web", { domid: 3 });
export const web0 = vif(web, "0", { otherConfig: config({ "ethtool-tx": "on", other: "kept" }) });
export const db = haltedVm("db");
export const db0 = vif(db, "0", { attached: false });
export const POOL = inventory({ pifs: [eth0], vms: [web, db], vifs: [web0, db0] });

/** A host with a NIC, a running VM and a halted one. */
export function createHost(pool: Inventory = POOL): FakeHost {
  return new FakeHost(pool, { eth0: NIC_ON, "vif3.0": VIF_ON });
}
