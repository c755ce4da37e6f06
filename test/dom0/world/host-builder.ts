import type { Database, Entity, Host, Pif } from "./database.ts";
import type { Identity } from "./identity.ts";
import { hostRecord, poolRecord } from "./record-host.ts";
import type { NetworkRecord } from "./record-network.ts";
import {
  bondRecord,
  networkRecord,
  pifRecord,
  sriovRecord,
  tunnelRecord,
  vlanRecord,
} from "./record-network.ts";

/** A network of the world. */
export type Network = Entity<NetworkRecord>;

/**
 * The bridge of a NIC. xapi's `bridge_naming_convention`: `ethN` gets `xenbrN`, any other name `br<name>`.
 */
function bridgeOf(device: string): string {
  return device.startsWith("eth") ? `xenbr${device.slice(3)}` : `br${device}`;
}

/** Puts hosts, NICs and what is built on NICs into a database, with the references both ways. */
export class HostBuilder {
  private bridges = 0;

  constructor(
    private readonly database: Database,
    private readonly identity: Identity,
  ) {}

  host(name: string, address: string): Host {
    const host = {
      ref: this.identity.ref(`host ${name}`),
      record: {
        ...hostRecord(),
        uuid: this.identity.uuid(`host ${name}`),
        name_label: name,
        hostname: name,
        address,
      },
    };
    this.database.host[host.ref] = host.record;
    return host;
  }

  pool(name: string, master: Host): void {
    this.database.pool[this.identity.ref("pool")] = {
      ...poolRecord(),
      uuid: this.identity.uuid("pool"),
      name_label: name,
      master: master.ref,
    };
  }

  /** A network; the same name gives the same one, which is how hosts of a pool share networks. */
  network(name: string, bridge?: string): Network {
    const ref = this.identity.ref(`network ${name}`);
    const existing = this.database.network[ref];
    if (existing !== undefined) return { ref, record: existing };
    const record = {
      ...networkRecord(),
      uuid: this.identity.uuid(`network ${name}`),
      name_label: name,
      bridge: bridge ?? `xapi${this.bridges++}`,
    };
    this.database.network[ref] = record;
    return { ref, record };
  }

  /** The network a PIF is on. */
  networkOf(pif: Pif): Network {
    const record = this.database.network[pif.record.network];
    if (record === undefined) throw new Error(`${pif.record.device} is on no network`);
    return { ref: pif.record.network, record };
  }

  /** A physical NIC with its network. */
  nic(host: Host, device: string): Pif {
    const network = this.network(`Pool-wide network associated with ${device}`, bridgeOf(device));
    return this.pif(host, device, network, device);
  }

  /** Makes a NIC the management interface: it carries the host's address. */
  manage(pif: Pif, host: Host): void {
    pif.record.management = true;
    pif.record.ip_configuration_mode = "Static";
    pif.record.IP = host.record.address;
    pif.record.netmask = "255.255.255.0";
    pif.record.gateway = host.record.address.replace(/\d+$/, "1");
  }

  /** A bond. With Open vSwitch its master has a PIF and no device in the kernel. */
  bond(host: Host, device: string, first: Pif, second: Pif): Pif {
    const slaves = [first, second];
    const master = this.pif(host, device, this.network(`Bond of ${device}`), device);
    const ref = this.identity.ref(`bond ${host.ref} ${device}`);
    master.record.physical = false;
    master.record.MAC = first.record.MAC;
    master.record.bond_master_of.push(ref);
    for (const slave of slaves) {
      slave.record.bond_slave_of = ref;
      // A slave is attached by its bond only (recordings-design).
      slave.record.currently_attached = false;
    }
    this.database.Bond[ref] = {
      ...bondRecord(),
      uuid: this.identity.uuid(`bond ${host.ref} ${device}`),
      master: master.ref,
      slaves: slaves.map((slave) => slave.ref),
      primary_slave: first.ref,
    };
    return master;
  }

  /** A VLAN. Its PIF bears the device name of the PIF under it. */
  vlan(host: Host, under: Pif, tag: number): Network {
    const device = under.record.device;
    const network = this.network(`VLAN ${tag}`);
    const pif = this.pif(host, device, network, `${device}.${tag}`);
    const ref = this.identity.ref(`vlan ${pif.ref}`);
    pif.record.physical = false;
    pif.record.MAC = under.record.MAC;
    pif.record.VLAN = tag;
    pif.record.VLAN_master_of = ref;
    pif.record.properties = {};
    under.record.VLAN_slave_of.push(ref);
    this.database.VLAN[ref] = {
      ...vlanRecord(),
      uuid: this.identity.uuid(`vlan ${pif.ref}`),
      tagged_PIF: under.ref,
      untagged_PIF: pif.ref,
      tag,
    };
    return network;
  }

  /** A tunnel. xapi calls the device of an access PIF `tunnelN` (`xapi_tunnel.ml`). */
  tunnel(host: Host, transport: Pif): Network {
    const network = this.network("Private tunnel");
    const access = this.pif(host, "tunnel0", network, "tunnel0");
    const ref = this.identity.ref(`tunnel ${access.ref}`);
    access.record.physical = false;
    access.record.tunnel_access_PIF_of.push(ref);
    access.record.properties = {};
    transport.record.tunnel_transport_PIF_of.push(ref);
    this.database.tunnel[ref] = {
      ...tunnelRecord(),
      uuid: this.identity.uuid(`tunnel ${access.ref}`),
      access_PIF: access.ref,
      transport_PIF: transport.ref,
    };
    return network;
  }

  /** An SR-IOV network. Its logical PIF bears the device name of the NIC (`xapi_network_sriov.ml`). */
  sriov(host: Host, physical: Pif): Network {
    const device = physical.record.device;
    const network = this.network("SR-IOV");
    const logical = this.pif(host, device, network, `${device} sriov`);
    const ref = this.identity.ref(`sriov ${logical.ref}`);
    logical.record.physical = false;
    logical.record.MAC = physical.record.MAC;
    logical.record.properties = {};
    logical.record.sriov_logical_PIF_of.push(ref);
    physical.record.sriov_physical_PIF_of.push(ref);
    physical.record.capabilities.push("sriov");
    this.database.network_sriov[ref] = {
      ...sriovRecord(),
      uuid: this.identity.uuid(`sriov ${logical.ref}`),
      physical_PIF: physical.ref,
      logical_PIF: logical.ref,
    };
    return network;
  }

  private pif(host: Host, device: string, network: Network, label: string): Pif {
    const name = `pif ${host.ref} ${label}`;
    const record = {
      ...pifRecord(),
      uuid: this.identity.uuid(name),
      device,
      network: network.ref,
      host: host.ref,
      MAC: this.identity.mac(name),
      metrics: this.identity.ref(`metrics ${name}`),
    };
    const ref = this.identity.ref(name);
    this.database.PIF[ref] = record;
    host.record.PIFs.push(ref);
    network.record.PIFs.push(ref);
    return { ref, record };
  }
}
