import { dlopen, ptr } from "bun:ffi";
import { closeSync, openSync } from "node:fs";

/**
 * What a guest does to its vif when its frontend connects: from then on the backend may do the offloads
 * that were requested. Run inside the dom0 with the name of a tap; linux/if_tun.h has the numbers.
 */
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TAP_NO_PI_VNET_HDR = 0x0002 | 0x1000 | 0x4000;
const CHECKSUM_TSO4_TSO6_ECN = 0x01 | 0x02 | 0x04 | 0x08;

const pointing = dlopen("libc.so.6", {
  ioctl: { args: ["int", "u64", "ptr"], returns: "int" },
});
const counting = dlopen("libc.so.6", {
  ioctl: { args: ["int", "u64", "u64"], returns: "int" },
});

function connect(device: string): void {
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode(device).subarray(0, 15));
  new DataView(request.buffer).setUint16(16, IFF_TAP_NO_PI_VNET_HDR, true);
  const tun = openSync("/dev/net/tun", "r+");
  try {
    if (pointing.symbols.ioctl(tun, TUNSETIFF, ptr(request)) !== 0) {
      throw new Error(`${device} is not a tap of this dom0, or somebody has it open`);
    }
    if (counting.symbols.ioctl(tun, TUNSETOFFLOAD, CHECKSUM_TSO4_TSO6_ECN) !== 0) {
      throw new Error(`the kernel refused the offloads of ${device}`);
    }
  } finally {
    closeSync(tun);
  }
}

connect(process.argv[2] ?? "");
