import { ptr } from "bun:ffi";
import { existsSync, readFileSync } from "node:fs";
import { computePrefixLength, type LiveAddress, shortenIpv6 } from "../core/restore/address-risk.ts";
import { IF_INET6_PATH } from "../paths.ts";
import { EthtoolSocket } from "./ethtool-socket.ts";

// linux/sockios.h
const SIOCGIFCONF = 0x8912;
const SIOCGIFNETMASK = 0x891b;

/** struct ifreq on x86-64: 16 bytes of label, then a sockaddr_in whose address is its bytes 4 to 7. */
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;
const ADDRESS_OFFSET = IFNAMSIZ + 4;

/** struct ifconf on x86-64: the length of a buffer, and from byte 8 on its address. */
const IFCONF_BYTES = 16;

/** Of link-local addresses, as if_inet6 has it (net/ipv6.h IPV6_ADDR_LINKLOCAL). */
const LINK_LOCAL_SCOPE = "20";

/**
 * The addresses of all devices, but for IPv6's link-local ones, which every device has. Not through
 * node's networkInterfaces(), which leaves out devices without a carrier. Null where the kernel
 * does not say.
 */
export function readAddresses(): readonly LiveAddress[] | null {
  const ipv4 = readIpv4();
  return ipv4 === null ? null : [...ipv4, ...readIpv6()];
}

function readIpv4(): readonly LiveAddress[] | null {
  using socket = new EthtoolSocket();
  const ifconf = new DataView(new ArrayBuffer(IFCONF_BYTES));
  // Without a buffer the kernel answers how long one has to be.
  if (socket.ioctl(SIOCGIFCONF, ptr(ifconf)) !== 0) return null;
  const ifreqs = new Uint8Array(new ArrayBuffer(ifconf.getInt32(0, true) + IFREQ_BYTES));
  ifconf.setInt32(0, ifreqs.length, true);
  ifconf.setBigUint64(8, BigInt(ptr(ifreqs)), true);
  if (socket.ioctl(SIOCGIFCONF, ptr(ifconf)) !== 0) return null;
  const addresses: LiveAddress[] = [];
  for (let offset = 0; offset < ifconf.getInt32(0, true); offset += IFREQ_BYTES) {
    const ifreq = ifreqs.slice(offset, offset + IFREQ_BYTES);
    const label = new TextDecoder("latin1").decode(ifreq.subarray(0, IFNAMSIZ));
    // ifconfig's aliases are labels behind a colon: `xenbr0:1` is on xenbr0.
    const [device = ""] = label.split(/[:\0]/);
    const ip = ifreq.slice(ADDRESS_OFFSET, ADDRESS_OFFSET + 4).join(".");
    // The address stays in the structure: of several under one label the kernel takes that one.
    if (socket.ioctl(SIOCGIFNETMASK, ptr(ifreq)) !== 0) continue;
    const mask = ifreq.slice(ADDRESS_OFFSET, ADDRESS_OFFSET + 4).join(".");
    addresses.push({ device, ip, prefix: computePrefixLength(mask) });
  }
  return addresses;
}

/** Lines of address, index, length of the prefix, scope and flags in hexadecimal, and the device. */
function readIpv6(): readonly LiveAddress[] {
  // Without IPv6 in the kernel there is no such file.
  if (!existsSync(IF_INET6_PATH)) return [];
  const lines = readFileSync(IF_INET6_PATH, "utf8").trim().split("\n");
  return lines.flatMap((line): LiveAddress[] => {
    const [hex = "", , prefix = "", scope, , device] = line.trim().split(/\s+/);
    if (device === undefined || scope === LINK_LOCAL_SCOPE) return [];
    const ip = hex.replaceAll(/(.{4})(?=.)/g, "$1:");
    return [{ device, ip: shortenIpv6(ip), prefix: Number.parseInt(prefix, 16) }];
  });
}
