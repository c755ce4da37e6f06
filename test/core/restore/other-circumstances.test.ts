import { describe, expect, test } from "bun:test";
import type { Vif, Vm } from "../../../src/core/inventory.ts";
import {
  ALPHA,
  BETA,
  config,
  featureSet,
  haltedVm,
  inventory,
  KERNEL,
  NIC_ON,
  namesOf,
  pif,
  VIF_ON,
  vif,
  vm,
} from "../../builders/hosts.ts";
import { FakeHost } from "../../fakes/change-host.ts";
import { FakeKernelBitsStore } from "../../fakes/stores.ts";
import { FakeXapiDatabase } from "../../fakes/toolstack.ts";

const eth0 = pif("eth0");
const web = vm("web", { domid: 3 });
const web0 = vif(web, "0", { otherConfig: config({ "ethtool-tx": "on", other: "kept" }) });
const db = haltedVm("db");
const db0 = vif(db, "0", { attached: false });
const POOL = inventory({ pifs: [eth0], vms: [web, db], vifs: [web0, db0] });

function host(pool = POOL): FakeHost {
  return new FakeHost(pool, { eth0: NIC_ON, "vif3.0": VIF_ON });
}

/** The same XAPI after the halted VM has started on alpha, on a host that has restarted. */
function withDbRunning(before: FakeHost, domid: number): FakeHost {
  const running: Vm = { ...db, powerState: "Running", domid, residentOn: ALPHA };
  const plugged = (one: Vif): Vif => (one.vm.uuid === db.uuid ? { ...one, vm: running, attached: true } : one);
  const { pool } = before.toolstack.database;
  const vms = pool.vms.map((one) => (one.uuid === db.uuid ? running : one));
  const vifs = pool.vifs.map((one) =>
    plugged({ ...one, otherConfig: config(before.toolstack.getOtherConfig(one.uuid)) }),
  );
  return new FakeHost(new FakeXapiDatabase({ ...pool, vms, vifs }), before.kernel.devices);
}

describe("restore of a VM that was halted when its VIF was disabled", () => {
  test("turns on the features that its settings have turned off since", async () => {
    const before = host();
    await before.disableFeatures("tso", "gro");
    const one = withDbRunning(before, 7);
    // As the toolstack leaves a device that it has plugged with ethtool-tso=off.
    const plugged = featureSet(KERNEL, {
      "tx-tcp-segmentation": "off",
      "tx-tcp6-segmentation": "off",
      "tx-scatter-gather": "on",
      "rx-gro": "on",
      "tx-tcp-mangleid-segmentation": "off fixed",
    });
    one.kernel.devices.set("vif7.0", plugged);
    await one.restore();
    expect(namesOf(KERNEL, one.kernel.devices.get("vif7.0")?.requested ?? [])).toEqual([
      "tx-scatter-gather",
      "rx-gro",
      "tx-tcp-segmentation",
      "tx-tcp6-segmentation",
    ]);
    expect(one.texts(db0.uuid)).toEqual([]);
  });

  test("keeps off what a setting kept off before", async () => {
    const before = host({
      ...POOL,
      vifs: [{ ...db0, otherConfig: config({ "ethtool-tso": "false" }) }],
    });
    await before.disableFeatures("tso", "sg");
    const one = withDbRunning(before, 7);
    const states = { "tx-tcp-segmentation": "off", "tx-scatter-gather": "off" } as const;
    one.kernel.devices.set("vif7.0", featureSet(KERNEL, states));
    await one.restore();
    const { requested } = one.kernel.devices.get("vif7.0") ?? VIF_ON;
    expect(namesOf(KERNEL, requested)).toEqual(["tx-scatter-gather"]);
  });
});

describe("restore without state on disk", () => {
  test("restores settings and features after a reinstall from policy entries alone", async () => {
    const one = host();
    const before = one.requests();
    await one.disable();
    one.bits = new FakeKernelBitsStore(one.kernel);
    const { problems } = await one.restore();
    expect(problems).toEqual([]);
    expect(one.requests().get("eth0")).toEqual(before.get("eth0") ?? []);
    expect(one.kernel.kernel.getState(one.kernel.devices.get("vif3.0") ?? VIF_ON, "tso")).toBe("on");
  });

  test("restores the settings of a remote VM and keeps its policy entry", async () => {
    const one = host();
    await one.disable();
    const beta = new FakeHost(one.toolstack.database, {}, { host: BETA });
    const { problems } = await beta.restore();
    expect(problems.map(({ code, uuid }) => [code, uuid])).toEqual([["restore-on-other-host", web0.uuid]]);
    expect(one.settings(web0.uuid)).toEqual({ "ethtool-tx": "on", other: "kept" });
    expect(one.texts(web0.uuid)).toHaveLength(1);
    expect(one.texts(db0.uuid)).toEqual([]);
    await one.restore();
    expect(one.texts(web0.uuid)).toEqual([]);
  });

  test("turns on and names what the boot script turned off without a policy entry", async () => {
    const one = host();
    await one.disable();
    const off = one.kernel.devices.get("vif3.0") ?? VIF_ON;
    one.kernel.plug("vif3.0", off);
    for (const name of one.texts(web0.uuid)) one.toolstack.database.remove(web0.ref, name);
    one.offAtBoot = (iface) => (iface.kind === "vif" ? ["gro"] : []);
    const { notes } = await one.restore();
    expect(notes).toMatchObject([{ code: "original-unknown", device: "vif3.0" }]);
    expect(namesOf(KERNEL, one.kernel.devices.get("vif3.0")?.requested ?? [])).toEqual(["rx-gro"]);
  });
});
