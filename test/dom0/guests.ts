import * as v from "valibot";
import type { Dom0 } from "./dom0.ts";
import type { DatabaseContent, SimulatorControl } from "./simulator/control.ts";
import { VmCopies } from "./vm-copies.ts";

/** A VM or a VIF, by its reference. */
interface Reference {
  readonly ref: string;
}

/** The keys that vif-real reads, in its order. */
const VIF_KEYS = ["rx", "tx", "sg", "tso", "ufo", "gso"] as const;

const NULL_REF = "OpaqueRef:NULL";
const Configs = v.record(v.string(), v.record(v.string(), v.record(v.string(), v.string())));
const VmRecord = v.looseObject({
  uuid: v.string(),
  domid: v.number(),
  resident_on: v.string(),
  domain_type: v.string(),
  VIFs: v.array(v.string()),
});
const VifRecord = v.looseObject({ device: v.string(), network: v.string() });

/** One interface of a running VM, as its host has it. */
interface Interface {
  readonly name: string;
  readonly tap: string | undefined;
  readonly settings: Readonly<Record<string, string>>;
}

/** What happens to VMs while a command runs, or between two: records, devices and xenopsd together. */
export class Guests extends VmCopies {
  /** Called when a vif has come online, after vif-real: where a test has the boot layer's udev rule act. */
  onOnline: ((host: Dom0, device: string) => Promise<void>) | undefined;
  #lastDomid = 1000;

  constructor(
    control: SimulatorControl,
    private readonly hosts: readonly Dom0[],
  ) {
    super(control);
  }

  /**
   * Reboots a VM: its vif devices are made anew. A guest that reboots itself gets the settings that xenopsd
   * knew; the API has it look at XAPI's first (pool-facts §7, xapi_xenops.ml `reboot`).
   */
  async reboot(vm: Reference, { from }: { readonly from: "guest" | "api" }): Promise<number> {
    if (from === "api") await this.#announce(vm);
    const vifConfigs = await this.readXenopsdConfigs(vm);
    const host = await this.#hostOf(vm);
    await this.#unplug(vm, host);
    const domid = this.#nextDomid();
    await this.#plug(vm, host, domid, vifConfigs);
    await this.control.set(["VM", vm.ref, "domid", domid]);
    return domid;
  }

  /** Starts a halted VM. */
  async start(vm: Reference, host: Dom0 | undefined = this.hosts[0]): Promise<number> {
    if (host === undefined) throw new Error("there is no host to start it on");
    const domid = this.#nextDomid();
    await this.#setState(vm, "Running", domid, host.fixture.host.ref);
    await this.#plug(vm, host, domid, await this.readXenopsdConfigs(vm));
    return domid;
  }

  /** Shuts a VM down. */
  async shutdown(vm: Reference): Promise<void> {
    await this.#unplug(vm, await this.#hostOf(vm));
    await this.#setState(vm, "Halted", -1, NULL_REF);
  }

  /**
   * Moves a running VM to a host, or to one that has no dom0 here. The settings travel as the xenopsd of the
   * source knew them. While `onReceive` runs the devices are there, their domain has a temporary UUID
   * (xenops_server.ml `VM_receive_memory`), and XAPI still says that the VM is where it was.
   */
  async migrate(
    vm: Reference,
    to: Dom0 | Reference,
    { onReceive }: { readonly onReceive?: (domid: number) => Promise<void> } = {},
  ): Promise<number> {
    const [known, from, { uuid }] = [await this.readXenopsdConfigs(vm), await this.#hostOf(vm), await this.#record(vm)];
    const target = this.hosts.find((host) => host === to);
    const domid = this.#nextDomid();
    if (target !== undefined) {
      await target.domain(domid, `${uuid.slice(0, 24)}000000000001`);
      await this.#plug(vm, target, domid, known);
    }
    await onReceive?.(domid);
    await this.#unplug(vm, from);
    const ref = "fixture" in to ? to.fixture.host.ref : to.ref;
    await this.control.set(["VM", vm.ref, "resident_on", ref], ["VM", vm.ref, "domid", domid]);
    if (target !== undefined) await target.domain(domid);
    return domid;
  }

  /** Takes a VM back to a snapshot, which leaves it halted, its VIFs others than before. */
  override async revert(snapshot: Reference): Promise<void> {
    const vm = await this.snapshotOf(snapshot);
    if ((await this.#record(vm)).domid >= 0) await this.shutdown(vm);
    await super.revert(snapshot);
  }

  /** What xenopsd knows of the VIFs of a running VM: their `other_config` at its last event. */
  async readXenopsdConfigs({ ref }: Reference): Promise<Record<string, Record<string, string>>> {
    return v.parse(Configs, await this.control.sendControl("/xenopsd"))[ref] ?? {};
  }

  /** An event of the VM, after which xenopsd knows what XAPI has. */
  async #announce(vm: Reference): Promise<void> {
    const { domid } = await this.#record(vm);
    await this.control.set(["VM", vm.ref, "domid", domid]);
  }

  async #setState(vm: Reference, state: string, domid: number, host: string): Promise<void> {
    await this.control.set(
      ...(await this.#record(vm)).VIFs.map((ref): [string, string, string, unknown] => {
        return ["VIF", ref, "currently_attached", state === "Running"];
      }),
      ["VM", vm.ref, "domid", domid],
      ["VM", vm.ref, "resident_on", host],
      ["VM", vm.ref, "power_state", state],
    );
  }

