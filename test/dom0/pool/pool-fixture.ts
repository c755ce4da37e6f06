import { type Database, emptyDatabase, type Vm } from "../fixture/database.ts";
import { GuestBuilder } from "../fixture/guest-builder.ts";
import { HostBuilder } from "../fixture/host-builder.ts";
import { HostFixture, listDevices } from "../fixture/host-fixture.ts";
import { Identity } from "../fixture/identity.ts";
import { Scenarios } from "../fixture/scenarios.ts";

/** How large a pool is. */
export interface PoolOptions {
  /** Hosts; the first is the coordinator. Default 3. */
  readonly hosts?: number;
  /** NICs of each. Default 2. */
  readonly nics?: number;
  /** Running VMs of each. Default 2. */
  readonly vms?: number;
  /** VIFs of each VM. Default 1. */
  readonly vifs?: number;
}

/** The fixtures of a pool's hosts: one database, and of each host the devices that are its own. */
export function buildPool(options: PoolOptions = {}): {
  readonly database: Database;
  readonly fixtures: readonly HostFixture[];
} {
  const { hosts: count = 3, nics = 2, vms: running = 2, vifs = 1 } = options;
  const scenarios = new Scenarios();
  const database = emptyDatabase();
  const builder = new HostBuilder(database, new Identity(1));
  const names = Array.from({ length: nics }, (_, n) => `eth${n}`);
  const hosts = Array.from({ length: count }, (_, n) => builder.host(`xcp-${n + 1}`, `192.0.2.${11 + n}`));
  const [coordinator] = hosts;
  if (coordinator === undefined) throw new Error("a pool has at least one host");
  builder.pool("lab", coordinator);
  const guests = hosts.map((host, n) => {
    const own = names.map((name) => builder.nic(host, name));
    const [management] = own;
    if (management === undefined) throw new Error("a host has at least one NIC");
    builder.manage(management, host);
    const network = builder.networkOf(management);
    const guest = new GuestBuilder(database, new Identity(n + 2), host);
    const control = guest.vm({
      name: `Control domain on host: ${host.record.name_label}`,
      kind: "control",
    });
    host.record.control_domain = control.ref;
    const plugged = Array.from({ length: vifs }, () => ({ network }));
    const all: Vm[] = [control];
    for (let vm = 1; vm <= running; vm += 1) {
      all.push(guest.vm({ name: `vm ${n + 1}-${vm}`, vifs: plugged }));
    }
    if (n === 0) all.push(guest.vm({ name: "archive", power: "Halted", vifs: plugged }));
    return all;
  });
  const pifs = Object.entries(database.PIF).map(([ref, record]) => ({ ref, record }));
  const vms = guests.flat();
  const fixtures = hosts.map((host, n) => {
    const devices = listDevices(host, names, database, guests[n] ?? [], scenarios);
    const role = new Scenarios([n === 0 ? "coordinator" : "member"]);
    const other = n === 0 ? hosts[1] : coordinator;
    return new HostFixture(role, database, host, other, pifs, vms, devices);
  });
  return { database, fixtures };
}
