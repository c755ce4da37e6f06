import { type Networks, VmFixtures } from "./cast.ts";
import {
  type Database,
  type Device,
  emptyDatabase,
  type Host,
  type Pif,
  type Vif,
  type Vm,
} from "./database.ts";
import { GuestBuilder } from "./guest-builder.ts";
import { HostBuilder, type Network } from "./host-builder.ts";
import { Identity } from "./identity.ts";
import { type Scenario, Scenarios } from "./scenarios.ts";

/** What a world is made from. */
export interface HostFixtureOptions {
  /** Physical NICs of this host; from 4 on, the third and fourth are bonded. Default 4. */
  readonly nics?: number;
  /** VMs running on this host. Default: the four of the cast. */
  readonly vms?: number;
  /** VIFs of each VM. Default: one or two, as the cast has them. */
  readonly vifs?: number;
  readonly scenarios?: Iterable<Scenario>;
  /** Worlds of one seed are equal, UUID for UUID. Default 1. */
  readonly seed?: number;
}

/** The records and devices of a dom0, and of the pool it is in. */
export class HostFixture {
  constructor(
    readonly scenarios: Scenarios,
    readonly database: Database,
    readonly host: Host,
    readonly other: Host | undefined,
    readonly pifs: readonly Pif[],
    readonly vms: readonly Vm[],
    readonly devices: readonly Device[],
  ) {}

  /** The VM of this name-label, which must be the only one. */
  vm(name: string): Vm {
    const found = this.vms.filter((vm) => vm.record.name_label === name);
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw new Error(`this world has ${found.length} VMs called ${JSON.stringify(name)}`);
    }
    return only;
  }

  /** A VIF of a VM. */
  vif(name: string, device = 0): Vif {
    const vif = this.vm(name).vifs[device];
    if (vif === undefined) throw new Error(`${JSON.stringify(name)} has no VIF ${device}`);
    return vif;
  }

  /** This host's PIF of a device: the physical one or bond master, not a VLAN or logical PIF upon it. */
  pif(device: string, host: Host = this.host): Pif {
    const found = this.pifs.find(
      ({ record }) =>
        record.host === host.ref &&
        record.device === device &&
        (record.physical || record.bond_master_of.length + record.tunnel_access_PIF_of.length > 0),
    );
    if (found === undefined) throw new Error(`this world has no PIF of ${device}`);
    return found;
  }

  /** The VMs that run on this host, without its control domain. */
  get running(): Vm[] {
    return this.vms.filter(
      ({ record }) => record.resident_on === this.host.ref && !record.is_control_domain,
    );
  }
}

/** Builds a world: pure, and the same for the same options. */
export function buildHostFixture(options: HostFixtureOptions = {}): HostFixture {
  const scenarios = new Scenarios(options.scenarios);
  const identity = new Identity(options.seed ?? 1);
  const database = emptyDatabase();
  const hosts = new HostBuilder(database, identity);
  const localHost = hosts.host("xcp-1", "192.0.2.11");
  const other = scenarios.pooled ? hosts.host("xcp-2", "192.0.2.12") : undefined;
  hosts.pool(other === undefined ? "" : "lab", scenarios.member && other ? other : localHost);

  const names = nicNames(options.nics ?? 4, scenarios);
  const fabric = buildNics(hosts, localHost, names, scenarios);
  const guests = new GuestBuilder(database, identity, localHost);
  const vmFixtures = new VmFixtures(guests, fabric, { vms: options.vms, vifs: options.vifs });
  const vms = vmFixtures.createLocalVms(localHost);
  if (other !== undefined) {
    for (const name of names.slice(0, 2)) hosts.nic(other, name);
    // With the scenario `elsewhere` its domids begin where this host's begin, so that they meet.
    guests.domidsFrom(other, scenarios.has("elsewhere") ? 1 : 101);
    vms.push(...vmFixtures.createRemoteVms(other));
  }
  vms.push(...vmFixtures.createScenarioVms(scenarios, vms));

  const pifs = Object.entries(database.PIF).map(([ref, record]) => ({ ref, record }));
  const devices = listDevices(localHost, names, database, vms, scenarios);
  return new HostFixture(scenarios, database, localHost, other, pifs, vms, devices);
}

