import { mapCollectingFailures, usageError } from "../command-error.ts";
import { quoteShellWord } from "../disable/manual-commands.ts";
import { getUuid, type Interface, locateVif, type NicInterface, type VifInterface } from "../interface.ts";
import { findUnderlyingNics, type HostVmCount, type Inventory, type Pif, type Vif, type Vm } from "../inventory.ts";
import { compareNatural, sortNatural } from "../natural-order.ts";
import { quote } from "../text.ts";
import { Catalog } from "./catalog.ts";
import {
  createDuplicateNameError,
  createPifWithoutNicError,
  createRemotePifError,
  createUnknownTargetError,
} from "./target-errors.ts";
import type { TargetRequest } from "./target-request.ts";

/** What a word in capitals stands for: this host's NICs, the VIFs of VMs that run on no other host. */
export interface TargetGroup {
  readonly nics: boolean;
  readonly vifs: boolean;
}

const ALL_GROUP: TargetGroup = { nics: true, vifs: true };
const NICS_GROUP: TargetGroup = { nics: true, vifs: false };
const VIFS_GROUP: TargetGroup = { nics: false, vifs: true };
const TARGET_GROUPS: ReadonlyMap<string, TargetGroup> = new Map([
  ["ALL", ALL_GROUP],
  ["NICS", NICS_GROUP],
  ["VIFS", VIFS_GROUP],
]);

/** The whole host, whatever a VM may be called. */
export const WHOLE_HOST: TargetRequest = { text: "ALL", kind: "host" };

/** What is to be worked on, each interface once: NICs first, then VIFs by VM. */
export interface Selection {
  readonly interfaces: readonly Interface[];
  /** Which of the words were among the targets: ALL is both. */
  readonly groups: TargetGroup;
  /** UUIDs of VIFs that were named by themselves, and whose VM was not. */
  readonly individualVifs: ReadonlySet<string>;
  /** VMs that ALL or VIFS left out because they run on another host. */
  readonly vmsOnOtherHosts: readonly HostVmCount[];
  /** VMs that were named and have no VIF at all. */
  readonly vmsWithoutVifs: readonly Vm[];
}

type TargetMatch =
  | { readonly type: "word"; readonly word: TargetGroup }
  | { readonly type: "vm"; readonly vm: Vm }
  | { readonly type: "pif"; readonly nics: readonly Pif[] }
  | { readonly type: "vif"; readonly uuid: string };

/** What a target stands for if it is one of the words; null for the name of a single thing. */
export function parseTargetGroup({ text, kind }: TargetRequest): TargetGroup | null {
  switch (kind) {
    case "host":
      return ALL_GROUP;
    case "nics":
      return NICS_GROUP;
    case "vifs":
      return VIFS_GROUP;
    case "any":
      return TARGET_GROUPS.get(text) ?? null;
    case "vm":
    case "pif":
      return null;
  }
}

/** What else can be a target. */
export interface TargetOptions {
  /** Templates and snapshots, by UUID: what is stored with them can be restored. */
  readonly includeTemplates: boolean;
}

/**
 * Finds out what the targets mean. All or nothing: one that is unknown, ambiguous or impossible
 * fails the whole, with a sentence for each bad one.
 */
export function resolveTargets(
  requests: readonly TargetRequest[],
  inventory: Inventory,
  options: TargetOptions = { includeTemplates: false },
): Selection {
  const catalog = new Catalog(inventory);
  const matches = mapCollectingFailures(requests, (request) => resolveTarget(request, inventory, catalog, options));
  return buildSelection(matches, inventory);
}

/** XAPI takes names of any length; what is pending is kept on disk with its targets as they were named. */
const MAX_TARGET_LENGTH = 1024;

/** Checks a target by its spelling alone, before anything is read. */
export function checkSpelling({ text, kind }: TargetRequest): void {
  if (text.trim() === "") {
    throw usageError("empty-target", "a target is empty; name a VM, a PIF, a VIF or ALL");
  }
  if (text.length > MAX_TARGET_LENGTH) {
    throw usageError(
      "target-too-long",
      `a target has ${text.length} characters, and ${MAX_TARGET_LENGTH} are taken; name it by its UUID`,
    );
  }
  const uppercase = text.toUpperCase();
  if (kind === "any" && text !== uppercase && TARGET_GROUPS.has(uppercase)) {
    throw usageError(
      "all-must-be-uppercase",
      `${quote(text)} is not a target; the word is ${uppercase}, in capital letters`,
    );
  }
}

