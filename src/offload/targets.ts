import { shellQuoted } from "./by-hand.ts";
import { Catalogue } from "./catalogue.ts";
import { closest } from "./closest.ts";
import {
  type Interface,
  type NicInterface,
  uuidOf,
  type VifInterface,
  whereaboutsOf,
} from "./interface.ts";
import { type Inventory, nicsUnder, type Pif, type Vif, type Vm } from "./inventory.ts";
import { inNaturalOrder, naturalOrder } from "./natural-order.ts";
import { all, type Result, success, usage } from "./result.ts";
import { quoted } from "./wording.ts";

/** One target as the user wrote it; `kind` is what `--vm`, `--pif` or `--host` pinned down. */
export interface TargetRequest {
  readonly text: string;
  readonly kind: "any" | "vm" | "pif" | "host";
}

/** The whole host, whatever a VM may be called. */
export const WHOLE_HOST: TargetRequest = { text: "ALL", kind: "host" };

/** What is to be worked on, each interface once: NICs first, then VIFs by VM. */
export interface Selection {
  readonly interfaces: readonly Interface[];
  /** ALL was among the targets. */
  readonly wholeHost: boolean;
  /** VMs that ALL left out because they run on another host. */
  readonly leftOut: readonly Vm[];
  /** VMs that were named and have no VIF at all. */
  readonly withoutVifs: readonly Vm[];
}

type Found =
  | { readonly type: "host" }
  | { readonly type: "vm"; readonly vm: Vm }
  | { readonly type: "pif"; readonly nics: readonly Pif[] }
  | { readonly type: "vif"; readonly uuid: string };

/** Whether a target is the whole host, should it be found to be one. */
export function isWholeHost({ text, kind }: TargetRequest): boolean {
  return kind === "host" || (kind === "any" && text === "ALL");
}

/**
 * Finds out what the targets mean. All or nothing: one that is unknown, ambiguous or impossible
 * fails the whole, with a sentence for each bad one.
 */
export function resolveTargets(
  requests: readonly TargetRequest[],
  inventory: Inventory,
): Result<Selection> {
  const catalogue = new Catalogue(inventory);
  const found = all(requests.map((request) => find(request, inventory, catalogue)));
  return found.ok ? success(select(found.value, inventory)) : found;
}

/** Judges a target by its spelling alone, before anything is read. */
export function checkSpelling({ text, kind }: TargetRequest): Result<void> {
  if (text.trim() === "") {
    return usage("empty-target", "a target is empty; name a VM, a PIF, a VIF or ALL");
  }
  if (kind === "any" && text.length === 3 && text !== "ALL" && text.toUpperCase() === "ALL") {
    return usage(
      "all-in-capitals",
      `${quoted(text)} is not a target; the whole host is ALL, in capital letters`,
    );
  }
  return SPELLED_RIGHT;
}

const SPELLED_RIGHT = success(undefined);

function find(request: TargetRequest, inventory: Inventory, catalogue: Catalogue): Result<Found> {
  const spelling = checkSpelling(request);
  if (!spelling.ok) return spelling;
  const { text, kind } = request;
  if (kind === "host") return success({ type: "host" });
  if (kind === "any" && text === "ALL") return findAll(inventory);
  const called = kind === "pif" ? [] : catalogue.vmsCalled(text);
  const vms = called.filter(({ role }) => role === "vm");
  const pifs = kind === "vm" ? [] : catalogue.pifsCalled(text);
  const vif = kind === "any" ? catalogue.vifCalled(text) : undefined;
  const uuid = text.toLowerCase();
  // Tenants choose names: a UUID is never taken from the object whose it is.
  const byUuid = pifs.some((pif) => pif.uuid === uuid) || vif?.uuid === uuid;
  if (vms.length > 0 && !byUuid) {
    if (pifs.length === 0 && vif === undefined) return asVm(text, vms);
    const device = vif === undefined ? `--pif ${shellQuoted(text)}` : `the VIF's UUID, ${vif.uuid}`;
    return usage(
      "ambiguous-target",
      `${quoted(text)} is both a VM and a device; say --vm ${shellQuoted(text)} or ${device}`,
    );
  }
  const here = pifs.filter((pif) => pif.host.uuid === inventory.host.uuid);
  const pif = here[0] ?? pifs[0];
  if (pif !== undefined) return asPif(text, pif, inventory);
  if (vif !== undefined) return success({ type: "vif", uuid: vif.uuid });
  const [other] = called;
  return other === undefined
    ? unknown(request, inventory)
    : usage("not-a-vm", `${quoted(text)} is a ${other.role}, not a VM; name a VM`);
}

function findAll({ vms }: Inventory): Result<Found> {
  return vms.some(({ name, role }) => role === "vm" && name === "ALL")
    ? usage(
        "ambiguous-target",
        'a VM is called "ALL"; say --vm ALL for that VM, or --host for the whole host',
      )
    : success({ type: "host" });
}

function asVm(text: string, vms: readonly Vm[]): Result<Found> {
  const [vm] = vms;
  if (vm === undefined || vms.length > 1) {
    const each = vms.map(
      ({ uuid, powerState, residentOn }) =>
        `${uuid} (${powerState.toLowerCase()}${residentOn ? ` on ${residentOn.name}` : ""})`,
    );
    return usage(
      "duplicate-name",
      `${vms.length} VMs are called ${quoted(text)}; name one by its UUID: ${each.join(", ")}`,
    );
  }
  return success({ type: "vm", vm });
}

