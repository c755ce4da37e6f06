import { describe, expect, test } from "bun:test";
import { formatInterfaceName, getUuid, listInterfaceDevices, locateVif } from "../../src/core/interface.ts";
import { ALPHA, BETA, guest, haltedVm, nic, pif, vif, vm } from "../builders/hosts.ts";

const NOTHING: ReadonlySet<string> = new Set();
const web = vm("web", { domid: 7 });

describe("where the device of a VIF is", () => {
  test("here, while its VM is resident on this host", () => {
    expect(locateVif(vif(web, "0"), ALPHA.uuid)).toEqual({ kind: "local", domid: 7 });
  });

  test("here, when the VM is paused: its devices stay", () => {
    const paused = vm("web", { domid: 7, powerState: "Paused" });
    expect(locateVif(vif(paused, "0"), ALPHA.uuid)).toEqual({ kind: "local", domid: 7 });
  });

  test("on the other host, whatever its domid: domids repeat between hosts", () => {
    const away = vm("away", { domid: 7, residentOn: BETA });
    expect(locateVif(vif(away, "0"), ALPHA.uuid)).toEqual({ kind: "remote", host: "beta" });
  });

  test.each(["Halted", "Suspended"])("nowhere, when the VM is %s", (powerState) => {
    const asleep = haltedVm("asleep", { powerState });
    const reason = `its VM is ${powerState.toLowerCase()}`;
    expect(locateVif(vif(asleep, "0"), ALPHA.uuid)).toEqual({ kind: "none", reason });
  });

  test("nowhere, when the VM is suspended but says currently_attached and keeps a domid", () => {
    const asleep = vm("asleep", { powerState: "Suspended", domid: 7 });
    expect(locateVif(vif(asleep, "0", { attached: true }), ALPHA.uuid).kind).toBe("none");
  });

  test("nowhere, when it is unplugged", () => {
    expect(locateVif(vif(web, "0", { attached: false }), ALPHA.uuid)).toEqual({
      kind: "none",
      reason: "it is unplugged",
    });
  });

  test("nowhere, on an SR-IOV network: such a VIF has no netback device", () => {
    expect(locateVif(vif(web, "0", { sriov: true }), ALPHA.uuid)).toEqual({
      kind: "none",
      reason: "it is on an SR-IOV network",
    });
  });
});

describe("the devices of an interface", () => {
  test("of a NIC: what its PIF record says, whatever the name looks like", () => {
    for (const name of ["eth0", "eno12429np0", "side-1-eth0"]) {
      expect(listInterfaceDevices(nic(pif(name)), NOTHING)).toEqual([{ name, isMain: true }]);
    }
  });

  test("of a VIF: vif<domid>.<device>", () => {
    expect(listInterfaceDevices(guest(vif(web, "2")), NOTHING)).toEqual([{ name: "vif7.2", isMain: true }]);
  });

  test("of a VIF with an emulated NIC: the tap too, which has no records", () => {
    const existing = new Set(["vif7.0", "tap7.0", "tap7.1"]);
    expect(listInterfaceDevices(guest(vif(web, "0")), existing)).toEqual([
      { name: "vif7.0", isMain: true },
      { name: "tap7.0", isMain: false },
    ]);
  });

  test("of a VIF that is not here: none, even though this host has a device of that name", () => {
    const existing = new Set(["vif7.0", "tap7.0"]);
    const away = vm("away", { domid: 7, residentOn: BETA });
    expect(listInterfaceDevices(guest(vif(away, "0")), existing)).toEqual([]);
    expect(listInterfaceDevices(guest(vif(web, "0", { attached: false })), existing)).toEqual([]);
  });

  test("of a bare device: itself", () => {
    expect(listInterfaceDevices({ kind: "unmanaged", device: "eth9", deviceKind: "pif" }, NOTHING)).toEqual([
      { name: "eth9", isMain: true },
    ]);
  });
});

describe("how messages call an interface", () => {
  test("by its device where it has one", () => {
    expect(formatInterfaceName(nic(pif("eth0")))).toBe("eth0");
    expect(formatInterfaceName(guest(vif(web, "1")))).toBe("vif7.1");
    expect(formatInterfaceName({ kind: "unmanaged", device: "tap3.0", deviceKind: "vif" })).toBe("tap3.0");
  });

  test("by its VM and number where it has none", () => {
    expect(formatInterfaceName(guest(vif(haltedVm("db"), "1")))).toBe('VIF 1 of "db"');
  });
});

test("only what XAPI knows has a UUID", () => {
  const [eth0, vif0] = [pif("eth0"), vif(web, "0")];
  expect(getUuid(nic(eth0))).toBe(eth0.uuid);
  expect(getUuid(guest(vif0))).toBe(vif0.uuid);
  expect(getUuid({ kind: "unmanaged", device: "eth0", deviceKind: "pif" })).toBeNull();
});
