import { KEYWORDS, type Keyword } from "../features.ts";
import type { NicInterface, VifInterface } from "../interface.ts";
import type { Inventory, Vm } from "../inventory.ts";
import { naturalOrder } from "../natural-order.ts";
import type { DeviceReport } from "../report.ts";
import { everyInterface, type TargetRequest } from "./targets.ts";

/** A NIC or a VM that a person can choose, and what helps to choose it. */
export interface Choice {
  /** Names it beyond doubt, whatever it is called. */
  readonly request: TargetRequest;
  readonly name: string;
  /** `NIC, management`, `running on xcp-1`, `halted`. */
  readonly state: string;
  /** How many VIFs a VM has; null for a NIC. */
  readonly vifs: number | null;
  /** The features that are on in some device of it and could be off. */
  readonly on: readonly Keyword[];
}

/** The NICs of this host and the VMs of the pool that have VIFs: what there is to choose from. */
export interface Choosable {
  readonly nics: readonly NicInterface[];
  readonly vifs: readonly VifInterface[];
}

/** Finds what can be chosen, NICs first. */
export function choosable(inventory: Inventory): Choosable {
  const all = [...everyInterface(inventory).values()];
  return {
    nics: all
      .filter((subject) => subject.kind === "pif")
      .sort((a, b) => naturalOrder(a.pif.device, b.pif.device)),
    vifs: all
      .filter((subject) => subject.kind === "vif")
      .filter(({ vm }) => vm.role === "vm")
      .sort((a, b) => naturalOrder(a.vm.name, b.vm.name)),
  };
}

/** The choices, each with what the devices showed. */
export function choicesOf(
  { nics, vifs }: Choosable,
  devices: readonly DeviceReport[],
): readonly Choice[] {
  const byNic = Map.groupBy(devices, ({ uuid }) => uuid);
  const byVm = Map.groupBy(devices, ({ vm }) => vm?.uuid);
  const vms = Map.groupBy(vifs, ({ vm }) => vm.uuid);
  return [
    ...nics.map(
      ({ pif, management }): Choice => ({
        request: { text: pif.uuid, kind: "pif" },
        name: pif.device,
        state: management ? "NIC, management" : "NIC",
        vifs: null,
        on: onIn(byNic.get(pif.uuid) ?? []),
      }),
    ),
    ...[...vms].flatMap(([uuid, own]): Choice[] => {
      const [first] = own;
      if (first === undefined) return [];
      return [
        {
          request: { text: uuid, kind: "vm" },
          name: first.vm.name,
          state: stateOf(first.vm),
          vifs: own.length,
          on: onIn(byVm.get(uuid) ?? []),
        },
      ];
    }),
  ];
}

/** `running on xcp-1`, `halted`. */
export function stateOf({ powerState, residentOn }: Vm): string {
  const state = powerState.toLowerCase();
  return residentOn === undefined ? state : `${state} on ${residentOn.name}`;
}

function onIn(devices: readonly DeviceReport[]): readonly Keyword[] {
  return KEYWORDS.filter((keyword) =>
    devices.some(({ features }) => {
      const feature = features[keyword];
      return feature?.live === "on" && !feature.fixed;
    }),
  );
}
