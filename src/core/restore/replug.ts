import type { NicInterface } from "../interface.ts";
import { findUnderlyingNics, type Inventory, type Pif } from "../inventory.ts";

/** One PIF to be plugged, so that networkd forgets what an earlier plug said. */
export interface Replug {
  /** A bond for its slaves, which cannot be plugged themselves (CANNOT_PLUG_BOND_SLAVE). */
  readonly pif: Pif;
  /** The NICs that are restored, for the sake of which it is plugged. */
  readonly nics: readonly NicInterface[];
  /** Every device whose offloads the plug writes: a bond's slaves, restored or not. */
  readonly devices: readonly string[];
  /** Whether the management traffic goes through it. */
  readonly management: boolean;
}

/**
 * The plugs that these NICs need, each once. A PIF that is not attached would be attached by a plug, and
 * networkd remembers nothing of it; one that is not managed XAPI does not plug.
 */
export function planReplugs(nics: readonly NicInterface[], { pifs }: Inventory): readonly Replug[] {
  const nicsByPif = Map.groupBy(nics, ({ pif }) =>
    pif.slaveOf === undefined ? pif : pifs.find(({ uuid }) => uuid === pif.slaveOf),
  );
  return [...nicsByPif].flatMap(([pif, restoredNics]): Replug[] => {
    // A slave counts as not attached while its bond is (nm.ml bring_pif_up).
    if (pif === undefined || !pif.attached || !pif.managed) return [];
    return [
      {
        pif,
        nics: restoredNics,
        devices: findUnderlyingNics(pif, pifs).map(({ device }) => device),
        management: restoredNics.some(({ management }) => management),
      },
    ];
  });
}
