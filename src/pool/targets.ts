import type { Interface } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import { all, type Result, success } from "../core/result.ts";
import { resolveTargets, type TargetRequest, wordOf } from "../core/targets/targets.ts";
import type { PoolHost } from "../xapi/inventory/hosts.ts";
import type { Pool } from "./hosts.ts";

/** What the hosts of a pool are asked to work on. */
export interface PoolTargets {
  /** For every host: ALL, NICS, VIFS; null where only what is named is worked on. */
  readonly words: readonly string[] | null;
  readonly named: readonly NamedTarget[];
}

/** An argument for one host: that of a NIC, or that on which a VM runs at the moment. */
type NamedTarget = { readonly arg: string } & (
  | { readonly hostUuid: string }
  | { readonly vmRef: string }
);

/**
 * Resolves names to UUIDs; the words for all of a host are left to each host. All or nothing: one bad
 * target fails the whole.
 */
export async function resolvePoolTargets(
  requests: readonly TargetRequest[],
  pool: Pool,
): Promise<Result<PoolTargets>> {
  const words = requests
    .filter((request) => wordOf(request) !== null)
    .map(({ kind, text }) => (kind === "host" ? "--host" : text));
  const names = requests.filter((request) => wordOf(request) === null);
  const everywhere = words.length > 0 || requests.length === 0 ? words : null;
  if (names.length === 0) return success({ words: everywhere, named: [] });
  const inventory = await pool.session.inventory({ kind: "pool" });
  if (!inventory.ok) return inventory;
  const found = all(names.map((request) => findNamed(request, inventory.value, pool)));
  return found.ok ? success({ words: everywhere, named: found.value.flat() }) : found;
}

/** The arguments that name a host's share; null where nothing of what was named is on that host. */
export function targetArgs(
  { words, named }: PoolTargets,
  host: PoolHost,
  { local, hosts }: Pick<Pool, "local" | "hosts">,
): readonly string[] | null {
  const runsNowhere = (vmRef: string) => !hosts.some(({ vms }) => vms.has(vmRef));
  const own = named.filter((target) =>
    "hostUuid" in target
      ? target.hostUuid === host.uuid
      : host.vms.has(target.vmRef) || (host.uuid === local.uuid && runsNowhere(target.vmRef)),
  );
  if (words === null && own.length === 0) return null;
  return [...new Set([...(words ?? []), ...own.map(({ arg }) => arg)])];
}

/** Which VMs have to be looked for again once they have moved: null for any. */
export function movableVms({ words, named }: PoolTargets): ReadonlySet<string> | null {
  const isNicsOnly = words !== null && words.length > 0 && words.every((word) => word === "NICS");
  if (words !== null && !isNicsOnly) return null;
  return new Set(named.flatMap((target) => ("vmRef" in target ? [target.vmRef] : [])));
}

/** A device such as eth0 is every host's that has it; a VM or a VIF is found once. */
function findNamed(
  request: TargetRequest,
  inventory: Inventory,
  { hosts }: Pool,
): Result<readonly NamedTarget[]> {
  const local = resolveTargets([request], inventory);
  if (local.ok && !local.value.interfaces.some(({ kind }) => kind === "pif")) {
    const { interfaces, withoutVifs } = local.value;
    const bare = withoutVifs.map(({ ref, uuid }) => ({ vmRef: ref, arg: `--vm=${uuid}` }));
    return success([...interfaces.flatMap((iface) => guestTarget(iface, request)), ...bare]);
  }
  const nics: NamedTarget[] = [];
  for (const host of hosts) {
    const resolved = resolveTargets([request], { ...inventory, host });
    if (resolved.ok) nics.push(...resolved.value.interfaces.flatMap(nicTarget));
    else if (resolved.failures.some(({ code }) => code !== "pif-of-another-host")) return resolved;
  }
  return nics.length === 0 && !local.ok ? local : success(nics);
}

function nicTarget(iface: Interface): readonly NamedTarget[] {
  if (iface.kind !== "pif") return [];
  return [{ hostUuid: iface.pif.host.uuid, arg: `--pif=${iface.pif.uuid}` }];
}

/** A VM that was named is passed on as such: it means its VIFs to come, too. */
function guestTarget(iface: Interface, { text, kind }: TargetRequest): readonly NamedTarget[] {
  if (iface.kind !== "vif") return [];
  const { vm, vif } = iface;
  const isVm = kind === "vm" || vm.name === text || vm.uuid === text.toLowerCase();
  return [{ vmRef: vm.ref, arg: isVm ? `--vm=${vm.uuid}` : vif.uuid }];
}
