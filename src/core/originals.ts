import type { FeatureSnapshot } from "./disable/steps.ts";
import type { Feature } from "./features.ts";
import { getSettings, type Interface, listInterfaceDevices } from "./interface.ts";
import type { Original } from "./policy-entries.ts";
import type { KernelBits } from "./ports.ts";
import { parseSetting } from "./settings.ts";

/** Where it is known from how a feature was before this tool touched it. */
export interface OriginalSources {
  readonly snapshot: FeatureSnapshot;
  /** This boot's exact bits of a device; null without any. */
  readonly getKernelBits: (device: string) => KernelBits | null;
  /** Whether the boot script keeps a feature of the interface off, so that nobody can see what it was. */
  readonly isOffAtBoot: (iface: Interface, feature: Feature) => boolean;
}

/** The originals of these features of an interface, as far as they can be known. */
export function findOriginals(
  iface: Interface,
  features: readonly Feature[],
  sources: OriginalSources,
): ReadonlyMap<Feature, Original> {
  const { snapshot, getKernelBits } = sources;
  const device = listInterfaceDevices(iface, snapshot.existing)[0]?.name;
  const bits = device === undefined ? null : getKernelBits(device);
  return new Map(
    features.map((feature) => {
      const setting = getSettings(iface).value(feature);
      const before = bits === null ? null : findLiveBefore(bits, feature, snapshot);
      const live = before ?? readLiveNow(snapshot, device, feature);
      const isHidden =
        before === null &&
        live === "off" &&
        canChange(snapshot, device, feature) &&
        (parseSetting(setting) === "off" || sources.isOffAtBoot(iface, feature));
      return [feature, { setting, live: isHidden ? null : live }] as const;
    }),
  );
}

/** Whether a feature was requested, by this boot's bits; null where they hold nothing of it. */
function findLiveBefore(bits: KernelBits, feature: Feature, { featureTable }: FeatureSnapshot): "on" | "off" | null {
  const names = featureTable.listNames(featureTable.getBits([feature]));
  const requests = names.flatMap(([name]) => bits.get(name)?.requested ?? []);
  if (requests.length === 0) return null;
  return requests.includes(true) ? "on" : "off";
}

function readLiveNow({ readings }: FeatureSnapshot, device: string | undefined, feature: Feature): "on" | "off" | null {
  const reading = device === undefined ? undefined : readings.get(device);
  if (reading?.state !== "read") return null;
  return reading.features.isRequestedAndChangeable(feature) ? "on" : "off";
}

/** Whether anything can have turned a feature off: what the driver does not let us change, nothing has. */
function canChange({ readings }: FeatureSnapshot, device: string | undefined, feature: Feature): boolean {
  const reading = device === undefined ? undefined : readings.get(device);
  return reading?.state === "read" && reading.features.findChangeable([feature]).some((bits) => bits !== 0);
}

/** Whether restoring a feature means to turn it on: where nobody knows what it was, it does. */
export function shouldRestoreOn({ setting, live }: Original): boolean {
  return live === null ? parseSetting(setting) !== "off" : live === "on";
}
