import type { Feature } from "../features.ts";
import type { Interface } from "../interface.ts";
import type { Policy } from "../policy.ts";

/** What reality is held against: the features that are to be off, by interface. */
export interface ExpectedFeatures {
  readonly features: ReadonlyMap<Interface, readonly Feature[]>;
  /** Whether that is the policy, and not simply everything. */
  readonly isFromPolicy: boolean;
}

/** How `verify` was asked. */
export interface ExpectedRequest {
  /** The features that are meant where no policy says which. */
  readonly features: readonly Feature[];
  /** Whether they were named: then they are what is expected, whatever the policy says. */
  readonly hasExplicitFeatures: boolean;
  /** ALL, NICS or VIFS was named: everything is expected off. */
  readonly hasGroupTarget: boolean;
  /** Whether all of the host was asked about, and not what was named. */
  readonly isWholeHost: boolean;
}

/**
 * The policy of these interfaces, where there is any and nothing else was asked for; otherwise that the
 * features are off everywhere.
 */
export function resolveExpectedFeatures(
  interfaces: readonly Interface[],
  policy: Policy,
  { features, hasExplicitFeatures, hasGroupTarget, isWholeHost }: ExpectedRequest,
): ExpectedFeatures {
  const hasPolicy = (isWholeHost && policy.hasHostRule) || interfaces.some((iface) => policy.hasPolicyFor(iface));
  if (hasExplicitFeatures || hasGroupTarget || !hasPolicy) {
    return { features: new Map(interfaces.map((iface) => [iface, features])), isFromPolicy: false };
  }
  return { features: new Map(interfaces.map((iface) => [iface, policy.listFeaturesOff(iface)])), isFromPolicy: true };
}
