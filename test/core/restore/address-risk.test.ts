import { describe, expect, test } from "bun:test";
import type { PifAddress } from "../../../src/core/inventory.ts";
import {
  computePrefixLength,
  describeAddressesAtRisk,
  type LiveAddress,
  shortenIpv6,
} from "../../../src/core/restore/address-risk.ts";

const NONE: PifAddress = { mode: "None", ip: "", netmask: "", ipv6Mode: "None", ipv6: [] };
const STATIC: PifAddress = {
  ...NONE,
  mode: "Static",
  ip: "10.0.0.5",
  netmask: "255.255.255.0",
};

function address(text: string, device = "xenbr1"): LiveAddress {
  const [ip = "", prefix] = text.split("/");
  return { device, ip, prefix: Number(prefix) };
}

function risk(pifAddress: PifAddress, ...live: readonly LiveAddress[]): string | null {
  return describeAddressesAtRisk({ pifAddress, bridge: "xenbr1", devices: ["eth1", "eth2"] }, live);
}

describe("a plug takes no address away", () => {
  test("if there is none", () => {
    expect(risk(NONE)).toBeNull();
    expect(risk(STATIC)).toBeNull();
    expect(risk({ ...NONE, mode: "DHCP" })).toBeNull();
  });

  test("if the PIF has the live address", () => {
    expect(risk(STATIC, address("10.0.0.5/24"))).toBeNull();
    const ipv6 = { ...NONE, ipv6Mode: "Static", ipv6: ["FD00:0::0005/64"] };
    expect(risk(ipv6, address("fd00::5/64"))).toBeNull();
  });

  test("if it comes back from the network", () => {
    expect(risk({ ...NONE, mode: "DHCP", ip: "10.0.0.9" }, address("10.0.0.9/24"))).toBeNull();
    expect(risk({ ...NONE, ipv6Mode: "Autoconf" }, address("fd00::5/64"))).toBeNull();
    expect(risk({ ...NONE, ipv6Mode: "DHCP" }, address("fd00::5/64"))).toBeNull();
  });

  test("if it belongs to another device", () => {
    expect(risk(NONE, address("10.0.0.9/24", "xenbr0"), address("::1/128", "lo"))).toBeNull();
  });
});

describe("a plug takes an address away", () => {
  test.each([
    ["IPv4", NONE, "10.0.0.9/24"],
    ["IPv6", NONE, "fd00::9/64"],
    ["another than the record's", STATIC, "10.0.0.9/24"],
    ["the record's with another netmask", STATIC, "10.0.0.5/16"],
    ["IPv6 where only IPv4 is static", STATIC, "fd00::9/64"],
    ["another IPv6", { ...NONE, ipv6Mode: "Static", ipv6: ["fd00::5/64"] }, "fd00::9/64"],
    ["another length", { ...NONE, ipv6Mode: "Static", ipv6: ["fd00::5/48"] }, "fd00::5/64"],
  ])("if it was set on the bridge by hand: %s", (_, record, live) => {
    expect(risk(record, address(live))).toBe(
      `XAPI's record does not have the address ${live} of xenbr1, which a plug would remove`,
    );
  });

  test("if it exists beside that of the PIF", () => {
    expect(risk(STATIC, address("10.0.0.5/24"), address("10.0.0.9/24"))).toContain("10.0.0.9/24");
  });

  test("if it is on a NIC under the bridge", () => {
    const live = [address("10.0.0.5/24", "eth2"), address("fd00::9/64", "eth1")];
    expect(risk(STATIC, ...live)).toBe(
      "XAPI's record does not have the addresses 10.0.0.5/24 of eth2 and fd00::9/64 of eth1, which a plug would remove",
    );
  });

  test("if it is not from XAPI's lease", () => {
    const dhcp = { ...NONE, mode: "DHCP", ip: "10.0.0.7" };
    expect(risk(dhcp, address("10.0.0.9/24"))).toContain("not that of XAPI's DHCP lease");
    expect(risk(dhcp, address("10.0.0.7/24"), address("10.0.0.9/24"))).toBeNull();
  });
});

test("compares a netmask by its prefix length", () => {
  const masks = ["255.255.255.0", "255.255.255.255", "255.240.0.0", "0.0.0.0", ""];
  expect(masks.map(computePrefixLength)).toEqual([24, 32, 12, 0, 0]);
});

test("compares IPv6 addresses in their shortest form", () => {
  expect(shortenIpv6("fd00:0000:0000:0000:0000:0000:0000:0005")).toBe("fd00::5");
  expect(shortenIpv6("FD00::5")).toBe("fd00::5");
  expect(shortenIpv6("nonsense")).toBe("nonsense");
});
