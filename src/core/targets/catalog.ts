import { whereaboutsOf } from "../interface.ts";
import type { Inventory, Pif, Vif, Vm } from "../inventory.ts";

/**
 * What XAPI knows, by what it can be called. Hundreds of targets may be named, of hundreds that there
 * are: once one of them is looked for, VMs and VIFs are put into an index.
 */
export class Catalogue {
  #vms: VmIndex | undefined;
  #vifs: VifIndex | undefined;

  constructor(readonly inventory: Inventory) {}

  /** VMs by UUID or by name, whatever their role. */
  vmsCalled(text: string): readonly Vm[] {
    this.#vms ??= indexOfVms(this.inventory);
    const byUuid = this.#vms.byUuid.get(text.toLowerCase());
    if (byUuid !== undefined) return byUuid;
    // A snapshot carries a name of its own, but nobody starts it: it must not shadow its VM.
    const named = this.#vms.byName.get(text) ?? [];
    const targets = named.filter((vm) => vm.role === "vm");
    return targets.length > 0 ? targets : named;
  }

  /** By UUID; by device name; a VLAN also as `eth0.100`, since its record carries the NIC's name. */
  pifsCalled(text: string): readonly Pif[] {
    const { pifs } = this.inventory;
    const byUuid = pifs.filter((pif) => pif.uuid === text.toLowerCase());
    if (byUuid.length > 0) return byUuid;
    const named = pifs.filter((pif) =>
      pif.role === "vlan" ? `${pif.device}.${pif.vlan}` === text : pif.device === text,
    );
    // An SR-IOV logical PIF has the name of the NIC it stands on: the NIC is what is meant.
    const own = named.filter((pif) => pif.role !== "sriov");
    return own.length > 0 ? own : named;
  }

  /** A VM's VIF, by UUID or by the device that it has on this host. */
  vifCalled(text: string): Vif | undefined {
    this.#vifs ??= indexOfVifs(this.inventory);
    return this.#vifs.byUuid.get(text.toLowerCase()) ?? this.#vifs.byDevice.get(text);
  }
}

interface VmIndex {
  readonly byUuid: ReadonlyMap<string, readonly Vm[]>;
  readonly byName: ReadonlyMap<string, readonly Vm[]>;
}

function indexOfVms({ vms }: Inventory): VmIndex {
  return {
    byUuid: Map.groupBy(vms, ({ uuid }) => uuid),
    byName: Map.groupBy(vms, ({ name }) => name),
  };
}

interface VifIndex {
  readonly byUuid: ReadonlyMap<string, Vif>;
  readonly byDevice: ReadonlyMap<string, Vif>;
}

function indexOfVifs({ vifs, host }: Inventory): VifIndex {
  const byUuid = new Map<string, Vif>();
  const byDevice = new Map<string, Vif>();
  for (const vif of vifs) {
    if (vif.vm.role !== "vm") continue;
    byUuid.set(vif.uuid, vif);
    const place = whereaboutsOf(vif, host.uuid);
    if (place.at === "here") byDevice.set(`vif${place.domid}.${vif.device}`, vif);
  }
  return { byUuid, byDevice };
}
