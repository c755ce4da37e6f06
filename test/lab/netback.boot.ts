import { describe, expect } from "bun:test";
import { ALL_NICS_OFF, listChangeableOn, listNicFeaturesOn } from "./features.ts";
import { Guest } from "./guest.ts";
import { machineTests } from "./machine-tests.ts";

/** What a connected vif has on at first (the captures of test/fixtures/netback), RX apart, which is fixed. */
const VIF_AT_FIRST = [
  "tx-checksum-ipv4",
  "tx-checksum-ipv6",
  "tx-scatter-gather",
  "tx-scatter-gather-fraglist",
  "tx-tcp-segmentation",
  "tx-tcp6-segmentation",
  "generic-segmentation-offload",
  "generic-receive-offload",
];

const RX_FIXED = { active: true, fixed: true };

describe("a Xen dom0 with a guest", () => {
  const lab = machineTests({ kind: "xen", units: "absent" });
  let guest: Guest;

  lab.test("is a dom0", async (dom0) => {
    expect(await dom0.machine.text(["cat", "/proc/xen/capabilities"])).toContain("control_d");
    guest = new Guest(dom0, dom0.fixture.vm("web 1"));
  });

  lab.test("connects the guest's vif with its offloads on", async ({ machine }) => {
    await guest.start();
    const features = await machine.ethtool(guest.vif);
    expect(listChangeableOn(features).sort()).toEqual([...VIF_AT_FIRST].sort());
    expect(features.get("rx-checksumming")).toMatchObject(RX_FIXED);
  });

  lab.test("disable VM turns off what netback can turn off, and leaves nothing requested on", async (dom0) => {
    const nics = await listNicFeaturesOn(dom0.machine);
    const run = await dom0.machine.offload("disable", guest.name);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    const features = await dom0.machine.ethtool(guest.vif);
    expect(listChangeableOn(features)).toEqual([]);
    expect(features.get("rx-checksumming")).toMatchObject(RX_FIXED);
    // Other devices are none of this command's business.
    expect(await listNicFeaturesOn(dom0.machine)).toEqual(nics);
    const { VIF } = await dom0.database();
    const record = VIF?.[guest.records.ref];
    expect(record?.["other_config"]).toMatchObject({ "ethtool-tx": "off", "ethtool-tso": "off" });
  });

  lab.test("gives a rebooted guest a new vif with its offloads on", async ({ machine }) => {
    const domid = guest.domid;
    await guest.reboot();
    expect(guest.domid).toBeGreaterThan(domid);
    expect(listChangeableOn(await machine.ethtool(guest.vif)).sort()).toEqual([...VIF_AT_FIRST].sort());
  });

  lab.test("disable ALL turns off the NICs and the new vif", async ({ machine }) => {
    const run = await machine.offload("disable", "ALL", "--yes");
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(listChangeableOn(await machine.ethtool(guest.vif))).toEqual([]);
    expect(await listNicFeaturesOn(machine)).toEqual(ALL_NICS_OFF);
  });
});
