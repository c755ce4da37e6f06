import { shellQuoted } from "../disable/manual-commands.ts";
import {
  type Interface,
  type NicInterface,
  uuidOf,
  type VifInterface,
  whereaboutsOf,
} from "../interface.ts";
import {
  type HostCount,
  type Inventory,
  nicsUnder,
  type Pif,
  type Vif,
  type Vm,
} from "../inventory.ts";
import { inNaturalOrder, naturalOrder } from "../natural-order.ts";
import { all, type Result, success, usage } from "../result.ts";
import { quoted } from "../text.ts";
import { Catalogue } from "./catalog.ts";
import { duplicateName, pifOfAnotherHost, pifWithoutNic, unknownTarget } from "./refusals.ts";

/**
 * One target as the user wrote it; `kind` is what `--vm`, `--pif` or `--host` pinned down. The last
 * three stand for ALL, NICS and VIFS, whatever a VM may be called.
 */
export interface TargetRequest {
  readonly text: string;
  readonly kind: "any" | "vm" | "pif" | "host" | "nics" | "vifs";
}

/** What a word in capitals stands for: this host's NICs, the VIFs of VMs that run on no other host. */
export interface Word {
  readonly nics: boolean;
  readonly vifs: boolean;
}

const BOTH: Word = { nics: true, vifs: true };
const NICS: Word = { nics: true, vifs: false };
const VIFS: Word = { nics: false, vifs: true };
const WORDS: ReadonlyMap<string, Word> = new Map([
  ["ALL", BOTH],
  ["NICS", NICS],
  ["VIFS", VIFS],
]);

/** The whole host, whatever a VM may be called. */
export const WHOLE_HOST: TargetRequest = { text: "ALL", kind: "host" };

/** What is to be worked on, each interface once: NICs first, then VIFs by VM. */
export interface Selection {
  readonly interfaces: readonly Interface[];
  /** Which of the words were among the targets: ALL is both. */
  readonly rule: Word;
  /** UUIDs of VIFs that were named by themselves, and whose VM was not. */
  readonly alone: ReadonlySet<string>;
  /** VMs that ALL or VIFS left out because they run on another host. */
  readonly leftOut: readonly HostCount[];
  /** VMs that were named and have no VIF at all. */
  readonly withoutVifs: readonly Vm[];
}

type Found =
  | { readonly type: "word"; readonly word: Word }
  | { readonly type: "vm"; readonly vm: Vm }
  | { readonly type: "pif"; readonly nics: readonly Pif[] }
  | { readonly type: "vif"; readonly uuid: string };

/** What a target stands for if it is one of the words; null for the name of a single thing. */
export function wordOf({ text, kind }: TargetRequest): Word | null {
  switch (kind) {
    case "host":
      return BOTH;
    case "nics":
      return NICS;
    case "vifs":
      return VIFS;
    case "any":
      return WORDS.get(text) ?? null;
    case "vm":
    case "pif":
      return null;
  }
}

/** What else can be a target. */
export interface TargetOptions {
  /** Templates and snapshots, by UUID: what is stored with them can be restored. */
  readonly templates: boolean;
}

/**
 * Finds out what the targets mean. All or nothing: one that is unknown, ambiguous or impossible
 * fails the whole, with a sentence for each bad one.
 */
export function resolveTargets(
  requests: readonly TargetRequest[],
  inventory: Inventory,
  options: TargetOptions = { templates: false },
): Result<Selection> {
  const catalogue = new Catalogue(inventory);
  const found = all(requests.map((request) => find(request, inventory, catalogue, options)));
  return found.ok ? success(select(found.value, inventory)) : found;
}

/** Judges a target by its spelling alone, before anything is read. */
export function checkSpelling({ text, kind }: TargetRequest): Result<void> {
  if (text.trim() === "") {
    return usage("empty-target", "a target is empty; name a VM, a PIF, a VIF or ALL");
  }
  const word = text.toUpperCase();
  if (kind === "any" && text !== word && WORDS.has(word)) {
    return usage(
      "all-must-be-uppercase",
      `${quoted(text)} is not a target; the word is ${word}, in capital letters`,
    );
  }
  return SPELLED_RIGHT;
}

const SPELLED_RIGHT = success(undefined);

