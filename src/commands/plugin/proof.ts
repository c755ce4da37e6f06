import type { Interface, VifInterface } from "../../offload/interface.ts";
import { readDomains } from "../../xenstore/domains.ts";

/** A VM whose domain here is not the one that the caller took for its. */
export interface Stranger {
  readonly vm: string;
  readonly because: string;
}

/** Interfaces of which it is proven that their devices are theirs, and the VMs of the others. */
export interface Proven {
  readonly interfaces: readonly Interface[];
  readonly strangers: readonly Stranger[];
}

/**
 * Leaves out the VIFs of every VM whose domain on this host cannot be shown to be that VM now: it has
 * migrated or restarted since the caller read XAPI's records, and the devices of that domid are no
 * longer its own. xenstore tells, whose `vm` of a domain no guest can write (xenopsd domain.ml make).
 */
export async function prove(interfaces: readonly Interface[]): Promise<Proven> {
  const claims = new Map(
    interfaces.flatMap((one) => {
      const domid = domidOf(one);
      return one.kind === "vif" && domid !== null ? [[one.vm.uuid, domid] as const] : [];
    }),
  );
  const domains = await readDomains([...new Set(claims.values())]);
  const strangers = [...claims].flatMap(([vm, domid]): Stranger[] => {
    if (!domains.ok)
      return [{ vm, because: domains.failures.map((one) => one.message).join("; ") }];
    const owner = domains.value.get(domid);
    if (owner === vm) return [];
    const because =
      owner === undefined ? `there is no domain ${domid}` : `domain ${domid} is another VM`;
    return [{ vm, because }];
  });
  const strange = new Set(strangers.map(({ vm }) => vm));
  return {
    interfaces: interfaces.filter((one) => one.kind !== "vif" || !strange.has(one.vm.uuid)),
    strangers,
  };
}

function domidOf(subject: Interface): VifInterface["vm"]["domid"] | null {
  return subject.kind === "vif" && subject.whereabouts.at === "here"
    ? subject.whereabouts.domid
    : null;
}
