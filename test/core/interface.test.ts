import { describe, expect, test } from "bun:test";
import { formatInterfaceName, getUuid, listInterfaceDevices, locateVif } from "../../src/core/interface.ts";
import { ALPHA, BETA, guest, haltedVm, nic, pif, vif, vm } from "../builders/hosts.ts";

const NO_DEVICES: ReadonlySet<string> = new Set();
const web = vm("web", { domid: 7 });

describe("locateVif", () => {
  test("returns local while the VM is resident on this host", () => {
    expect(locateVif(vif(web, "0"), ALPHA.uuid)).toEqual({ kind: "local", domid: 7 });
  });

  test("returns local for a paused VM, whose devices stay", () => {
    const paused = vm("web", { domid: 7, powerState: "Paused" });
    expect(locateVif(vif(paused, "0"), ALPHA.uuid)).toEqual({ kind: "local", domid: 7 });
  });

  test("returns remote for a VM on another host, whatever its domid", () => {
    const away = vm("away", { domid: 7, residentOn: BETA });
    expect(locateVif(vif(away, "0"), ALPHA.uuid)).toEqual({ kind: "remote", host: "beta" });
  });

  test.each(["Halted", "Suspended"])("returns none when the VM is %s", (powerState) => {
    const asleep = haltedVm("asleep", { powerState });
    const reason = `its VM is ${powerState.toLowerCase()}`;
    expect(locateVif(vif(asleep, "0"), ALPHA.uuid)).toEqual({ kind: "none", reason });
  });

  test("returns none for a suspended VM that keeps currently_attached and a domid", () => {
    const asleep = vm("asleep", { powerState: "Suspended", domid: 7 });
    expect(locateVif(vif(asleep, "0", { attached: true }), ALPHA.uuid).kind).toBe("none");
  });

  test("returns none for an unplugged VIF", () => {
    expect(locateVif(vif(web, "0", { attached: false }), ALPHA.uuid)).toEqual({
      kind: "none",
      reason: "it is unplugged",
    });
  });

  test("returns none on an SR-IOV network, which uses no netback device", () => {
    expect(locateVif(vif(web, "0", { sriov: true }), ALPHA.uuid)).toEqual({
      kind: "none",
      reason: "it is on an SR-IOV network",
    });
  });
});

describe("listing the devices of an interface", () => {
  test("takes a NIC's name from its PIF, whatever it looks like", () => {
    for (const name of ["eth0", "eno12429np0", "side-1-eth0"]) {
      expect(listInterfaceDevices(nic(pif(name)), NO_DEVICES)).toEqual([{ name, isMain: true }]);
    }
  });

  test("names a VIF vif<domid>.<device>", () => {
    expect(listInterfaceDevices(guest(vif(web, "2")), NO_DEVICES)).toEqual([{ name: "vif7.2", isMain: true }]);
  });

  test("includes the tap of an emulated NIC, which has no settings", () => {
    const existing = new Set(["vif7.0", "tap7.0", "tap7.1"]);
    expect(listInterfaceDevices(guest(vif(web, "0")), existing)).toEqual([
      { name: "vif7.0", isMain: true },
      { name: "tap7.0", isMain: false },
    ]);
  });

  test("returns none for a remote VIF, even if a local device has that name", () => {
    const existing = new Set(["vif7.0", "tap7.0"]);
    const away = vm("away", { domid: 7, residentOn: BETA });
    expect(listInterfaceDevices(guest(vif(away, "0")), existing)).toEqual([]);
    expect(listInterfaceDevices(guest(vif(web, "0", { attached: false })), existing)).toEqual([]);
  });

  test("returns an unmanaged device itself", () => {
    expect(listInterfaceDevices({ kind: "unmanaged", device: "eth9", deviceKind: "pif" }, NO_DEVICES)).toEqual([
      { name: "eth9", isMain: true },
    ]);
  });
});

describe("naming an interface in messages", () => {
  test("uses its device if it has one", () => {
    expect(formatInterfaceName(nic(pif("eth0")))).toBe("eth0");
    expect(formatInterfaceName(guest(vif(web, "1")))).toBe("vif7.1 (web)");
    expect(formatInterfaceName({ kind: "unmanaged", device: "tap3.0", deviceKind: "vif" })).toBe("tap3.0");
  });

  test("uses its VM and number if it has no device", () => {
    expect(formatInterfaceName(guest(vif(haltedVm("db"), "1")))).toBe('VIF 1 of "db"');
  });
});

test("gives a UUID only to what XAPI knows", () => {
  const [eth0, vif0] = [pif("eth0"), vif(web, "0")];
  expect(getUuid(nic(eth0))).toBe(eth0.uuid);
  expect(getUuid(guest(vif0))).toBe(vif0.uuid);
  expect(getUuid({ kind: "unmanaged", device: "eth0", deviceKind: "pif" })).toBeNull();
});
