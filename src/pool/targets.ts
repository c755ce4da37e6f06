import { attempt, CommandError, mapCollectingFailures } from "../core/command-error.ts";
import type { Interface } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
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
export async function resolvePoolTargets(requests: readonly TargetRequest[], pool: Pool): Promise<PoolTargets> {
  const requestedGroups = requests
    .filter((request) => parseTargetGroup(request) !== null)
    .map(({ kind, text }) => (kind === "host" ? "--host" : text));
  const namedRequests = requests.filter((request) => parseTargetGroup(request) === null);
  const groupArgs = requestedGroups.length > 0 || requests.length === 0 ? requestedGroups : null;
  if (namedRequests.length === 0) return { groupArgs, namedTargets: [] };
  const inventory = await pool.session.readInventory({ kind: "pool" });
  const resolved = mapCollectingFailures(namedRequests, (request) => resolveNamedTarget(request, inventory, pool));
  return { groupArgs, namedTargets: resolved.flat() };
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
function resolveNamedTarget(request: TargetRequest, inventory: Inventory, { hosts }: Pool): readonly NamedTarget[] {
  const localMatch = attempt(() => resolveTargets([request], inventory));
  if (!(localMatch instanceof CommandError) && !localMatch.interfaces.some(({ kind }) => kind === "pif")) {
    const { interfaces, vmsWithoutVifs } = localMatch;
    const vmTargets = vmsWithoutVifs.map(({ ref, uuid }) => ({ vmRef: ref, arg: `--vm=${uuid}` }));
    return [...interfaces.flatMap((iface) => toVifTargets(iface, request)), ...vmTargets];
  }
  const nicTargets: NamedTarget[] = [];
  for (const host of hosts) {
    const resolved = attempt(() => resolveTargets([request], { ...inventory, host }));
    if (!(resolved instanceof CommandError)) nicTargets.push(...resolved.interfaces.flatMap(toNicTargets));
    else if (resolved.failures.some(({ code }) => code !== "pif-on-other-host")) throw resolved;
  }
  if (nicTargets.length === 0 && localMatch instanceof CommandError) throw localMatch;
  return nicTargets;
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
