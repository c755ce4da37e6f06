import type { Device } from "./fixture/database.ts";

/** Where the peers of veth pairs go: a network namespace that the dom0 does not show. */
export type Peers = string | number;

/**
 * The lines of `ip -batch` that make devices. A NIC or vif is one end of a veth pair whose other end the
 * kernel creates straight in the hidden namespace; one queue each, which makes 2,000 of them five times
 * faster than a queue for each processor.
 */
export function creationBatch(devices: readonly Device[], peers: Peers, from = 0): string {
  return devices.map((device, n) => creation(device, `peer${from + n}`, peers).join("\n")).join("\n");
}

/** The devices that are veth pairs, whose features need a touch to be those of a dom0's. */
export function pairs(devices: readonly Device[]): Device[] {
  return devices.filter(({ kind }) => kind === "nic" || kind === "vif");
}

/** The lines of `ip -batch` that bring the hidden ends of NICs up, so that the NICs have a carrier. */
export function peerBatch(devices: readonly Device[], from = 0): string {
  return devices
    .flatMap((device, n) => (device.kind === "nic" || device.kind === "vif" ? [`link set peer${from + n} up`] : []))
    .join("\n");
}

function creation({ name, kind, mac, address }: Device, peer: string, peers: Peers): string[] {
  const queues = "numtxqueues 1 numrxqueues 1";
  const veth = `link add name ${name} address ${mac} ${queues} type veth peer name ${peer} ${queues} netns ${peers}`;
  switch (kind) {
    case "nic":
    case "vif":
      return [veth, `link set ${name} up`];
    case "bridge":
      return [
        `link add name ${name} address ${mac} type bridge`,
        `link set ${name} up`,
        ...(address === undefined ? [] : [`address add ${address} dev ${name}`]),
      ];
    case "loopback":
      // The only device at hand with features that are on and fixed is lo, so it plays the NIC.
      // A NIC has no 127.0.0.1, which a plug would take away.
      return [`link set lo name ${name}`, `link set ${name} up`, `address flush dev ${name}`];
    case "tap":
    case "requested-on-vif":
      // A tap nobody has opened has the features a vif has before its guest connects: "off [requested on]".
      return [`tuntap add dev ${name} mode tap vnet_hdr`, `link set ${name} address ${mac}`];
  }
}
