import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Dom0 } from "./dom0.ts";

let dom0: Dom0;
beforeAll(async () => {
  dom0 = await Dom0.start({ scenarios: ["coordinator"] });
});
afterAll(() => dom0.stop());

const tx = async (device: string) => (await dom0.ethtool(device)).get("tx-checksum-ip-generic")?.active;
const record = async (className: "VM" | "VIF", ref: string) =>
  (await dom0.simulator.database())[className]?.[ref] ?? {};
const vifsOf = async (ref: string) => {
  const { VIFs } = await record("VM", ref);
  return Array.isArray(VIFs) ? VIFs.map(String) : [];
};
const configOf = async (ref: string) => (await record("VIF", ref))["other_config"];

describe("xenopsd", () => {
  test("misses a change of a VIF until the next event of its VM", async () => {
    const [vm, vif] = [dom0.fixture.vm("web 1"), dom0.fixture.vif("web 1")];
    await dom0.simulator.set(["VIF", vif.ref, "other_config", { "ethtool-tx": "off" }]);
    expect((await dom0.guests.readXenopsdConfigs(vm))[vif.ref]).toEqual({});
    await dom0.simulator.set(["VM", vm.ref, "name_description", "any change"]);
    expect((await dom0.guests.readXenopsdConfigs(vm))[vif.ref]).toEqual({ "ethtool-tx": "off" });
  });

  test("applies its cached settings when a guest reboots itself, and those of XAPI on an API reboot", async () => {
    const [vm, vif] = [dom0.fixture.vm("db"), dom0.fixture.vif("db")];
    await dom0.simulator.set(["VIF", vif.ref, "other_config", { "ethtool-tx": "off" }]);
    const first = await dom0.guests.reboot(vm, { from: "guest" });
    expect(await dom0.interfaces()).not.toContain(vif.device ?? "");
    expect(await tx(`vif${first}.0`)).toBe(true);
    const second = await dom0.guests.reboot(vm, { from: "api" });
    expect(await tx(`vif${second}.0`)).toBe(false);
    expect(await record("VM", vm.ref)).toMatchObject({ domid: second });
  });

  test("applies the keys that vif-real reads, and no others", async () => {
    const [vm, vif] = [dom0.fixture.vm("pfSense"), dom0.fixture.vif("pfSense")];
    const config = { "ethtool-gro": "off", "ethtool-sg": "OFF", "ethtool-gso": "false" };
    await dom0.simulator.set(["VIF", vif.ref, "other_config", config]);
    const device = `vif${await dom0.guests.reboot(vm, { from: "api" })}.0`;
    const features = await dom0.ethtool(device);
    expect(features.get("generic-receive-offload")?.active).toBe(true);
    expect(features.get("tx-scatter-gather")?.active).toBe(true);
    expect(features.get("generic-segmentation-offload")?.active).toBe(false);
  });
});

describe("a VM", () => {
  test("has its devices and taps under another domid after a stop and a start", async () => {
    const vm = dom0.fixture.vm("mail é");
    await dom0.guests.shutdown(vm);
    expect(await dom0.interfaces()).not.toContain("tap3.0");
    expect(await record("VM", vm.ref)).toMatchObject({ power_state: "Halted", domid: -1 });
    const online: string[] = [];
    dom0.guests.onOnline = async (_, device) => void online.push(device);
    const domid = await dom0.guests.start(vm);
    dom0.guests.onOnline = undefined;
    expect(await dom0.interfaces()).toContain(`tap${domid}.0`);
    expect(online).toEqual([`vif${domid}.0`]);
  });

  test("takes its devices along when it migrates away", async () => {
    const vm = dom0.fixture.vm("web 1");
    const other = dom0.fixture.other ?? { ref: "" };
    const { domid } = await record("VM", vm.ref);
    await dom0.guests.migrate(vm, other);
    expect(await dom0.interfaces()).not.toContain(`vif${domid}.0`);
    expect((await record("VM", vm.ref))["resident_on"]).toBe(other.ref);
    const back = await dom0.guests.migrate(vm, dom0);
    expect(await dom0.interfaces()).toContain(`vif${back}.0`);
  });

  test("keeps other_config of its VIFs in clones, snapshots and exports, under other UUIDs", async () => {
    const vm = dom0.fixture.vm("backup");
    const [vif = ""] = await vifsOf(vm.ref);
    await dom0.simulator.set(["VIF", vif, "other_config", { "offload-1": "{}" }]);
    const copies = [
      await dom0.guests.clone(vm, "a clone"),
      await dom0.guests.snapshot(vm, "a snapshot"),
      await dom0.guests.import(await dom0.guests.export(vm)),
    ];
    for (const { ref } of copies) {
      const [copied = ""] = await vifsOf(ref);
      expect(await configOf(copied)).toEqual({ "offload-1": "{}" });
      expect((await record("VIF", copied))["uuid"]).not.toBe((await record("VIF", vif))["uuid"]);
      expect(await record("VM", ref)).toMatchObject({ power_state: "Halted", domid: -1 });
    }
    expect(await record("VM", copies[1]?.ref ?? "")).toMatchObject({
      is_a_template: true,
      is_a_snapshot: true,
      snapshot_of: vm.ref,
    });
  });

  test("has other VIFs after a revert, with the settings of the snapshot", async () => {
    const vm = dom0.fixture.vm("db");
    const snapshot = await dom0.guests.snapshot(vm, "before");
    const [vif = ""] = await vifsOf(vm.ref);
    await dom0.simulator.set(["VIF", vif, "other_config", { later: "1" }]);
    await dom0.guests.revert(snapshot);
    const [reverted = ""] = await vifsOf(vm.ref);
    expect(reverted).not.toBe(vif);
    expect(await configOf(reverted)).toEqual({ "ethtool-tx": "off" });
    expect(await record("VIF", vif)).toEqual({});
    expect(await record("VM", vm.ref)).toMatchObject({ power_state: "Halted", domid: -1 });
  });

  test("keeps its settings when it is imported into another pool, on an existing network", async () => {
    await using elsewhere = await Dom0.start({ nics: 1, vms: 0, seed: 2 });
    const exported = await dom0.guests.export(dom0.fixture.vm("backup"));
    const { ref } = await elsewhere.guests.import(exported);
    const { VM = {}, VIF = {}, network = {} } = await elsewhere.simulator.database();
    const vif = Object.values(VIF).find((one) => one["VM"] === ref);
    expect(VM[ref]).toMatchObject({ name_label: "backup" });
    expect(vif?.["other_config"]).toEqual({ "offload-1": "{}" });
    expect(Object.keys(network)).toContain(String(vif?.["network"]));
  });
});
