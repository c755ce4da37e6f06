import type { LiveView } from "../disable/steps.ts";
import { type FeatureWish, isSet } from "../feature-set.ts";
import { isKeyword, KEYWORDS, type Keyword } from "../features.ts";
import { devicesOf, type Interface } from "../interface.ts";
import { wasOn } from "../originals.ts";
import type { PendingChange } from "../pending-change.ts";
import { type Policy, storedOf } from "../policy.ts";
import type { Original } from "../policy-text.ts";
import type { KernelBits } from "../ports.ts";

/** What is to be restored, and how. */
export interface RestoreRequest {
  /** Null for every feature. */
  readonly features: readonly Keyword[] | null;
  /** Restores settings that somebody else has changed since, too. */
  readonly force: boolean;
}

/** What tells what was there. */
export interface RestoreEvidence {
  readonly view: LiveView;
  readonly bitsOf: (device: string) => KernelBits | null;
  /** The features that the boot script has turned off on an interface without a text. */
  readonly offAtBoot: (iface: Interface) => readonly Keyword[];
  /** What is asked for once everything here is restored: the rule that is left. */
  readonly policyAfter: Policy;
}

/** Requests of one device that are to hold again. */
export interface WishStep {
  readonly iface: Interface;
  readonly device: string;
  /** By the kernel's names. */
  readonly requests: ReadonlyMap<string, boolean>;
  readonly wish: FeatureWish;
}

/** What is still to be asked of the devices of an interface, as a reading shows them. */
export function wishesFor(
  iface: Interface,
  { features }: RestoreRequest,
  { bitsOf, offAtBoot }: Pick<RestoreEvidence, "bitsOf" | "offAtBoot">,
  view: LiveView,
): readonly WishStep[] {
  const inScope = (name: Keyword) => features === null || features.includes(name);
  const devices = devicesOf(iface, view.existing);
  // Changed before this boot, or by the boot script: then so was its tap, of which nothing else tells.
  const isChangedEarlier =
    devices.some(({ name, main }) => main && view.existing.has(name)) &&
    devices.every(({ name }) => bitsOf(name) === null);
  return devices.flatMap(({ name: device, main }): WishStep[] => {
    const observation = view.observations.get(device);
    if (observation?.state !== "read") return [];
    const bits: KernelBits = bitsOf(device) ?? NO_BITS;
    const namesOf = (features: readonly Keyword[]) =>
      view.kernel.named(view.kernel.bitsOf(features)).map(([name]) => name);
    // Where this boot's bits tell of a feature, they tell of all of it: its other parts were off. One
    // that is on needs nothing: which of its parts are off may be the driver's own choice.
    const on = [
      ...(main || isChangedEarlier ? originallyOn(iface) : []),
      ...(storedOf(iface).names.length === 0 ? offAtBoot(iface) : []),
    ].filter(
      (feature) =>
        inScope(feature) &&
        !view.kernel.isChangeableRequested(observation.features, feature) &&
        !namesOf([feature]).some((name) => bits.has(name)),
    );
    const requests = new Map<string, boolean>(namesOf(on).map((name) => [name, true]));
    const scope = new Set(namesOf(KEYWORDS.filter(inScope)));
    for (const [name, { requested }] of bits) {
      if (features === null || scope.has(name)) requests.set(name, requested);
    }
    // networkd turns gro on with every plug, whatever it was; bits that were kept after one are no original.
    const off = main ? originallyOff(iface).filter(inScope) : [];
    for (const name of namesOf(off)) requests.set(name, false);
    const wish = view.kernel.wish(observation.features, requests);
    return wish.isEmpty ? [] : [{ iface, device, requests, wish }];
  });
}

const NO_BITS: KernelBits = new Map();

const originallyOn = (iface: Interface) => featuresWhere(iface, wasOn);
const originallyOff = (iface: Interface) => featuresWhere(iface, ({ live }) => live === "off");

function featuresWhere(iface: Interface, is: (original: Original) => boolean): readonly Keyword[] {
  return [...storedOf(iface).value].flatMap(([feature, { original }]) =>
    isKeyword(feature) && original !== null && is(original) ? [feature] : [],
  );
}

/** What is requested now of everything that a plan changes in the kernel, by device. */
export function requestsNow({
  live,
  before,
}: {
  readonly live: readonly WishStep[];
  readonly before: LiveView;
}): PendingChange["devices"] {
  return new Map(
    live.flatMap(({ device, wish }) => {
      const observation = before.observations.get(device);
      if (observation?.state !== "read") return [];
      const { requested } = observation.features;
      const names = before.kernel.named(wish.valid);
      return [[device, new Map(names.map(([name, index]) => [name, isSet(requested, index)]))]];
    }),
  );
}