  async #plug(
    vm: Reference,
    host: Dom0 | undefined,
    domid: number,
    vifConfigs: Readonly<Record<string, Readonly<Record<string, string>>>>,
  ): Promise<void> {
    if (host === undefined) return;
    const kind = host.fixture.scenarios.has("requested-on") ? "requested-on-vif" : "vif";
    for (const { name, tap, settings } of await this.#interfaces(vm, domid, vifConfigs)) {
      await host.link.add(name, kind);
      if (tap !== undefined) await host.link.add(tap, "tap");
      // One process for each key, whatever becomes of it (vif-real, handle_ethtool).
      for (const key of VIF_KEYS) {
        const value = onOrOff(settings[`ethtool-${key}`]);
        if (value !== undefined) await host.run(["ethtool", "-K", name, key, value]);
      }
      await this.onOnline?.(host, name);
    }
  }

  async #unplug(vm: Reference, host: Dom0 | undefined): Promise<void> {
    if (host === undefined) return;
    const { domid } = await this.#record(vm);
    const existing = await host.interfaces();
    for (const { name, tap } of await this.#interfaces(vm, domid, {})) {
      for (const device of [name, tap]) {
        if (device !== undefined && existing.includes(device)) await host.link.remove(device);
      }
    }
  }

  async #interfaces(
    vm: Reference,
    domid: number,
    vifConfigs: Readonly<Record<string, Readonly<Record<string, string>>>>,
  ): Promise<Interface[]> {
    const database = await this.control.database();
    const { VIFs, domain_type: type } = parseVm(database, vm);
    const direct = sriovNetworks(database);
    return VIFs.flatMap((ref) => {
      const { device, network } = v.parse(VifRecord, database["VIF"]?.[ref]);
      if (direct.has(network)) return [];
      const tap = type === "hvm" ? `tap${domid}.${device}` : undefined;
      return [{ name: `vif${domid}.${device}`, tap, settings: vifConfigs[ref] ?? {} }];
    });
  }

  async #hostOf(vm: Reference): Promise<Dom0 | undefined> {
    const { resident_on: ref } = await this.#record(vm);
    return this.hosts.find(({ fixture }) => fixture.host.ref === ref);
  }

  async #record(vm: Reference) {
    return parseVm(await this.control.database(), vm);
  }

  /** Above the domids that any fixture begins with. */
  #nextDomid(): number {
    this.#lastDomid += 1;
    return this.#lastDomid;
  }
}

function parseVm(database: DatabaseContent, { ref }: Reference) {
  return v.parse(VmRecord, database["VM"]?.[ref]);
}

function onOrOff(value: string | undefined): string | undefined {
  if (value === "true" || value === "on") return "on";
  return value === "false" || value === "off" ? "off" : undefined;
}

/** The networks whose VIFs have no device in dom0. */
function sriovNetworks({ network_sriov: sriov = {}, PIF = {} }: DatabaseContent): Set<unknown> {
  return new Set(Object.values(sriov).map(({ logical_PIF: ref }) => PIF[String(ref)]?.["network"]));
}
