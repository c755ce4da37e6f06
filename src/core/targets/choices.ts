import { FEATURE_NAMES, type Feature } from "../features.ts";
import type { NicInterface, VifInterface } from "../interface.ts";
import type { Inventory, Vm } from "../inventory.ts";
import { compareNatural } from "../natural-order.ts";
import type { DeviceReport } from "../report.ts";
import type { TargetRequest } from "./target-request.ts";
import { indexInterfaces } from "./targets.ts";

/** A NIC or a VM that a person can choose, and what helps to choose it. */
export interface Choice {
  /** Names it beyond doubt, whatever it is called. */
  readonly request: TargetRequest;
  readonly name: string;
  /** `NIC, management`, `running on xcp-1`, `halted`. */
  readonly state: string;
  /** How many VIFs a VM has; null for a NIC. */
  readonly vifCount: number | null;
  /** The features that are on in some device of it and could be off. */
  readonly featuresOn: readonly Feature[];
}

/** The NICs of this host and the VMs of the pool that have VIFs: what there is to choose from. */
export interface AvailableInterfaces {
  readonly nics: readonly NicInterface[];
  readonly vifs: readonly VifInterface[];
}

/** Finds what can be chosen, NICs first. */
export function listAvailableInterfaces(inventory: Inventory): AvailableInterfaces {
  const interfaces = [...indexInterfaces(inventory).values()];
  return {
    nics: interfaces.filter((iface) => iface.kind === "pif").sort((a, b) => compareNatural(a.pif.device, b.pif.device)),
    vifs: interfaces
      .filter((iface) => iface.kind === "vif")
      .filter(({ vm }) => vm.role === "vm")
      .sort((a, b) => compareNatural(a.vm.name, b.vm.name)),
  };
}

/** The choices, each with what the devices showed. */
export function buildChoices({ nics, vifs }: AvailableInterfaces, devices: readonly DeviceReport[]): readonly Choice[] {
  const byNic = Map.groupBy(devices, ({ uuid }) => uuid);
  const byVm = Map.groupBy(devices, ({ vm }) => vm?.uuid);
  const vms = Map.groupBy(vifs, ({ vm }) => vm.uuid);
  return [
    ...nics.map(
      ({ pif, management }): Choice => ({
        request: { text: pif.uuid, kind: "pif" },
        name: pif.device,
        state: management ? "NIC, management" : "NIC",
        vifCount: null,
        featuresOn: listFeaturesOn(byNic.get(pif.uuid) ?? []),
      }),
    ),
    ...[...vms].flatMap(([uuid, own]): Choice[] => {
      const [first] = own;
      if (first === undefined) return [];
      return [
        {
          request: { text: uuid, kind: "vm" },
          name: first.vm.name,
          state: formatVmState(first.vm),
          vifCount: own.length,
          featuresOn: listFeaturesOn(byVm.get(uuid) ?? []),
        },
      ];
    }),
  ];
}

/** `running on xcp-1`, `halted`. */
export function formatVmState({ powerState, residentOn }: Vm): string {
  const state = powerState.toLowerCase();
  return residentOn === undefined ? state : `${state} on ${residentOn.name}`;
}

function listFeaturesOn(devices: readonly DeviceReport[]): readonly Feature[] {
  return FEATURE_NAMES.filter((feature) =>
    devices.some(({ features }) => {
      const report = features[feature];
      return report?.live === "on" && !report.fixed;
    }),
  );
}
