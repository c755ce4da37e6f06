import * as v from "valibot";
import type { GuestScope, ReadScope } from "../../core/targets/read-scope.ts";
import type { TargetRequest } from "../../core/targets/target-request.ts";
import { parseTargetGroup } from "../../core/targets/targets.ts";
import { RefsSchema } from "./schemas.ts";
import type { XapiReader } from "./xapi-reader.ts";

/** What a scope comes to: whose guests, and what is to be looked up by its name. */
export interface ResolvedScope {
  readonly guests: GuestScope | "none";
  readonly requests: readonly TargetRequest[];
}

/** Reads a scope: words such as ALL stand for guests, and are looked up too, for a VM may be called so. */
export function resolveScope(scope: Extract<ReadScope, { kind: "host" | "targets" }>): ResolvedScope {
  if (scope.kind === "host") return { guests: scope.guests, requests: [] };
  const { requests } = scope;
  const includesVifs = requests.some((request) => parseTargetGroup(request)?.vifs === true);
  return { guests: includesVifs ? scope.guests : "none", requests };
}

/** Where names lead, by reference. A name may lead to several things, or to none. */
export interface NamedObjects {
  readonly vms: readonly string[];
  readonly pifs: readonly string[];
  /** Domains on this host whose devices were named. */
  readonly domids: readonly string[];
}

const UUID_PATTERN = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Looks up what the targets name, each with calls that cost the same in any pool. */
export async function findNamedObjects(reader: XapiReader, requests: readonly TargetRequest[]): Promise<NamedObjects> {
  const matches = await Promise.all(requests.map((request) => findNamedObject(reader, request)));
  const collect = (part: keyof NamedObjects) => [...new Set(matches.flatMap((match) => match[part]))];
  return { vms: collect("vms"), pifs: collect("pifs"), domids: collect("domids") };
}

async function findNamedObject(reader: XapiReader, { text, kind }: TargetRequest): Promise<NamedObjects> {
  const canBeVm = kind === "any" || kind === "vm";
  const canBePif = kind === "any" || kind === "pif";
  const lowercase = text.toLowerCase();
  const uuid = UUID_PATTERN.test(lowercase) ? lowercase : null;
  const [vmsByName, vmsByUuid, vmsByVif, pifsByUuid] = await Promise.all([
    canBeVm ? reader.read(RefsSchema, "VM.get_by_name_label", text) : [],
    canBeVm ? findByUuid(reader, "VM", uuid) : [],
    kind === "any" ? findVmByVif(reader, uuid) : [],
    canBePif ? findByUuid(reader, "PIF", uuid) : [],
  ]);
  const [, domid] = /^(?:vif|tap)(\d{1,5})\.\d+$/.exec(text) ?? [];
  return {
    vms: [...vmsByName, ...vmsByUuid, ...vmsByVif],
    pifs: pifsByUuid,
    domids: kind === "any" && domid !== undefined ? [String(Number(domid))] : [],
  };
}

async function findByUuid(
  reader: XapiReader,
  className: "VM" | "VIF" | "PIF",
  uuid: string | null,
): Promise<readonly string[]> {
  if (uuid === null) return [];
  const ref = await reader.readOrNull(v.string(), `${className}.get_by_uuid`, uuid);
  return ref === null ? [] : [ref];
}

async function findVmByVif(reader: XapiReader, uuid: string | null): Promise<readonly string[]> {
  const [vif] = await findByUuid(reader, "VIF", uuid);
  if (vif === undefined) return [];
  const vm = await reader.readOrNull(v.string(), "VIF.get_VM", vif);
  return vm === null ? [] : [vm];
}