function resolveTarget(
  request: TargetRequest,
  inventory: Inventory,
  catalog: Catalog,
  { includeTemplates }: TargetOptions,
): TargetMatch {
  checkSpelling(request);
  const { text, kind } = request;
  const group = parseTargetGroup(request);
  if (group !== null) return kind === "any" ? resolveGroup(text, group, inventory) : createGroupMatch(group);
  const candidates = kind === "pif" ? [] : catalog.findVms(text);
  const uuid = text.toLowerCase();
  const vms = candidates.filter(
    (vm) => vm.role === "vm" || (includeTemplates && vm.role !== "control domain" && vm.uuid === uuid),
  );
  const pifs = kind === "vm" ? [] : catalog.findPifs(text);
  const localPifs = pifs.filter((pif) => pif.host.uuid === inventory.host.uuid);
  const vif = kind === "any" ? catalog.findVif(text) : undefined;
  // Tenants choose names: a UUID is never taken from the object whose it is.
  const isDeviceUuid = pifs.some((pif) => pif.uuid === uuid) || vif?.uuid === uuid;
  if (vms.length > 0 && !isDeviceUuid) {
    if (localPifs.length === 0 && vif === undefined) return resolveVm(text, vms);
    const device = vif === undefined ? `--pif ${quoteShellWord(text)}` : `the VIF's UUID, ${vif.uuid}`;
    throw usageError(
      "ambiguous-target",
      `${quote(text)} is both a VM and a device; pass --vm ${quoteShellWord(text)} or ${device}`,
    );
  }
  const pif = localPifs[0] ?? pifs[0];
  if (pif !== undefined) return resolvePif(text, pif, inventory);
  if (vif !== undefined) return { type: "vif", uuid: vif.uuid };
  const [nonVm] = candidates;
  throw nonVm === undefined
    ? createUnknownTargetError(request, inventory, catalog)
    : usageError("not-a-vm", `${quote(text)} is a ${nonVm.role}, not a VM; name a VM`);
}

function resolveGroup(text: string, group: TargetGroup, { vms }: Inventory): TargetMatch {
  if (!vms.some(({ name, role }) => role === "vm" && name === text)) return createGroupMatch(group);
  const others = group === ALL_GROUP ? ", or --host for the whole host" : "";
  throw usageError("ambiguous-target", `a VM is called "${text}"; pass --vm ${text} for that VM${others}`);
}

function createGroupMatch(group: TargetGroup): TargetMatch {
  return { type: "word", word: group };
}

function resolveVm(text: string, vms: readonly Vm[]): TargetMatch {
  const [vm] = vms;
  if (vm === undefined || vms.length > 1) throw createDuplicateNameError(text, vms);
  return { type: "vm", vm };
}

function resolvePif(text: string, pif: Pif, { host, pifs }: Inventory): TargetMatch {
  if (pif.host.uuid !== host.uuid) throw createRemotePifError(text, pif);
  const nics = findUnderlyingNics(pif, pifs);
  if (nics.length === 0) throw createPifWithoutNicError(text, pif);
  return { type: "pif", nics };
}

