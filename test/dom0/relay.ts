import { dlopen, ptr } from "bun:ffi";

/**
 * A guest that forwards Ethernet frames between two devices, as a firewall behind a VIF does, and makes one of the
 * mistakes that offloads bring to light: `relay.ts DEVICE DEVICE MISTAKE`.
 *
 * `drops-long`: a frame that is longer than the MTU, which only a sender that leaves segmentation to the device makes,
 * is lost; checksums that were left to the device are computed. `keeps-checksums`: what is in the checksum field is
 * sent on, though it was left to the device. `drops-all`: nothing gets through, whatever the sender does.
 */
const [from = "", to = "", mistake = ""] = process.argv.slice(2);

// linux/if_ether.h, linux/if_packet.h, bits/socket.h, poll.h
const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 0x0003;
const PACKET_OUTGOING = 4;
const SOCKADDR_LL_BYTES = 20;
const READABLE = 1;
const MTU = 1500;
const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const IPPROTO_TCP = 6;

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["int", "int", "int"], returns: "int" },
  bind: { args: ["int", "ptr", "u32"], returns: "int" },
  if_nametoindex: { args: ["ptr"], returns: "u32" },
  poll: { args: ["ptr", "u64", "int"], returns: "int" },
  recvfrom: { args: ["int", "ptr", "u64", "int", "ptr", "ptr"], returns: "i64" },
  send: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
});

/** A socket that sees every frame of a device, and sends there. */
function openDevice(name: string): number {
  const index = libc.if_nametoindex(ptr(new TextEncoder().encode(`${name}\0`)));
  const fd = libc.socket(AF_PACKET, SOCK_RAW, (ETH_P_ALL << 8) | (ETH_P_ALL >> 8));
  const address = new DataView(new ArrayBuffer(SOCKADDR_LL_BYTES));
  address.setUint16(0, AF_PACKET, true);
  address.setUint16(2, ETH_P_ALL);
  address.setInt32(4, index, true);
  if (index === 0 || fd < 0 || libc.bind(fd, ptr(address), SOCKADDR_LL_BYTES) !== 0) {
    throw new Error(`cannot open ${name}`);
  }
  return fd;
}

/** The checksum of RFC 1071 over some bytes and a sum that is known already. */
function computeChecksum(bytes: DataView, start: number, end: number, initial: number): number {
  let sum = initial;
  for (let at = start; at + 1 < end; at += 2) sum += bytes.getUint16(at);
  if ((end - start) % 2 === 1) sum += bytes.getUint8(end - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Computes the checksum of a TCP segment over IPv4, as the device of its sender should have done. */
function computeTcpChecksum(frame: DataView, length: number): void {
  if (length < ETHERNET_BYTES + 40 || frame.getUint16(12) !== ETHERTYPE_IPV4) return;
  const headerBytes = (frame.getUint8(ETHERNET_BYTES) & 0x0f) * 4;
  if (frame.getUint8(ETHERNET_BYTES + 9) !== IPPROTO_TCP) return;
  const tcp = ETHERNET_BYTES + headerBytes;
  const end = ETHERNET_BYTES + frame.getUint16(ETHERNET_BYTES + 2);
  let pseudoHeader = IPPROTO_TCP + (end - tcp);
  for (let at = ETHERNET_BYTES + 12; at < ETHERNET_BYTES + 20; at += 2) pseudoHeader += frame.getUint16(at);
  frame.setUint16(tcp + 16, 0);
  frame.setUint16(tcp + 16, computeChecksum(frame, tcp, end, pseudoHeader));
}

const sockets = [openDevice(from), openDevice(to)] as const;
const frame = new DataView(new ArrayBuffer(1 << 17));
const source = new DataView(new ArrayBuffer(SOCKADDR_LL_BYTES));
const sourceLength = new Uint32Array(1);
const polled = new DataView(new ArrayBuffer(16));

function forward(receive: number, send: number): void {
  sourceLength[0] = SOCKADDR_LL_BYTES;
  const length = Number(libc.recvfrom(receive, ptr(frame), frame.byteLength, 0, ptr(source), ptr(sourceLength)));
  // What this end has sent itself is no frame to forward.
  if (length <= 0 || source.getUint8(10) === PACKET_OUTGOING) return;
  if (mistake === "drops-all" || length > MTU + ETHERNET_BYTES) return;
  if (mistake === "drops-long") computeTcpChecksum(frame, length);
  libc.send(send, ptr(frame), length, 0);
}

console.log("ready");
for (;;) {
  for (const [index, fd] of sockets.entries()) {
    polled.setInt32(index * 8, fd, true);
    polled.setInt16(index * 8 + 4, READABLE, true);
  }
  libc.poll(ptr(polled), 2, -1);
  const [first, second] = sockets;
  if ((polled.getInt16(6, true) & READABLE) !== 0) forward(first, second);
  if ((polled.getInt16(14, true) & READABLE) !== 0) forward(second, first);
}
