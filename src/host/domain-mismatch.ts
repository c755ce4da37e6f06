import { attemptAsync, CommandError } from "../core/command-error.ts";
import type { Interface } from "../core/interface.ts";
import { createInterfaceProblem } from "../core/interface-problem.ts";
import type { Problem } from "../core/problem.ts";
import { formatCount } from "../core/text.ts";
import { readVmUuids } from "../xapi/xenstore.ts";

/** Interfaces whose devices are their own, and what is wrong with the others. */
export interface MatchedInterfaces {
  readonly interfaces: readonly Interface[];
  readonly problems: readonly Problem[];
}

/**
 * Leaves out the VIFs of VMs whose domain on this host is not theirs: it has migrated or restarted since
 * XAPI was read, and the device of that domid is another VM's by now. xenstore knows, whose `vm` of a
 * domain no guest can write (xenopsd domain.ml make). Where it cannot be asked, no VIF of a running VM is
 * touched.
 */
export async function excludeDomainMismatches(interfaces: readonly Interface[]): Promise<MatchedInterfaces> {
  const domids = new Set(
    interfaces.flatMap((iface) =>
      iface.kind === "vif" && iface.location.kind === "local" ? [iface.location.domid] : [],
    ),
  );
  const problems: Problem[] = interfaces.flatMap(checkMigrating);
  if (domids.size === 0) return { interfaces, problems };
  const owners = await attemptAsync(() => readVmUuids([...domids]));
  if (owners instanceof CommandError) {
    const unmatched = interfaces.filter(isLocalVif);
    const message = `${formatCount(unmatched.length, "VIF")} left out: ${owners.message}`;
    problems.push({ code: "xenstore-unavailable", message });
    return { interfaces: interfaces.filter((iface) => !isLocalVif(iface)), problems };
  }
  const matched: Interface[] = [];
  for (const iface of interfaces) {
    const reason = findMismatch(iface, owners);
    if (reason === null) matched.push(iface);
    else problems.push(createInterfaceProblem("domain-mismatch", iface, `not touched: ${reason}; run this again`));
  }
  return { interfaces: matched, problems };
}

/** What is done to a device here is not done where its VM arrives. */
function checkMigrating(iface: Interface): readonly Problem[] {
  if (iface.kind !== "vif" || !iface.vm.isMigrating) return [];
  return [createInterfaceProblem("vm-migrating", iface, "its VM is migrating; run this again when it has arrived")];
}

function isLocalVif(iface: Interface): boolean {
  return iface.kind === "vif" && iface.location.kind === "local";
}

function findMismatch(iface: Interface, owners: ReadonlyMap<number, string>): string | null {
  if (iface.kind !== "vif" || iface.location.kind !== "local") return null;
  const { domid } = iface.location;
  const owner = owners.get(domid);
  if (owner === iface.vm.uuid) return null;
  return owner === undefined
    ? `its VM has moved or restarted, and there is no domain ${domid} any more`
    : `its VM has moved or restarted, and domain ${domid} is another VM's by now`;
}
