import type * as v from "valibot";
import type { BootLayer } from "../offload/boot.ts";
import {
  type Interface,
  type NicInterface,
  type VifInterface,
  whereaboutsOf,
} from "../offload/interface.ts";
import type { Host, OtherConfig, Pif, Vif, Vm } from "../offload/inventory.ts";
import { KernelFeatures } from "../offload/kernel-features.ts";
import type { LiveView } from "../offload/plan.ts";
import type { DisableRequest, WireBoot, WireView } from "./messages.ts";

type Wire = Pick<v.InferOutput<typeof DisableRequest>, "nics" | "vms">;
type WireNic = Wire["nics"][number];
type WireVm = Wire["vms"][number];
type WireVif = WireVm["vifs"][number];

/** How much of a name travels, in characters. XAPI allows names of any length. */
const LONGEST_NAME = 200;

/** Interfaces as they travel to their host: by UUID, with the records that are about offloads. */
export function toWire(interfaces: readonly Interface[], host: Host): Wire {
  const nics = interfaces.filter((one): one is NicInterface => one.kind === "pif");
  const vifs = interfaces.filter((one): one is VifInterface => one.kind === "vif");
  return {
    nics: nics.map(wireNic),
    vms: [...Map.groupBy(vifs, ({ vm }) => vm.uuid).values()].flatMap((those): WireVm[] => {
      const [first] = those;
      return first === undefined ? [] : [wireVm(first.vm, those, host)];
    }),
  };
}

/** The interfaces of a call, as a host finds them that knows of no other. */
export function fromWire({ nics, vms }: Wire, host: Host): readonly Interface[] {
  return [
    ...nics.map((nic): Interface => nicOf(nic, host)),
    ...vms.flatMap((wire) => {
      const vm = vmOf(wire, host);
      return wire.vifs.map((one): Interface => {
        const vif = vifOf(one, vm);
        return { kind: "vif", vif, vm, whereabouts: whereaboutsOf(vif, host.uuid) };
      });
    }),
  ];
}

/** What a kernel shows, as it travels. */
export function viewToWire(view: LiveView): v.InferOutput<typeof WireView> {
  return {
    names: [...view.kernel.names],
    existing: [...view.existing],
    observations: Object.fromEntries(
      [...view.observations].map(([device, seen]) => [
        device,
        seen.state === "read"
          ? {
              state: seen.state,
              features: {
                active: [...seen.features.active],
                requested: [...seen.features.requested],
                changeable: [...seen.features.changeable],
              },
            }
          : seen,
      ]),
    ),
  };
}

/** The view that another host has sent. */
export function viewFromWire({
  names,
  existing,
  observations,
}: v.InferOutput<typeof WireView>): LiveView {
  return {
    kernel: new KernelFeatures(names),
    existing: new Set(existing),
    observations: new Map(Object.entries(observations)),
  };
}

/** What is installed for boot, as it travels. */
export function bootToWire({ method, state, covers }: BootLayer): v.InferOutput<typeof WireBoot> {
  return {
    method,
    state,
    covers:
      covers === null
        ? null
        : {
            keywords: [...covers.keywords],
            devices: [...covers.devices],
            everything: covers.everything,
          },
  };
}

function wireNic({ pif, management }: NicInterface): WireNic {
  return {
    uuid: pif.uuid,
    device: pif.device,
    management,
    managed: pif.managed,
    gro: pif.groProperty ?? null,
    slaveOf: pif.slaveOf ?? null,
    records: recordsOf(pif.otherConfig),
  };
}

function nicOf(wire: WireNic, host: Host): NicInterface {
  const { uuid, device, management, managed, gro, slaveOf, records } = wire;
  const pif: Pif = {
    ref: "",
    uuid,
    device,
    host,
    role: "physical",
    vlan: -1,
    management,
    managed,
    attached: true,
    groProperty: gro ?? undefined,
    otherConfig: new Map(Object.entries(records)),
    slaves: [],
    slaveOf: slaveOf ?? undefined,
    under: undefined,
  };
  return { kind: "pif", pif, management };
}

function wireVm(vm: Vm, vifs: readonly VifInterface[], host: Host): WireVm {
  const here = vm.residentOn?.uuid === host.uuid;
  return {
    uuid: vm.uuid,
    // Only the notes of what was there call it by name.
    name: vm.name.slice(0, LONGEST_NAME),
    powerState: vm.powerState,
    domid: here && vm.domid > 0 ? vm.domid : null,
    elsewhere: here ? null : (vm.residentOn?.name ?? null),
    vifs: vifs.map(({ vif }) => ({
      uuid: vif.uuid,
      device: vif.device,
      attached: vif.attached,
      sriov: vif.sriov,
      records: recordsOf(vif.otherConfig),
    })),
  };
}

function vmOf({ uuid, name, powerState, domid, elsewhere }: WireVm, host: Host): Vm {
  return {
    ref: "",
    uuid,
    name,
    role: "vm",
    powerState,
    domid: domid ?? -1,
    // Which other host it is makes no difference here.
    residentOn:
      domid !== null ? host : elsewhere === null ? undefined : { uuid: "", name: elsewhere },
    // Whoever is on its way is not asked about.
    isMigrating: false,
  };
}

function vifOf({ uuid, device, attached, sriov, records }: WireVif, vm: Vm): Vif {
  return {
    ref: "",
    uuid,
    device,
    vm,
    attached,
    sriov,
    otherConfig: new Map(Object.entries(records)),
  };
}

/** What is not about offloads is none of the host's business. */
function recordsOf(config: OtherConfig): Record<string, string> {
  return Object.fromEntries([...config].filter(([key]) => key.startsWith("ethtool")));
}
