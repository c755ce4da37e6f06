import type { TargetRequest } from "./target-request.ts";

/** Whose VIFs are read besides those of VMs that are named: a pool's called host leaves out the halted ones. */
export type GuestScope = "resident" | "resident-and-halted";

/** How much of the pool a command is about. XAPI's filters see to it that nothing else is read. */
export type ReadScope =
  /** This host's NICs, and guests. */
  | { readonly kind: "host"; readonly guests: GuestScope | "none" }
  /** What these name, and this host's NICs. `guests` is what ALL and VIFS stand for. */
  | {
      readonly kind: "targets";
      readonly requests: readonly TargetRequest[];
      readonly guests: GuestScope;
    }
  /** This host's NICs, guests that run here, and every VIF of the pool that something is stored with. */
  | { readonly kind: "policy" }
  /** Everything, as names have to be listed. */
  | { readonly kind: "pool" };
