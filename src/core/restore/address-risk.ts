import type { PifAddress } from "../inventory.ts";
import { joinAnd } from "../text.ts";

/** An address that a device has now. */
export interface LiveAddress {
  readonly device: string;
  /** `10.0.0.5`, or an IPv6 address in its shortest form. */
  readonly ip: string;
  readonly prefix: number;
}

/** What a plug configures: the bridge with the addresses of the record, and devices with none. */
export interface ReplugAddresses {
  readonly pifAddress: PifAddress;
  readonly bridge: string;
  readonly devices: readonly string[];
}

/**
 * The addresses that a plug would take away, as part of a sentence; null where it takes none. networkd
 * removes from the bridge what the record does not say, and everything from a NIC that is under a bridge
 * (network_server.ml set_ipv4_conf, set_ipv6_conf).
 */
export function describeAddressesAtRisk(
  { pifAddress, bridge, devices }: ReplugAddresses,
  liveAddresses: readonly LiveAddress[],
): string | null {
  const lost = liveAddresses.filter(
    ({ device, ip, prefix }) => devices.includes(device) || (device === bridge && !isPreserved(pifAddress, ip, prefix)),
  );
  if (lost.length === 0) return isHandSetUnderDhcp(pifAddress, bridge, liveAddresses) ? HAND_SET_RISK : null;
  const addresses = lost.map(({ device, ip, prefix }) => `${ip}/${prefix} of ${device}`);
  return `XAPI's record does not have the ${lost.length === 1 ? "address" : "addresses"} ${joinAnd(addresses)}, which a plug would remove`;
}

const HAND_SET_RISK = "its address is not that of XAPI's DHCP lease, and a plug might remove it";

/**
 * Where no DHCP client runs, networkd removes every address and starts one (network_server.ml
 * set_ipv4_conf): what XAPI does not know as a lease may have been set by hand.
 */
function isHandSetUnderDhcp({ mode, ip }: PifAddress, bridge: string, liveAddresses: readonly LiveAddress[]): boolean {
  const bridgeAddresses = liveAddresses.filter((address) => address.device === bridge && !isIpv6(address.ip));
  return mode === "DHCP" && bridgeAddresses.length > 0 && !bridgeAddresses.some((address) => address.ip === ip);
}

function isPreserved(pifAddress: PifAddress, ip: string, prefix: number): boolean {
  if (!isIpv6(ip)) {
    // A DHCP client that runs keeps its lease, and nothing else is removed.
    if (pifAddress.mode === "DHCP") return true;
    return pifAddress.mode === "Static" && pifAddress.ip === ip && computePrefixLength(pifAddress.netmask) === prefix;
  }
  switch (pifAddress.ipv6Mode) {
    case "DHCP":
    case "Autoconf":
      // It comes back from the network.
      return true;
    case "Static":
      return pifAddress.ipv6.some((address) => {
        const [configuredIp = "", length] = address.split("/");
        return shortenIpv6(configuredIp) === ip && Number(length) === prefix;
      });
    default:
      return false;
  }
}

function isIpv6(ip: string): boolean {
  return ip.includes(":");
}

/** The length of the prefix that a netmask stands for: 24 for `255.255.255.0`. */
export function computePrefixLength(netmask: string): number {
  const bits = netmask.split(".").map((byte) => Number(byte).toString(2).replaceAll("0", ""));
  return bits.join("").length;
}

/** An IPv6 address in its shortest form; what is none stays as it is. */
export function shortenIpv6(address: string): string {
  return URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? address;
}
