import type { Feature } from "../features.ts";

/** Whether features are turned off, or on. */
export type ChangeDirection = "off" | "on";

/** What is to be turned off or on, and how it was named. */
export interface ChangeRequest {
  readonly direction: ChangeDirection;
  readonly features: readonly Feature[];
  /** Whether the features were named, and not taken by default. */
  readonly hasExplicitFeatures: boolean;
  /** Whose standing rules are to hold from now on, or no longer. */
  readonly groups: { readonly nics: boolean; readonly vifs: boolean };
  /** VIFs that were named by themselves, by UUID. */
  readonly individualVifs: ReadonlySet<string>;
}

/**
 * The features that are changed in the kernel. lro comes on only when it is named: it must not be on where packets
 * are forwarded, and networkd turns it off unless it is told otherwise (network_interface.ml default_interface).
 */
export function listLiveFeatures({ direction, features, hasExplicitFeatures }: ChangeRequest): readonly Feature[] {
  return direction === "on" && !hasExplicitFeatures ? features.filter((feature) => feature !== "lro") : features;
}
