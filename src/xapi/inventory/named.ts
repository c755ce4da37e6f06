import * as v from "valibot";
import type { GuestShare, ReadScope } from "../../core/targets/read-scope.ts";
import { type TargetRequest, wordOf } from "../../core/targets/targets.ts";
import type { Reader } from "./reader.ts";
import { Refs } from "./values.ts";

/** What a scope comes to: whose guests, and what is to be looked up by its name. */
export interface ReadShare {
  readonly guests: GuestShare | "none";
  readonly requests: readonly TargetRequest[];
}

/** Reads a scope: words such as ALL stand for guests, and are looked up too, for a VM may be called so. */
export function readShare(scope: Extract<ReadScope, { kind: "host" | "targets" }>): ReadShare {
  if (scope.kind === "host") return { guests: scope.guests, requests: [] };
  const { requests } = scope;
  const hasGuests = requests.some((request) => wordOf(request)?.vifs === true);
  return { guests: hasGuests ? scope.guests : "none", requests };
}

/** Where names lead, by reference. A name may lead to several things, or to none. */
export interface Named {
  readonly vms: readonly string[];
  readonly pifs: readonly string[];
  /** Domains on this host whose devices were named. */
  readonly domids: readonly string[];
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Looks up what the targets name, each with calls that cost the same in any pool. */
export async function findNamed(
  reader: Reader,
  requests: readonly TargetRequest[],
): Promise<Named> {
  const found = await Promise.all(requests.map((request) => findOne(reader, request)));
  const union = (part: keyof Named) => [...new Set(found.flatMap((one) => one[part]))];
  return { vms: union("vms"), pifs: union("pifs"), domids: union("domids") };
}

async function findOne(reader: Reader, { text, kind }: TargetRequest): Promise<Named> {
  const isVm = kind === "any" || kind === "vm";
  const isPif = kind === "any" || kind === "pif";
  const lower = text.toLowerCase();
  const uuid = UUID.test(lower) ? lower : null;
  const [called, vm, ofVif, pif] = await Promise.all([
    isVm ? reader.value(Refs, "VM.get_by_name_label", text) : [],
    isVm ? byUuid(reader, "VM", uuid) : [],
    kind === "any" ? vmOfVif(reader, uuid) : [],
    isPif ? byUuid(reader, "PIF", uuid) : [],
  ]);
  const [, domid] = /^(?:vif|tap)(\d{1,5})\.\d+$/.exec(text) ?? [];
  return {
    vms: [...called, ...vm, ...ofVif],
    pifs: pif,
    domids: kind === "any" && domid !== undefined ? [String(Number(domid))] : [],
  };
}

async function byUuid(
  reader: Reader,
  name: "VM" | "VIF" | "PIF",
  uuid: string | null,
): Promise<readonly string[]> {
  if (uuid === null) return [];
  const ref = await reader.valueIfThere(v.string(), `${name}.get_by_uuid`, uuid);
  return ref === null ? [] : [ref];
}

async function vmOfVif(reader: Reader, uuid: string | null): Promise<readonly string[]> {
  const [vif] = await byUuid(reader, "VIF", uuid);
  if (vif === undefined) return [];
  const vm = await reader.valueIfThere(v.string(), "VIF.get_VM", vif);
  return vm === null ? [] : [vm];
}
