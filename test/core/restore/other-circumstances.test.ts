import { describe, expect, test } from "bun:test";
import type { Vif, Vm } from "../../../src/core/inventory.ts";
import { ALPHA, BETA, config, featureSet, KERNEL, namesOf, VIF_ON, withSettings } from "../../builders/hosts.ts";
import { FakeHost } from "../../fakes/change-host.ts";
import { FakeKernelBitsStore } from "../../fakes/stores.ts";
import { FakeXapiDatabase } from "../../fakes/toolstack.ts";
import { createHost, db, db0, POOL, web0 } from "./fixtures.ts";

/** The same XAPI after the halted VM has started on alpha, on a host that has restarted. */
function withDbRunning(before: FakeHost, domid: number): FakeHost {
  const running: Vm = { ...db, powerState: "Running", domid, residentOn: ALPHA };
  const plugged = (vif: Vif): Vif => (vif.vm.uuid === db.uuid ? { ...vif, vm: running, attached: true } : vif);
  const { pool } = before.toolstack.database;
  const vms = pool.vms.map((vm) => (vm.uuid === db.uuid ? running : vm));
  const vifs = pool.vifs.map((vif) =>
    plugged(withSettings(vif, { otherConfig: config(before.toolstack.getOtherConfig(vif.uuid)) })),
  );
  return new FakeHost(new FakeXapiDatabase({ ...pool, vms, vifs }), before.kernel.devices);
}

describe("restore of a VM that was halted when its VIF was disabled", () => {
  test("turns on the features that its settings have turned off since", async () => {
    const before = createHost();
    await before.disableFeatures("tso", "gro");
    const host = withDbRunning(before, 7);
    // As the toolstack leaves a device that it has plugged with ethtool-tso=off.
    const plugged = featureSet(KERNEL, {
      "tx-tcp-segmentation": "off",
      "tx-tcp6-segmentation": "off",
      "tx-scatter-gather": "on",
      "rx-gro": "on",
      "tx-tcp-mangleid-segmentation": "off fixed",
    });
    host.kernel.devices.set("vif7.0", plugged);
    await host.restore();
    expect(namesOf(KERNEL, host.kernel.devices.get("vif7.0")?.requested ?? [])).toEqual([
      "tx-scatter-gather",
      "rx-gro",
      "tx-tcp-segmentation",
      "tx-tcp6-segmentation",
    ]);
    expect(host.texts(db0.uuid)).toEqual([]);
  });

  test("keeps off what a setting kept off before", async () => {
    const before = createHost({
      ...POOL,
      vifs: [withSettings(db0, { otherConfig: config({ "ethtool-tso": "false" }) })],
    });
    await before.disableFeatures("tso", "sg");
    const host = withDbRunning(before, 7);
    const states = { "tx-tcp-segmentation": "off", "tx-scatter-gather": "off" } as const;
    host.kernel.devices.set("vif7.0", featureSet(KERNEL, states));
    await host.restore();
    const { requested } = host.kernel.devices.get("vif7.0") ?? VIF_ON;
    expect(namesOf(KERNEL, requested)).toEqual(["tx-scatter-gather"]);
  });
});

describe("restore without state on disk", () => {
  test("restores settings and features after a reinstall from policy entries alone", async () => {
    const host = createHost();
    const before = host.requests();
    await host.disable();
    host.bits = new FakeKernelBitsStore(host.kernel);
    const { problems } = await host.restore();
    expect(problems).toEqual([]);
    expect(host.requests().get("eth0")).toEqual(before.get("eth0") ?? []);
    expect((host.kernel.devices.get("vif3.0") ?? VIF_ON).state("tso")).toBe("on");
  });

  test("restores the settings of a remote VM and keeps its policy entry", async () => {
    const host = createHost();
    await host.disable();
    const beta = new FakeHost(host.toolstack.database, {}, { host: BETA });
    const { problems } = await beta.restore();
    expect(problems.map(({ code, uuid }) => [code, uuid])).toEqual([["restore-on-other-host", web0.uuid]]);
    expect(host.settings(web0.uuid)).toEqual({ "ethtool-tx": "on", other: "kept" });
    expect(host.texts(web0.uuid)).toHaveLength(1);
    expect(host.texts(db0.uuid)).toEqual([]);
    await host.restore();
    expect(host.texts(web0.uuid)).toEqual([]);
  });

  test("turns on and names what the boot script turned off without a policy entry", async () => {
    const host = createHost();
    await host.disable();
    const off = host.kernel.devices.get("vif3.0") ?? VIF_ON;
    host.kernel.plug("vif3.0", off);
    for (const name of host.texts(web0.uuid)) host.toolstack.database.remove(web0.ref, name);
    host.offAtBoot = (iface) => (iface.kind === "vif" ? ["gro"] : []);
    const { notes } = await host.restore();
    expect(notes).toMatchObject([{ code: "original-unknown", device: "vif3.0" }]);
    expect(namesOf(KERNEL, host.kernel.devices.get("vif3.0")?.requested ?? [])).toEqual(["rx-gro"]);
  });
});