function asPif(text: string, pif: Pif, { host, pifs }: Inventory): Result<Found> {
  if (pif.host.uuid !== host.uuid) {
    return usage(
      "pif-of-another-host",
      `${quoted(text)} is a PIF of the host ${quoted(pif.host.name)}; run offload there`,
    );
  }
  const nics = nicsUnder(pif, pifs);
  if (nics.length > 0) return success({ type: "pif", nics });
  const why =
    pif.role === "tunnel"
      ? "is a tunnel; name the PIF that carries it"
      : pif.role === "sriov"
        ? "is an SR-IOV logical PIF; name the physical one"
        : "has no NIC under it on this host";
  return usage("pif-without-nic", `${quoted(text)} ${why}`);
}

function unknown({ text, kind }: TargetRequest, { vms, pifs, host }: Inventory): Result<never> {
  const names = [
    ...(kind === "pif" ? [] : vms.filter(({ role }) => role === "vm").map(({ name }) => name)),
    ...(kind === "vm"
      ? []
      : pifs.filter((pif) => pif.host.uuid === host.uuid).map(({ device }) => device)),
  ];
  const near = closest(text, names).map(quoted);
  const what = kind === "vm" ? "VM" : kind === "pif" ? "PIF of this host" : "VM, PIF or VIF";
  const advice =
    near.length > 0 ? `the closest: ${near.join(", ")}` : "offload status lists what there is";
  return usage("unknown-target", `no ${what} is called ${quoted(text)}; ${advice}`);
}

function select(found: readonly Found[], inventory: Inventory): Selection {
  const { host, pifs, vifs, vms } = inventory;
  const wholeHost = found.some(({ type }) => type === "host");
  const named = new Set(found.flatMap((one) => (one.type === "vm" ? [one.vm.uuid] : [])));
  const single = new Set(found.flatMap((one) => (one.type === "vif" ? [one.uuid] : [])));
  const nics = new Set(
    found.flatMap((one) => (one.type === "pif" ? one.nics.map(({ uuid }) => uuid) : [])),
  );
  const mine = pifs.filter((pif) => pif.role === "physical" && pif.host.uuid === host.uuid);
  const management = managementNics(inventory);
  const elsewhere = (vm: Vm) => vm.residentOn !== undefined && vm.residentOn.uuid !== host.uuid;
  const leftOut = wholeHost
    ? vms.filter((vm) => vm.role === "vm" && elsewhere(vm) && !named.has(vm.uuid))
    : [];
  const chosenNics = inNaturalOrder(
    mine.filter((pif) => wholeHost || nics.has(pif.uuid)),
    (pif) => pif.device,
  ).map((pif) => nicOf(pif, management));
  const wanted = vifs.filter(({ uuid, vm }) => {
    if (vm.role !== "vm") return false;
    return (wholeHost && !elsewhere(vm)) || named.has(vm.uuid) || single.has(uuid);
  });
  const chosenVifs = inOrderOfVms(wanted).map((vif) => guestsInterface(vif, host.uuid));
  const withVifs = new Set(vifs.map(({ vm }) => vm.uuid));
  return {
    interfaces: [...chosenNics, ...chosenVifs],
    wholeHost,
    leftOut,
    withoutVifs: vms.filter(({ uuid }) => named.has(uuid) && !withVifs.has(uuid)),
  };
}

/** Every NIC of this host and every VIF of the pool, by UUID, whatever is or is not a target. */
export function everyInterface(inventory: Inventory): ReadonlyMap<string, Interface> {
  const { host, pifs, vifs } = inventory;
  const management = managementNics(inventory);
  const nics = pifs
    .filter((pif) => pif.role === "physical" && pif.host.uuid === host.uuid)
    .map((pif) => nicOf(pif, management));
  const guests = vifs.map((vif) => guestsInterface(vif, host.uuid));
  return new Map([...nics, ...guests].map((subject) => [uuidOf(subject) ?? "", subject]));
}

function nicOf(pif: Pif, management: ReadonlySet<string>): NicInterface {
  return { kind: "pif", pif, management: management.has(pif.uuid) };
}

function guestsInterface(vif: Vif, hostUuid: string): VifInterface {
  return { kind: "vif", vif, vm: vif.vm, whereabouts: whereaboutsOf(vif, hostUuid) };
}

function managementNics({ pifs, host }: Inventory): ReadonlySet<string> {
  const management = pifs.filter((pif) => pif.management && pif.host.uuid === host.uuid);
  return new Set(management.flatMap((pif) => nicsUnder(pif, pifs).map(({ uuid }) => uuid)));
}

function inOrderOfVms(vifs: readonly Vif[]): readonly Vif[] {
  const byVm = Map.groupBy(vifs, ({ vm }) => vm);
  const vms = inNaturalOrder(
    [...byVm.keys()],
    ({ name }) => name,
    (a, b) => naturalOrder(a.uuid, b.uuid),
  );
  // VIFs are numbered within their VM: there are few numbers, whatever the number of VIFs.
  const numbers = inNaturalOrder([...new Set(vifs.map(({ device }) => device))], (one) => one);
  const places = new Map(numbers.map((device, place) => [device, place]));
  const placeOf = ({ device }: Vif) => places.get(device) ?? 0;
  return vms.flatMap((vm) => (byVm.get(vm) ?? []).sort((a, b) => placeOf(a) - placeOf(b)));
}
