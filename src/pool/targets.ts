import type { Interface } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import { combineResults, type Result, success } from "../core/result.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import { parseTargetGroup, resolveTargets } from "../core/targets/targets.ts";
import type { PoolHost } from "../xapi/inventory/hosts.ts";
import type { Pool } from "./pool.ts";

/** What the hosts of a pool are asked to work on. */
export interface PoolTargets {
  /** For every host: ALL, NICS, VIFS; null where only what is named is worked on. */
  readonly groupArgs: readonly string[] | null;
  readonly namedTargets: readonly NamedTarget[];
}

/** An argument for one host: that of a NIC, or that on which a VM runs at the moment. */
type NamedTarget = { readonly arg: string } & ({ readonly hostUuid: string } | { readonly vmRef: string });

/**
 * Resolves names to UUIDs; the words for all of a host are left to each host. All or nothing: one bad
 * target fails the whole.
 */
export async function resolvePoolTargets(requests: readonly TargetRequest[], pool: Pool): Promise<Result<PoolTargets>> {
  const requestedGroups = requests
    .filter((request) => parseTargetGroup(request) !== null)
    .map(({ kind, text }) => (kind === "host" ? "--host" : text));
  const namedRequests = requests.filter((request) => parseTargetGroup(request) === null);
  const groupArgs = requestedGroups.length > 0 || requests.length === 0 ? requestedGroups : null;
  if (namedRequests.length === 0) return success({ groupArgs, namedTargets: [] });
  const inventory = await pool.session.readInventory({ kind: "pool" });
  if (!inventory.ok) return inventory;
  const resolved = combineResults(namedRequests.map((request) => resolveNamedTarget(request, inventory.value, pool)));
  return resolved.ok ? success({ groupArgs, namedTargets: resolved.value.flat() }) : resolved;
}

/** The arguments that name a host's share; null where nothing of what was named is on that host. */
export function buildTargetArgs(
  { groupArgs, namedTargets }: PoolTargets,
  host: PoolHost,
  { local, hosts }: Pick<Pool, "local" | "hosts">,
): readonly string[] | null {
  const isHalted = (vmRef: string) => !hosts.some(({ vms }) => vms.has(vmRef));
  const own = namedTargets.filter((target) =>
    "hostUuid" in target
      ? target.hostUuid === host.uuid
      : host.vms.has(target.vmRef) || (host.uuid === local.uuid && isHalted(target.vmRef)),
  );
  if (groupArgs === null && own.length === 0) return null;
  return [...new Set([...(groupArgs ?? []), ...own.map(({ arg }) => arg)])];
}

/** Which VMs have to be looked for again once they have moved: null for any. */
export function listMovableVms({ groupArgs, namedTargets }: PoolTargets): ReadonlySet<string> | null {
  const isNicsOnly = groupArgs !== null && groupArgs.length > 0 && groupArgs.every((group) => group === "NICS");
  if (groupArgs !== null && !isNicsOnly) return null;
  return new Set(namedTargets.flatMap((target) => ("vmRef" in target ? [target.vmRef] : [])));
}

/** A device such as eth0 is every host's that has it; a VM or a VIF is found once. */
function resolveNamedTarget(
  request: TargetRequest,
  inventory: Inventory,
  { hosts }: Pool,
): Result<readonly NamedTarget[]> {
  const localMatch = resolveTargets([request], inventory);
  if (localMatch.ok && !localMatch.value.interfaces.some(({ kind }) => kind === "pif")) {
    const { interfaces, vmsWithoutVifs } = localMatch.value;
    const vmTargets = vmsWithoutVifs.map(({ ref, uuid }) => ({ vmRef: ref, arg: `--vm=${uuid}` }));
    return success([...interfaces.flatMap((iface) => toVifTargets(iface, request)), ...vmTargets]);
  }
  const nicTargets: NamedTarget[] = [];
  for (const host of hosts) {
    const resolved = resolveTargets([request], { ...inventory, host });
    if (resolved.ok) nicTargets.push(...resolved.value.interfaces.flatMap(toNicTargets));
    else if (resolved.failures.some(({ code }) => code !== "pif-on-other-host")) return resolved;
  }
  return nicTargets.length === 0 && !localMatch.ok ? localMatch : success(nicTargets);
}

function toNicTargets(iface: Interface): readonly NamedTarget[] {
  if (iface.kind !== "pif") return [];
  return [{ hostUuid: iface.pif.host.uuid, arg: `--pif=${iface.pif.uuid}` }];
}

/** A VM that was named is passed on as such: it means its VIFs to come, too. */
function toVifTargets(iface: Interface, { text, kind }: TargetRequest): readonly NamedTarget[] {
  if (iface.kind !== "vif") return [];
  const { vm, vif } = iface;
  const isVm = kind === "vm" || vm.name === text || vm.uuid === text.toLowerCase();
  return [{ vmRef: vm.ref, arg: isVm ? `--vm=${vm.uuid}` : vif.uuid }];
}
