import { locateVif } from "../interface.ts";
import type { Inventory, Pif, Vif, Vm } from "../inventory.ts";

/**
 * What XAPI knows, by what it can be called. Hundreds of targets may be named, of hundreds that there
 * are: once one of them is looked for, VMs and VIFs are put into an index.
 */
export class Catalog {
  #vmIndex: VmIndex | undefined;
  #vifIndex: VifIndex | undefined;

  constructor(readonly inventory: Inventory) {}

  /** VMs by UUID or by name, whatever their role. */
  findVms(text: string): readonly Vm[] {
    this.#vmIndex ??= indexVms(this.inventory);
    const byUuid = this.#vmIndex.byUuid.get(text.toLowerCase());
    if (byUuid !== undefined) return byUuid;
    // A snapshot carries a name of its own, but nobody starts it: it must not shadow its VM.
    const sameName = this.#vmIndex.byName.get(text) ?? [];
    const targets = sameName.filter((vm) => vm.role === "vm");
    return targets.length > 0 ? targets : sameName;
  }

  /** By UUID; by device name; a VLAN also as `eth0.100`, since its record carries the NIC's name. */
  findPifs(text: string): readonly Pif[] {
    const { pifs } = this.inventory;
    const byUuid = pifs.filter((pif) => pif.uuid === text.toLowerCase());
    if (byUuid.length > 0) return byUuid;
    const sameName = pifs.filter((pif) =>
      pif.role === "vlan" ? `${pif.device}.${pif.vlan}` === text : pif.device === text,
    );
    // An SR-IOV logical PIF has the name of the NIC it stands on: the NIC is what is meant.
    const nonSriov = sameName.filter((pif) => pif.role !== "sriov");
    return nonSriov.length > 0 ? nonSriov : sameName;
  }

  /** A VM's VIF, by UUID or by the device that it has on this host. */
  findVif(text: string): Vif | undefined {
    this.#vifIndex ??= indexVifs(this.inventory);
    return this.#vifIndex.byUuid.get(text.toLowerCase()) ?? this.#vifIndex.byDevice.get(text);
  }
}

interface VmIndex {
  readonly byUuid: ReadonlyMap<string, readonly Vm[]>;
  readonly byName: ReadonlyMap<string, readonly Vm[]>;
}

function indexVms({ vms }: Inventory): VmIndex {
  return {
    byUuid: Map.groupBy(vms, ({ uuid }) => uuid),
    byName: Map.groupBy(vms, ({ name }) => name),
  };
}

interface VifIndex {
  readonly byUuid: ReadonlyMap<string, Vif>;
  readonly byDevice: ReadonlyMap<string, Vif>;
}

function indexVifs({ vifs, host }: Inventory): VifIndex {
  const byUuid = new Map<string, Vif>();
  const byDevice = new Map<string, Vif>();
  for (const vif of vifs) {
    if (vif.vm.role !== "vm") continue;
    byUuid.set(vif.uuid, vif);
    const location = locateVif(vif, host.uuid);
    if (location.kind === "local") byDevice.set(`vif${location.domid}.${vif.device}`, vif);
  }
  return { byUuid, byDevice };
}