/** Predictable names are those of docs.xenserver.com on dom0 network naming, and of systemd's net_id. */
function nicNames(count: number, scenarios: Scenarios): string[] {
  const first = ["eno12429np0", "eno12439np1", "ens2f0np0", "ens2f1np1"];
  // The unmanaged NIC is one more, so that the others stay what they are without it.
  return Array.from({ length: scenarios.has("unmanaged") ? count + 1 : count }, (_, n) =>
    scenarios.has("predictable") ? (first[n] ?? `enp${n}s0`) : `eth${n}`,
  );
}

/** The NIC that scenarios about one NIC are about: not the management interface, where there is a choice. */
function pickNic<T>(nics: readonly T[]): T | undefined {
  return nics[1] ?? nics[0];
}

function buildNics(
  hostBuilder: HostBuilder,
  localHost: Host,
  names: readonly string[],
  scenarios: Scenarios,
): Networks {
  const nics = names.map((name) => hostBuilder.nic(localHost, name));
  const unmanaged = scenarios.has("unmanaged") ? nics.pop() : undefined;
  if (unmanaged !== undefined) {
    unmanaged.record.managed = false;
    unmanaged.record.currently_attached = false;
  }
  const ordinary: Network[] = [];
  const [management, , third, fourth] = nics;
  if (management !== undefined) {
    hostBuilder.manage(management, localHost);
    ordinary.push(hostBuilder.networkOf(management));
  }
  if (third !== undefined && fourth !== undefined) {
    ordinary.push(hostBuilder.networkOf(hostBuilder.bond(localHost, "bond0", third, fourth)));
  }
  if (management !== undefined) {
    ordinary.push(hostBuilder.vlan(localHost, management, 100));
    if (scenarios.has("tunnel")) hostBuilder.tunnel(localHost, management);
  }
  const sriovNic = pickNic(nics);
  const hasSriov = scenarios.has("sriov") && sriovNic !== undefined;
  return { ordinary, sriov: hasSriov ? hostBuilder.sriov(localHost, sriovNic) : undefined };
}

/** netback gives every vif this address (`xenvif_alloc`), and so does the toolstack for taps. */
const GUEST_SIDE_MAC = "fe:ff:ff:ff:ff:ff";

/** The devices that the kernel of a host has. */
export function listDevices(
  localHost: Host,
  names: readonly string[],
  database: Database,
  vms: readonly Vm[],
  scenarios: Scenarios,
): Device[] {
  const fixedNic = scenarios.has("fixed") ? pickNic(names) : undefined;
  const nics = Object.values(database.PIF)
    .filter((pif) => pif.host === localHost.ref && pif.physical)
    .map((pif): Device => {
      const kind = pif.device === fixedNic ? "loopback" : "nic";
      return { name: pif.device, kind, mac: pif.MAC };
    });
  if (scenarios.has("not-dom0")) return nics;
  const bridges = nics.slice(0, 1).map((nic): Device => {
    return { ...nic, name: "xenbr0", kind: "bridge", address: `${localHost.record.address}/24` };
  });
  const guests = vms.flatMap((vm) => vm.vifs).flatMap((vif) => listVifDevices(vif, scenarios));
  return [...nics, ...bridges, ...guests];
}

function listVifDevices(vif: Vif, scenarios: Scenarios): Device[] {
  const kind = scenarios.has("requested-on") ? "requested-on-vif" : "vif";
  const devices: Device[] = [];
  if (vif.device !== undefined) devices.push({ name: vif.device, kind, mac: GUEST_SIDE_MAC });
  if (vif.tap !== undefined) devices.push({ name: vif.tap, kind: "tap", mac: GUEST_SIDE_MAC });
  return devices;
}