function buildSelection(matches: readonly TargetMatch[], inventory: Inventory): Selection {
  const { host, pifs, vifs, vms } = inventory;
  const groups = matches.flatMap((match) => (match.type === "word" ? [match.word] : []));
  const mergedGroup = {
    nics: groups.some((word) => word.nics),
    vifs: groups.some((word) => word.vifs),
  };
  const vmUuids = new Set(matches.flatMap((match) => (match.type === "vm" ? [match.vm.uuid] : [])));
  const vifUuids = new Set(matches.flatMap((match) => (match.type === "vif" ? [match.uuid] : [])));
  const nicUuids = new Set(
    matches.flatMap((match) => (match.type === "pif" ? match.nics.map(({ uuid }) => uuid) : [])),
  );
  const ownNics = pifs.filter((pif) => pif.role === "physical" && pif.host.uuid === host.uuid);
  const management = findManagementNics(inventory);
  const runsOnOtherHost = (vm: Vm) => vm.residentOn !== undefined && vm.residentOn.uuid !== host.uuid;
  const selectedNics = sortNatural(
    ownNics.filter((pif) => mergedGroup.nics || nicUuids.has(pif.uuid)),
    (pif) => pif.device,
  ).map((pif) => createNicInterface(pif, management));
  const matchingVifs = vifs.filter(
    ({ uuid, vm }) =>
      (mergedGroup.vifs && vm.role === "vm" && !runsOnOtherHost(vm)) || vmUuids.has(vm.uuid) || vifUuids.has(uuid),
  );
  const selectedVifs = sortByVm(matchingVifs).map((vif) => createVifInterface(vif, host.uuid));
  const vmUuidsWithVifs = new Set(vifs.map(({ vm }) => vm.uuid));
  const individualVifs = matchingVifs.filter(({ uuid, vm }) => vifUuids.has(uuid) && !vmUuids.has(vm.uuid));
  const remoteVms = vms.filter((vm) => vm.role === "vm" && runsOnOtherHost(vm) && !vmUuids.has(vm.uuid));
  return {
    interfaces: [...selectedNics, ...selectedVifs],
    groups: mergedGroup,
    individualVifs: new Set(individualVifs.map(({ uuid }) => uuid)),
    vmsOnOtherHosts: mergedGroup.vifs ? countVmsByHost(inventory, remoteVms) : [],
    vmsWithoutVifs: vms.filter(({ uuid }) => vmUuids.has(uuid) && !vmUuidsWithVifs.has(uuid)),
  };
}

/** How many VMs run on each other host. */
export function countVmsOnOtherHosts(inventory: Inventory): readonly HostVmCount[] {
  const { host, vms } = inventory;
  const remoteVms = vms.filter(
    ({ role, residentOn }) => role === "vm" && residentOn !== undefined && residentOn.uuid !== host.uuid,
  );
  return countVmsByHost(inventory, remoteVms);
}

/** What was counted on other hosts, and VMs there that were read. */
function countVmsByHost({ unreadVmCounts }: Inventory, readVms: readonly Vm[]): readonly HostVmCount[] {
  const counts = new Map(unreadVmCounts.map((hostCount) => [hostCount.host.uuid, hostCount]));
  for (const { residentOn: host } of readVms) {
    if (host === undefined) continue;
    counts.set(host.uuid, { host, count: (counts.get(host.uuid)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}

/** Every NIC of this host and every VIF of the pool, by UUID, whatever is or is not a target. */
export function indexInterfaces(inventory: Inventory): ReadonlyMap<string, Interface> {
  const { host, pifs, vifs } = inventory;
  const management = findManagementNics(inventory);
  const nics = pifs
    .filter((pif) => pif.role === "physical" && pif.host.uuid === host.uuid)
    .map((pif) => createNicInterface(pif, management));
  const guests = vifs.map((vif) => createVifInterface(vif, host.uuid));
  return new Map([...nics, ...guests].map((iface) => [getUuid(iface) ?? "", iface]));
}

function createNicInterface(pif: Pif, management: ReadonlySet<string>): NicInterface {
  return { kind: "pif", pif, management: management.has(pif.uuid) };
}

function createVifInterface(vif: Vif, hostUuid: string): VifInterface {
  return { kind: "vif", vif, vm: vif.vm, location: locateVif(vif, hostUuid) };
}

function findManagementNics({ pifs, host }: Inventory): ReadonlySet<string> {
  const management = pifs.filter((pif) => pif.management && pif.host.uuid === host.uuid);
  return new Set(management.flatMap((pif) => findUnderlyingNics(pif, pifs).map(({ uuid }) => uuid)));
}

function sortByVm(vifs: readonly Vif[]): readonly Vif[] {
  const byVm = Map.groupBy(vifs, ({ vm }) => vm);
  const vms = sortNatural(
    [...byVm.keys()],
    ({ name }) => name,
    (a, b) => compareNatural(a.uuid, b.uuid),
  );
  // VIFs are numbered within their VM: there are few numbers, whatever the number of VIFs.
  const vifNumbers = sortNatural([...new Set(vifs.map(({ device }) => device))], (vifNumber) => vifNumber);
  const positions = new Map(vifNumbers.map((device, position) => [device, position]));
  const getPosition = ({ device }: Vif) => positions.get(device) ?? 0;
  return vms.flatMap((vm) => (byVm.get(vm) ?? []).sort((a, b) => getPosition(a) - getPosition(b)));
}
