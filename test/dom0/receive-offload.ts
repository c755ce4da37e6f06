import { dlopen, ptr } from "bun:ffi";

/**
 * Turns receive coalescing on for the devices named in a file, one a line. A new veth has it off; a vif of
 * netback and a NIC that networkd has configured have it on. Thousands of ethtool processes would take
 * longer than the rest of a dom0. The numbers are those of linux/sockios.h and linux/ethtool.h.
 */
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_SGRO = 0x2c;

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["int", "int", "int"], returns: "int" },
  ioctl: { args: ["int", "u64", "ptr"], returns: "int" },
});

const socket = libc.socket(AF_INET, SOCK_DGRAM, 0);
const names = await Bun.file(process.argv[2] ?? "").text();
for (const name of names.split("\n").filter((line) => line !== "")) {
  const value = new Uint32Array([ETHTOOL_SGRO, 1]);
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode(name).subarray(0, 15));
  new DataView(request.buffer).setBigUint64(16, BigInt(ptr(value)), true);
  if (libc.ioctl(socket, SIOCETHTOOL, ptr(request)) !== 0) {
    throw new Error(`receive coalescing of ${name} did not come on`);
  }
}