function find(
  request: TargetRequest,
  inventory: Inventory,
  catalogue: Catalogue,
  { templates }: TargetOptions,
): Result<Found> {
  const spelling = checkSpelling(request);
  if (!spelling.ok) return spelling;
  const { text, kind } = request;
  const word = wordOf(request);
  if (word !== null) return kind === "any" ? findWord(text, word, inventory) : asWord(word);
  const called = kind === "pif" ? [] : catalogue.vmsCalled(text);
  const uuid = text.toLowerCase();
  const vms = called.filter(
    (vm) => vm.role === "vm" || (templates && vm.role !== "control domain" && vm.uuid === uuid),
  );
  const pifs = kind === "vm" ? [] : catalogue.pifsCalled(text);
  const local = pifs.filter((pif) => pif.host.uuid === inventory.host.uuid);
  const vif = kind === "any" ? catalogue.vifCalled(text) : undefined;
  // Tenants choose names: a UUID is never taken from the object whose it is.
  const byUuid = pifs.some((pif) => pif.uuid === uuid) || vif?.uuid === uuid;
  if (vms.length > 0 && !byUuid) {
    if (local.length === 0 && vif === undefined) return asVm(text, vms);
    const device = vif === undefined ? `--pif ${shellQuoted(text)}` : `the VIF's UUID, ${vif.uuid}`;
    return usage(
      "ambiguous-target",
      `${quoted(text)} is both a VM and a device; say --vm ${shellQuoted(text)} or ${device}`,
    );
  }
  const pif = local[0] ?? pifs[0];
  if (pif !== undefined) return asPif(text, pif, inventory);
  if (vif !== undefined) return success({ type: "vif", uuid: vif.uuid });
  const [other] = called;
  return other === undefined
    ? unknownTarget(request, inventory, catalogue)
    : usage("not-a-vm", `${quoted(text)} is a ${other.role}, not a VM; name a VM`);
}

function findWord(text: string, word: Word, { vms }: Inventory): Result<Found> {
  if (!vms.some(({ name, role }) => role === "vm" && name === text)) return asWord(word);
  const others = word === BOTH ? ", or --host for the whole host" : "";
  return usage(
    "ambiguous-target",
    `a VM is called "${text}"; say --vm ${text} for that VM${others}`,
  );
}

function asWord(word: Word): Result<Found> {
  return success({ type: "word", word });
}

function asVm(text: string, vms: readonly Vm[]): Result<Found> {
  const [vm] = vms;
  return vm === undefined || vms.length > 1
    ? duplicateName(text, vms)
    : success({ type: "vm", vm });
}

function asPif(text: string, pif: Pif, { host, pifs }: Inventory): Result<Found> {
  if (pif.host.uuid !== host.uuid) return pifOfAnotherHost(text, pif);
  const nics = nicsUnder(pif, pifs);
  return nics.length > 0 ? success({ type: "pif", nics }) : pifWithoutNic(text, pif);
}

function select(found: readonly Found[], inventory: Inventory): Selection {
  const { host, pifs, vifs, vms } = inventory;
  const words = found.flatMap((one) => (one.type === "word" ? [one.word] : []));
  const rule = { nics: words.some((word) => word.nics), vifs: words.some((word) => word.vifs) };
  const named = new Set(found.flatMap((one) => (one.type === "vm" ? [one.vm.uuid] : [])));
  const single = new Set(found.flatMap((one) => (one.type === "vif" ? [one.uuid] : [])));
  const nics = new Set(
    found.flatMap((one) => (one.type === "pif" ? one.nics.map(({ uuid }) => uuid) : [])),
  );
  const own = pifs.filter((pif) => pif.role === "physical" && pif.host.uuid === host.uuid);
  const management = managementNics(inventory);
  const runsElsewhere = (vm: Vm) => vm.residentOn !== undefined && vm.residentOn.uuid !== host.uuid;
  const chosenNics = inNaturalOrder(
    own.filter((pif) => rule.nics || nics.has(pif.uuid)),
    (pif) => pif.device,
  ).map((pif) => nicOf(pif, management));
  const wanted = vifs.filter(
    ({ uuid, vm }) =>
      (rule.vifs && vm.role === "vm" && !runsElsewhere(vm)) ||
      named.has(vm.uuid) ||
      single.has(uuid),
  );
  const chosenVifs = inOrderOfVms(wanted).map((vif) => guestsInterface(vif, host.uuid));
  const withVifs = new Set(vifs.map(({ vm }) => vm.uuid));
  const alone = wanted.filter(({ uuid, vm }) => single.has(uuid) && !named.has(vm.uuid));
  const others = vms.filter((vm) => vm.role === "vm" && runsElsewhere(vm) && !named.has(vm.uuid));
  return {
    interfaces: [...chosenNics, ...chosenVifs],
    rule,
    alone: new Set(alone.map(({ uuid }) => uuid)),
    leftOut: rule.vifs ? countByHost(inventory, others) : [],
    withoutVifs: vms.filter(({ uuid }) => named.has(uuid) && !withVifs.has(uuid)),
  };
}

/** How many VMs run on each other host. */
export function countElsewhere(inventory: Inventory): readonly HostCount[] {
  const { host, vms } = inventory;
  const others = vms.filter(
    ({ role, residentOn }) =>
      role === "vm" && residentOn !== undefined && residentOn.uuid !== host.uuid,
  );
  return countByHost(inventory, others);
}

/** What was counted on other hosts, and VMs there that were read. */
function countByHost({ elsewhere }: Inventory, read: readonly Vm[]): readonly HostCount[] {
  const counts = new Map(elsewhere.map((one) => [one.host.uuid, one]));
  for (const { residentOn: host } of read) {
    if (host === undefined) continue;
    counts.set(host.uuid, { host, count: (counts.get(host.uuid)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
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
