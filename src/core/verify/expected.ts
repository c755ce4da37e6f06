import type { Keyword } from "../features.ts";
import type { Interface } from "../interface.ts";
import type { Policy } from "../policy.ts";

/** What reality is held against: the features that are to be off, by interface. */
export interface Expected {
  readonly features: ReadonlyMap<Interface, readonly Keyword[]>;
  /** Whether that is the policy, and not simply everything. */
  readonly byPolicy: boolean;
}

/** How `verify` was asked. */
export interface ExpectedRequest {
  /** The features that are meant where no policy says which. */
  readonly features: readonly Keyword[];
  /** Whether they were named: then they are what is expected, whatever the policy says. */
  readonly named: boolean;
  /** ALL, NICS or VIFS was named: everything is expected off. */
  readonly everything: boolean;
  /** Whether all of the host was asked about, and not what was named. */
  readonly wholeHost: boolean;
}

/**
 * The policy of these interfaces, where there is any and nothing else was asked for; otherwise that the
 * features are off everywhere.
 */
export function expectedFeatures(
  interfaces: readonly Interface[],
  policy: Policy,
  { features, named, everything, wholeHost }: ExpectedRequest,
): Expected {
  const asked = new Map(interfaces.map((iface) => [iface, policy.featuresOff(iface)]));
  const hasPolicy =
    (wholeHost && policy.hasRule) || interfaces.some((iface) => policy.speaksOf(iface));
  if (named || everything || !hasPolicy) {
    return { features: new Map(interfaces.map((iface) => [iface, features])), byPolicy: false };
  }
  return { features: shareLists(asked), byPolicy: true };
}

/** Interfaces of which the same is expected have the very same list, so that they are evaluated together. */
function shareLists(
  lists: ReadonlyMap<Interface, readonly Keyword[]>,
): ReadonlyMap<Interface, readonly Keyword[]> {
  const shared = new Map<string, readonly Keyword[]>();
  return new Map(
    [...lists].map(([iface, list]) => {
      const name = list.join();
      const known = shared.get(name) ?? list;
      shared.set(name, known);
      return [iface, known];
    }),
  );
}
