import { existsSync } from "node:fs";
import type { Interface } from "../core/interface.ts";
import type { Problem } from "../core/problem.ts";
import { problemAbout } from "../core/problem-about.ts";
import { readDomains, XENSTORE_SOCKET } from "../xapi/xenstore.ts";

/** Interfaces whose devices are their own, and what is wrong with the others. */
export interface OwnDevices {
  readonly interfaces: readonly Interface[];
  readonly problems: readonly Problem[];
}

/**
 * Leaves out the VIFs of VMs whose domain on this host is not theirs: it has migrated or restarted since
 * XAPI was read, and the device of that domid is another VM's by now. xenstore knows, whose `vm` of a
 * domain no guest can write (xenopsd domain.ml make). Without xenstore there is no other VM either.
 */
export async function withOwnDevices(interfaces: readonly Interface[]): Promise<OwnDevices> {
  const domids = new Set(
    interfaces.flatMap((iface) =>
      iface.kind === "vif" && iface.whereabouts.at === "here" ? [iface.whereabouts.domid] : [],
    ),
  );
  const problems: Problem[] = interfaces.flatMap(migrating);
  if (domids.size === 0 || !existsSync(XENSTORE_SOCKET)) return { interfaces, problems };
  const owners = await readDomains([...domids]);
  const own: Interface[] = [];
  for (const iface of interfaces) {
    const reason = owners.ok
      ? mismatch(iface, owners.value)
      : owners.failures.map(({ message }) => message).join("; ");
    if (reason === null || !hasDeviceHere(iface)) own.push(iface);
    else
      problems.push(
        problemAbout("domain-changed", iface, `not touched: ${reason}; run this again`),
      );
  }
  return { interfaces: own, problems };
}

/** What is done to a device here is not done where its VM arrives. */
function migrating(iface: Interface): readonly Problem[] {
  if (iface.kind !== "vif" || !iface.vm.isMigrating) return [];
  return [
    problemAbout("vm-migrating", iface, "its VM is migrating; run this again when it has arrived"),
  ];
}

function hasDeviceHere(iface: Interface): boolean {
  return iface.kind === "vif" && iface.whereabouts.at === "here";
}

function mismatch(iface: Interface, owners: ReadonlyMap<number, string>): string | null {
  if (iface.kind !== "vif" || iface.whereabouts.at !== "here") return null;
  const { domid } = iface.whereabouts;
  const owner = owners.get(domid);
  if (owner === iface.vm.uuid) return null;
  return owner === undefined
    ? `its VM has moved or restarted, and there is no domain ${domid} any more`
    : `its VM has moved or restarted, and domain ${domid} is another VM's by now`;
}
