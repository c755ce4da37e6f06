import type { LiveView } from "./disable/steps.ts";
import { type Keyword, recordKey } from "./features.ts";
import { devicesOf, type Interface } from "./interface.ts";
import type { Original } from "./policy-text.ts";
import type { KernelBits } from "./ports.ts";
import { meaningOf, otherConfigOf } from "./settings.ts";

/** What tells how a feature was before this tool touched it. */
export interface Evidence {
  readonly view: LiveView;
  /** This boot's exact bits of a device; null without any. */
  readonly bitsOf: (device: string) => KernelBits | null;
  /** Whether the boot script keeps a feature of the interface off, so that nobody can see what it was. */
  readonly isOffAtBoot: (iface: Interface, feature: Keyword) => boolean;
}

/** The originals of these features of an interface, as far as they can be known. */
export function findOriginals(
  iface: Interface,
  features: readonly Keyword[],
  evidence: Evidence,
): ReadonlyMap<Keyword, Original> {
  const { view, bitsOf } = evidence;
  const device = devicesOf(iface, view.existing)[0]?.name;
  const bits = device === undefined ? null : bitsOf(device);
  return new Map(
    features.map((feature) => {
      const key = iface.kind === "bare" ? null : recordKey(iface.kind, feature);
      const setting = key === null ? null : (otherConfigOf(iface)?.get(key) ?? null);
      const before = bits === null ? null : liveBefore(bits, feature, view);
      const live = before ?? liveNow(view, device, feature);
      const isHidden =
        before === null &&
        live === "off" &&
        (meaningOf(setting ?? undefined) === "off" || evidence.isOffAtBoot(iface, feature));
      return [feature, { setting, live: isHidden ? null : live }] as const;
    }),
  );
}

/** Whether a feature was asked for, by this boot's bits; null where they do not tell. */
function liveBefore(bits: KernelBits, feature: Keyword, { kernel }: LiveView): "on" | null {
  const names = kernel.named(kernel.bitsOf([feature]));
  return names.some(([name]) => bits.get(name)?.requested === true) ? "on" : null;
}

function liveNow(
  { observations, kernel }: LiveView,
  device: string | undefined,
  feature: Keyword,
): "on" | "off" | null {
  const observation = device === undefined ? undefined : observations.get(device);
  if (observation?.state !== "read") return null;
  return kernel.isChangeableRequested(observation.features, feature) ? "on" : "off";
}

/** Whether restoring a feature means to turn it on: where nobody knows what it was, it does. */
export function wasOn({ setting, live }: Original): boolean {
  return live === null ? meaningOf(setting ?? undefined) !== "off" : live === "on";
}
