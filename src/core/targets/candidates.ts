import { locateVif } from "../interface.ts";
import { findUnderlyingNics, type Inventory, type Pif, type Vif, type Vm } from "../inventory.ts";
import { compareNatural } from "../natural-order.ts";
import { formatCount } from "../text.ts";
import { formatVmState } from "./choices.ts";
import { resolveUnmanagedHost } from "./interface-features.ts";

/** What can be named on a command line: any target, one that has originals, or what `--vm` or `--pif` takes. */
export type CandidateKind = "targets" | "restorable" | "vms" | "pifs";

/** Characters that no line of a list and no terminal takes as they are. */
const UNTYPABLE_CHARACTERS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

const GROUP_CANDIDATES = [
  "ALL\tthis host's NICs and the VIFs of its VMs",
  "NICS\tthis host's NICs",
  "VIFS\tthe VIFs of its VMs",
];

/** Beyond this many characters nobody reads a name in a list. */
const MAX_NAME_LENGTH = 200;

/**
 * What a command line can name, each as a line: the name, a tab, what it is. A VM whose name cannot be
 * typed, or not be told from another, goes by its UUID. `changedDevices`: those with originals on this host's disk.
 */
export function listCandidates(
  kind: CandidateKind,
  inventory: Inventory,
  changedDevices: ReadonlySet<string> = new Set(),
): readonly string[] {
  if (kind === "restorable") return listRestorable(inventory, changedDevices);
  const vms = kind === "pifs" ? [] : formatVms(inventory);
  const pifs = kind === "vms" ? [] : formatPifs(inventory);
  const vifs = kind === "targets" ? formatVifs(inventory) : [];
  return [...(kind === "targets" ? GROUP_CANDIDATES : []), ...vms, ...pifs, ...vifs];
}

function listRestorable(inventory: Inventory, changedDevices: ReadonlySet<string>): readonly string[] {
  const { pifs, vifs, host } = inventory;
  const hasOriginals = ({ settings }: Pif | Vif, device: string | null) =>
    settings.policy.keys.length > 0 || (device !== null && changedDevices.has(device));
  const ownVifs = vifs.filter((vif) => hasOriginals(vif, findVifDevice(vif, host.uuid)));
  const vmUuids = new Set(ownVifs.map(({ vm }) => vm.uuid));
  const isRestorable = (pif: Pif) => findUnderlyingNics(pif, pifs).some((nic) => hasOriginals(nic, nic.device));
  return [
    ...GROUP_CANDIDATES,
    ...formatVms(inventory, ({ uuid }) => vmUuids.has(uuid)),
    ...formatPifs(inventory, isRestorable),
    ...formatVifs({ ...inventory, vifs: ownVifs }),
  ];
}

function findVifDevice(vif: Vif, hostUuid: string): string | null {
  const location = locateVif(vif, hostUuid);
  return location.kind === "local" ? `vif${location.domid}.${vif.device}` : null;
}

/** The same without XAPI, of the devices that the kernel has. */
export function listDeviceCandidates(existing: readonly string[]): readonly string[] {
  return resolveUnmanagedHost(new Set(existing)).map(({ device, deviceKind }) =>
    deviceKind === "vif" ? `${device}\tVIF` : `${device}\tNIC`,
  );
}

function formatVms({ vms, vifs }: Inventory, isWanted: (vm: Vm) => boolean = () => true): readonly string[] {
  const targets = vms.filter(({ role }) => role === "vm");
  const vmsByName = Map.groupBy(targets, ({ name }) => name);
  const vifsByVm = Map.groupBy(vifs, ({ vm }) => vm.uuid);
  return targets
    .filter(isWanted)
    .toSorted((a, b) => compareNatural(a.name, b.name))
    .map((vm) => {
      const isUnambiguous = isTypable(vm.name) && vmsByName.get(vm.name)?.length === 1;
      const description = `${sanitizeName(formatVmState(vm))}, ${formatCount(vifsByVm.get(vm.uuid)?.length ?? 0, "VIF")}`;
      return isUnambiguous
        ? `${vm.name}\tVM, ${description}`
        : `${vm.uuid}\tVM ${sanitizeName(vm.name)}, ${description}`;
    });
}

function formatPifs({ pifs, host }: Inventory, isWanted: (pif: Pif) => boolean = () => true): readonly string[] {
  const own = pifs.filter(
    (pif) => pif.host.uuid === host.uuid && findUnderlyingNics(pif, pifs).length > 0 && isWanted(pif),
  );
  const names = own.map((pif) => [formatPifTarget(pif), pif] as const);
  return names
    .filter(([name]) => isTypable(name))
    .toSorted(([a], [b]) => compareNatural(a, b))
    .map(([name, pif]) => {
      const description = pif.role === "physical" ? "NIC" : pif.role === "bond" ? "bond" : "VLAN";
      return `${name}\t${description}${pif.management ? ", management" : ""}`;
    });
}

/** A VLAN's record carries the device of its NIC. */
function formatPifTarget({ role, device, vlan }: Pif): string {
  return role === "vlan" ? `${device}.${vlan}` : device;
}

function formatVifs({ vifs, host }: Inventory): readonly string[] {
  return vifs
    .flatMap((vif) => {
      const device = findVifDevice(vif, host.uuid);
      return vif.vm.role === "vm" && device !== null ? [`${device}\tVIF of ${sanitizeName(vif.vm.name)}`] : [];
    })
    .sort(compareNatural);
}

function isTypable(name: string): boolean {
  return name.trim() !== "" && name.length <= MAX_NAME_LENGTH && !UNTYPABLE_CHARACTERS.test(name);
}

function sanitizeName(name: string): string {
  const cleaned = name.replaceAll(new RegExp(UNTYPABLE_CHARACTERS, "gu"), "").trim();
  if (cleaned === "") return "without a name";
  return cleaned.length > 40 ? `${cleaned.slice(0, 39)}…` : cleaned;
}
