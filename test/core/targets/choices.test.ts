import { describe, expect, test } from "bun:test";
import type { FeatureSnapshot } from "../../../src/core/disable/steps.ts";
import { DEFAULT_FEATURES, FEATURE_NAMES } from "../../../src/core/features.ts";
import type { Inventory } from "../../../src/core/inventory.ts";
import { buildChoices, listAvailableInterfaces } from "../../../src/core/targets/choices.ts";
import { resolveTargets } from "../../../src/core/targets/targets.ts";
import { evaluateInterfaces } from "../../../src/core/verify/evaluate-interfaces.ts";
import {
  BETA,
  createSnapshot,
  haltedVm,
  inventory,
  NIC_OFF,
  NIC_ON,
  pif,
  VIF_ON,
  vif,
  vm,
} from "../../builders/hosts.ts";

const WEB = vm("web", { domid: 3 });
const REST = haltedVm("rest");
const AWAY = vm("away", { domid: 3, residentOn: BETA });
const POOL = inventory({
  pifs: [pif("eth10"), pif("eth2"), pif("eth0", { management: true }), pif("eth0", { host: BETA })],
  vms: [WEB, REST, AWAY, vm("unmanaged"), vm("image", { role: "template" })],
  vifs: [vif(WEB, "0"), vif(WEB, "1"), vif(REST, "0"), vif(AWAY, "0"), vif(vm("image", { role: "template" }), "0")],
});
const VIEW = createSnapshot({ eth0: NIC_ON, eth2: NIC_OFF, "vif3.0": VIF_ON, "vif3.1": NIC_OFF });

function choices(pool: Inventory, view: FeatureSnapshot) {
  const there = listAvailableInterfaces(pool);
  const interfaces = [...there.nics, ...there.vifs];
  const { devices } = evaluateInterfaces(interfaces, view, {
    features: FEATURE_NAMES,
    includesSettings: false,
  });
  return buildChoices(there, devices);
}

describe("interactive choices", () => {
  test("list this host's NICs in order, then VMs with VIFs", () => {
    expect(choices(POOL, VIEW).map(({ name }) => name)).toEqual([
      ...["eth0", "eth2", "eth10"],
      ...["away", "rest", "web"],
    ]);
  });

  test("show the state and number of VIFs", () => {
    expect(choices(POOL, VIEW).map(({ state, vifCount }) => [state, vifCount])).toEqual([
      ["NIC, management", null],
      ["NIC", null],
      ["NIC", null],
      ["running on beta", 1],
      ["halted", 1],
      ["running on alpha", 2],
    ]);
  });

  test("show what is on and could be off in any of its devices", () => {
    const on = new Map(choices(POOL, VIEW).map(({ name, featuresOn: keywords }) => [name, keywords]));
    expect(on.get("eth0")).toContain("tso");
    expect(on.get("eth2")?.filter((keyword) => DEFAULT_FEATURES.includes(keyword))).toEqual([]);
    expect(on.get("web")).toContain("tso");
    expect(on.get("web")).not.toContain("rx");
    expect([on.get("rest"), on.get("away"), on.get("eth10")]).toEqual([[], [], []]);
  });

  test("resolve to themselves, whatever else has the same name", () => {
    const twins = inventory({
      ...POOL,
      vms: [...POOL.vms, vm("eth0", { domid: 7 }), vm("web", { uuid: "other", domid: 8 })],
    });
    for (const { request, name } of choices(twins, VIEW)) {
      const { interfaces } = resolveTargets([request], twins);
      for (const one of interfaces) {
        if (one.kind === "unmanaged") throw new Error("no choice is unmanaged");
        expect(one.kind === "pif" ? one.pif.device : one.vm.name).toBe(name);
      }
      expect(interfaces.length).toBeGreaterThan(0);
    }
  });
});
