import { hasText } from "../../core/policy-text.ts";
import type { GuestShare, ReadScope } from "../../core/targets/read-scope.ts";
import { allOf, anyOf, fieldIs, fieldIsAnyOf } from "./filter.ts";
import { refOfHost } from "./hosts.ts";
import type { RawInventory, RecordsOf } from "./inventory.ts";
import { findNamed, type Named, readShare } from "./named.ts";
import type { Reader } from "./reader.ts";
import { NULL_REF } from "./values.ts";

/** Snapshots come by the hundred where backups are made, and none can be picked as a target. */
const NO_SNAPSHOTS = fieldIs("is_a_snapshot", "false");

/** Reads as much as the scope says: a number of calls that depends on what is named, not on the pool. */
export async function readInventory(
  reader: Reader,
  scope: ReadScope,
  hostUuid: string,
): Promise<RawInventory> {
  if (scope.kind === "pool") return await readPool(reader);
  if (scope.kind === "policy") return await readPolicy(reader, hostUuid);
  const { guests, requests } = readShare(scope);
  const [hosts, named] = await Promise.all([
    guests === "none"
      ? readOwnHost(reader, hostUuid)
      : reader.records("host", "host.get_all_records"),
    findNamed(reader, requests),
  ]);
  const self = refOfHost(hosts, hostUuid);
  if (self === NULL_REF) return { host: hosts, PIF: {}, VM: {}, VIF: {} };
  const [PIF, VM] = await Promise.all([
    readPifs(reader, self, named.pifs),
    readVms(reader, self, guests, named),
  ]);
  const [VIF, others] = await Promise.all([
    readVifs(reader, Object.keys(VM)),
    reader.recordsOf("host", unknownHosts(hosts, PIF, VM)),
  ]);
  return { host: { ...hosts, ...others }, PIF, VM, VIF };
}

async function readPool(reader: Reader): Promise<RawInventory> {
  const [host, PIF, VM, VIF] = await Promise.all([
    reader.records("host", "host.get_all_records"),
    reader.records("PIF", "PIF.get_all_records"),
    reader.records("VM", "VM.get_all_records_where", NO_SNAPSHOTS),
    reader.records("VIF", "VIF.get_all_records"),
  ]);
  return { host, PIF, VM, VIF };
}

/**
 * No filter looks into other_config, so every VIF is read; of the VMs only those that run here, and those
 * of VIFs with a text.
 */
async function readPolicy(reader: Reader, hostUuid: string): Promise<RawInventory> {
  const host = await reader.records("host", "host.get_all_records");
  const self = refOfHost(host, hostUuid);
  if (self === NULL_REF) return { host, PIF: {}, VM: {}, VIF: {} };
  const [PIF, resident, all] = await Promise.all([
    readPifs(reader, self, []),
    reader.records("VM", "VM.get_all_records_where", shareOf(self, "resident")),
    reader.records("VIF", "VIF.get_all_records"),
  ]);
  const entries = Object.entries(all).filter(
    ([, vif]) => resident[vif.VM] !== undefined || hasText(vif.other_config),
  );
  const others = new Set(entries.map(([, vif]) => vif.VM));
  for (const ref of Object.keys(resident)) others.delete(ref);
  const VM = { ...resident, ...(await reader.recordsOf("VM", [...others])) };
  return { host, PIF, VM, VIF: Object.fromEntries(entries) };
}

function readOwnHost(reader: Reader, uuid: string): Promise<RecordsOf<"host">> {
  const filter = fieldIsAnyOf("uuid", [uuid]);
  return filter === null
    ? reader.records("host", "host.get_all_records")
    : reader.records("host", "host.get_all_records_where", filter);
}

/** This host's PIFs, and those of others that were named by their UUIDs. */
async function readPifs(
  reader: Reader,
  self: string,
  named: readonly string[],
): Promise<RecordsOf<"PIF">> {
  const own = await reader.records("PIF", "PIF.get_all_records_where", fieldIs("host", self));
  const others = named.filter((ref) => own[ref] === undefined);
  return { ...own, ...(await reader.recordsOf("PIF", others)) };
}

async function readVms(
  reader: Reader,
  self: string,
  guests: GuestShare | "none",
  { vms, domids }: Named,
): Promise<RecordsOf<"VM">> {
  const filter = guests === "none" ? byDomid(self, domids) : shareOf(self, guests);
  const filtered =
    filter === null ? {} : await reader.records("VM", "VM.get_all_records_where", filter);
  const others = vms.filter((ref) => filtered[ref] === undefined);
  return { ...filtered, ...(await reader.recordsOf("VM", others)) };
}

/** Domids repeat between hosts. */
function byDomid(self: string, domids: readonly string[]): string | null {
  if (domids.length === 0) return null;
  return allOf(
    fieldIs("resident_on", self),
    anyOf(...domids.map((domid) => fieldIs("domid", domid))),
  );
}

/** A start that failed leaves a halted VM with a host in `resident_on`: the state tells. */
function shareOf(self: string, guests: GuestShare): string {
  const resident = fieldIs("resident_on", self);
  const halted = fieldIs("power_state", "Halted");
  const where =
    guests === "resident"
      ? `${resident} and not (${halted})`
      : anyOf(resident, fieldIs("resident_on", NULL_REF), halted);
  return allOf(fieldIs("is_control_domain", "false"), fieldIs("is_a_template", "false"), where);
}

/** The VIFs of these VMs. Where that takes too many alternatives, those of all: the others are dropped. */
export async function readVifs(reader: Reader, vms: readonly string[]): Promise<RecordsOf<"VIF">> {
  if (vms.length === 0) return {};
  const filter = fieldIsAnyOf("VM", vms);
  return filter === null
    ? await reader.records("VIF", "VIF.get_all_records")
    : await reader.records("VIF", "VIF.get_all_records_where", filter);
}

function unknownHosts(
  hosts: RecordsOf<"host">,
  pifs: RecordsOf<"PIF">,
  vms: RecordsOf<"VM">,
): readonly string[] {
  const wanted = [
    ...Object.values(pifs).map(({ host }) => host),
    ...Object.values(vms).map(({ resident_on }) => resident_on),
  ];
  return [...new Set(wanted)].filter((ref) => ref !== NULL_REF && hosts[ref] === undefined);
}
