import { hasPolicyEntry } from "../../core/policy-entries.ts";
import type { GuestScope, ReadScope } from "../../core/targets/read-scope.ts";
import type { InventoryRecords, XapiRecords } from "./build-inventory.ts";
import { allOf, anyOf, fieldEquals, fieldEqualsAny } from "./filter.ts";
import { findHostRef } from "./hosts.ts";
import { findNamedObjects, type NamedObjects, resolveScope } from "./named-objects.ts";
import { NULL_REF } from "./schemas.ts";
import type { XapiReader } from "./xapi-reader.ts";

/** Snapshots come by the hundred where backups are made, and none can be picked as a target. */
const NO_SNAPSHOTS_FILTER = fieldEquals("is_a_snapshot", "false");

/** Reads as much as the scope says: a number of calls that depends on what is named, not on the pool. */
export async function readInventoryRecords(
  reader: XapiReader,
  scope: ReadScope,
  hostUuid: string,
): Promise<InventoryRecords> {
  if (scope.kind === "pool") return await readPool(reader);
  if (scope.kind === "policy") return await readPolicy(reader, hostUuid);
  const { guests, requests } = resolveScope(scope);
  const [hosts, namedObjects] = await Promise.all([
    guests === "none" ? readOwnHost(reader, hostUuid) : reader.readRecords("host", "host.get_all_records"),
    findNamedObjects(reader, requests),
  ]);
  const hostRef = findHostRef(hosts, hostUuid);
  if (hostRef === NULL_REF) return { host: hosts, PIF: {}, VM: {}, VIF: {} };
  const [PIF, VM] = await Promise.all([
    readPifs(reader, hostRef, namedObjects.pifs),
    readVms(reader, hostRef, guests, namedObjects),
  ]);
  const [VIF, others] = await Promise.all([
    readVifs(reader, Object.keys(VM)),
    reader.readRecordsByRef("host", findUnreadHosts(hosts, PIF, VM)),
  ]);
  return { host: { ...hosts, ...others }, PIF, VM, VIF };
}

async function readPool(reader: XapiReader): Promise<InventoryRecords> {
  const [host, PIF, VM, VIF] = await Promise.all([
    reader.readRecords("host", "host.get_all_records"),
    reader.readRecords("PIF", "PIF.get_all_records"),
    reader.readRecords("VM", "VM.get_all_records_where", NO_SNAPSHOTS_FILTER),
    reader.readRecords("VIF", "VIF.get_all_records"),
  ]);
  return { host, PIF, VM, VIF };
}

/**
 * No filter looks into other_config, so every VIF is read; of the VMs only those that run here, and those
 * of VIFs with a text.
 */
async function readPolicy(reader: XapiReader, hostUuid: string): Promise<InventoryRecords> {
  const host = await reader.readRecords("host", "host.get_all_records");
  const hostRef = findHostRef(host, hostUuid);
  if (hostRef === NULL_REF) return { host, PIF: {}, VM: {}, VIF: {} };
  const [PIF, resident, allVifs] = await Promise.all([
    readPifs(reader, hostRef, []),
    reader.readRecords("VM", "VM.get_all_records_where", formatGuestFilter(hostRef, "resident")),
    reader.readRecords("VIF", "VIF.get_all_records"),
  ]);
  const entries = Object.entries(allVifs).filter(
    ([, vif]) => resident[vif.VM] !== undefined || hasPolicyEntry(vif.other_config),
  );
  const otherVms = new Set(entries.map(([, vif]) => vif.VM));
  for (const ref of Object.keys(resident)) otherVms.delete(ref);
  const VM = { ...resident, ...(await reader.readRecordsByRef("VM", [...otherVms])) };
  return { host, PIF, VM, VIF: Object.fromEntries(entries) };
}

function readOwnHost(reader: XapiReader, uuid: string): Promise<XapiRecords<"host">> {
  const filter = fieldEqualsAny("uuid", [uuid]);
  return filter === null
    ? reader.readRecords("host", "host.get_all_records")
    : reader.readRecords("host", "host.get_all_records_where", filter);
}

/** This host's PIFs, and those of others that were named by their UUIDs. */
async function readPifs(
  reader: XapiReader,
  hostRef: string,
  namedPifs: readonly string[],
): Promise<XapiRecords<"PIF">> {
  const own = await reader.readRecords("PIF", "PIF.get_all_records_where", fieldEquals("host", hostRef));
  const others = namedPifs.filter((ref) => own[ref] === undefined);
  return { ...own, ...(await reader.readRecordsByRef("PIF", others)) };
}

async function readVms(
  reader: XapiReader,
  hostRef: string,
  guests: GuestScope | "none",
  { vms, domids }: NamedObjects,
): Promise<XapiRecords<"VM">> {
  const filter = guests === "none" ? formatDomidFilter(hostRef, domids) : formatGuestFilter(hostRef, guests);
  const filtered = filter === null ? {} : await reader.readRecords("VM", "VM.get_all_records_where", filter);
  const others = vms.filter((ref) => filtered[ref] === undefined);
  return { ...filtered, ...(await reader.readRecordsByRef("VM", others)) };
}

/** Domids repeat between hosts. */
function formatDomidFilter(hostRef: string, domids: readonly string[]): string | null {
  if (domids.length === 0) return null;
  return allOf(fieldEquals("resident_on", hostRef), anyOf(...domids.map((domid) => fieldEquals("domid", domid))));
}

/** A start that failed leaves a halted VM with a host in `resident_on`: the state says so. */
function formatGuestFilter(hostRef: string, guests: GuestScope): string {
  const resident = fieldEquals("resident_on", hostRef);
  const halted = fieldEquals("power_state", "Halted");
  const location =
    guests === "resident"
      ? `${resident} and not (${halted})`
      : anyOf(resident, fieldEquals("resident_on", NULL_REF), halted);
  return allOf(fieldEquals("is_control_domain", "false"), fieldEquals("is_a_template", "false"), location);
}

/** The VIFs of these VMs. Where that takes too many alternatives, those of all: the others are dropped. */
export async function readVifs(reader: XapiReader, vms: readonly string[]): Promise<XapiRecords<"VIF">> {
  if (vms.length === 0) return {};
  const filter = fieldEqualsAny("VM", vms);
  return filter === null
    ? await reader.readRecords("VIF", "VIF.get_all_records")
    : await reader.readRecords("VIF", "VIF.get_all_records_where", filter);
}

function findUnreadHosts(
  hosts: XapiRecords<"host">,
  pifs: XapiRecords<"PIF">,
  vms: XapiRecords<"VM">,
): readonly string[] {
  const refs = [
    ...Object.values(pifs).map(({ host }) => host),
    ...Object.values(vms).map(({ resident_on }) => resident_on),
  ];
  return [...new Set(refs)].filter((ref) => ref !== NULL_REF && hosts[ref] === undefined);
}
