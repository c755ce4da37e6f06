import { whereaboutsOf } from "../interface.ts";
import { type Inventory, nicsUnder, type Pif } from "../inventory.ts";
import { naturalOrder } from "../natural-order.ts";
import { counted } from "../text.ts";
import { stateOf } from "./choices.ts";
import { resolveBareHost } from "./survey.ts";

/** What can be named on a command line: any target, or what `--vm` or `--pif` takes. */
export type CandidateKind = "targets" | "vms" | "pifs";

/** Characters that no line of a list and no terminal takes as they are. */
const UNTYPABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

const WORDS = [
  "ALL\tthis host's NICs and the VIFs of its VMs",
  "NICS\tthis host's NICs",
  "VIFS\tthe VIFs of its VMs",
];

/** Beyond this many characters nobody reads a name in a list. */
const LONGEST = 200;

/**
 * What a command line can name, each as a line: the name, a tab, what it is. A VM whose name cannot be
 * typed, or not be told from another, goes by its UUID.
 */
export function candidates(kind: CandidateKind, inventory: Inventory): readonly string[] {
  const vms = kind === "pifs" ? [] : vmLines(inventory);
  const pifs = kind === "vms" ? [] : pifLines(inventory);
  const vifs = kind === "targets" ? vifLines(inventory) : [];
  return [...(kind === "targets" ? WORDS : []), ...vms, ...pifs, ...vifs];
}

/** The same without XAPI, of the devices that the kernel has. */
export function devicesAlone(existing: readonly string[]): readonly string[] {
  return resolveBareHost(new Set(existing)).map(({ device, as }) =>
    as === "vif" ? `${device}\tVIF` : `${device}\tNIC`,
  );
}

function vmLines({ vms, vifs }: Inventory): readonly string[] {
  const targets = vms.filter(({ role }) => role === "vm");
  const named = Map.groupBy(targets, ({ name }) => name);
  const count = Map.groupBy(vifs, ({ vm }) => vm.uuid);
  return targets
    .toSorted((a, b) => naturalOrder(a.name, b.name))
    .map((vm) => {
      const clear = isTypable(vm.name) && named.get(vm.name)?.length === 1;
      const what = `${typable(stateOf(vm))}, ${counted(count.get(vm.uuid)?.length ?? 0, "VIF")}`;
      return clear ? `${vm.name}\tVM, ${what}` : `${vm.uuid}\tVM ${typable(vm.name)}, ${what}`;
    });
}

function pifLines({ pifs, host }: Inventory): readonly string[] {
  const mine = pifs.filter((pif) => pif.host.uuid === host.uuid && nicsUnder(pif, pifs).length > 0);
  const names = mine.map((pif) => [pifName(pif), pif] as const);
  return names
    .filter(([name]) => isTypable(name))
    .toSorted(([a], [b]) => naturalOrder(a, b))
    .map(([name, pif]) => {
      const what = pif.role === "physical" ? "NIC" : pif.role === "bond" ? "bond" : "VLAN";
      return `${name}\t${what}${pif.management ? ", management" : ""}`;
    });
}

/** A VLAN's record carries the device of its NIC. */
function pifName({ role, device, vlan }: Pif): string {
  return role === "vlan" ? `${device}.${vlan}` : device;
}

function vifLines({ vifs, host }: Inventory): readonly string[] {
  return vifs
    .flatMap((vif) => {
      const place = whereaboutsOf(vif, host.uuid);
      return vif.vm.role === "vm" && place.at === "here"
        ? [`vif${place.domid}.${vif.device}\tVIF of ${typable(vif.vm.name)}`]
        : [];
    })
    .sort(naturalOrder);
}

function isTypable(name: string): boolean {
  return name.trim() !== "" && name.length <= LONGEST && !UNTYPABLE.test(name);
}

function typable(name: string): string {
  const shown = name.replaceAll(new RegExp(UNTYPABLE, "gu"), "").trim();
  if (shown === "") return "without a name";
  return shown.length > 40 ? `${shown.slice(0, 39)}…` : shown;
}
