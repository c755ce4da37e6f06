import { type LiveView, statesOf } from "../disable/steps.ts";
import { isChangeableOnVif, type Keyword } from "../features.ts";
import { devicesOf, type Interface } from "../interface.ts";
import type { Problem } from "../problem.ts";
import { problemAbout } from "../problem-about.ts";
import { honouredKey } from "../settings.ts";
import { listed } from "../text.ts";

/**
 * Features that are off now, that no setting can keep off, and that the boot script does not keep off
 * either: a reboot, or the next start of the VM, brings them back.
 */
export function persistenceProblems(
  iface: Interface,
  keywords: readonly Keyword[],
  view: LiveView,
  atBoot: readonly Keyword[],
): readonly Problem[] {
  if (iface.kind === "bare") return [];
  // What keeps off what its VM has there is that host's boot layer.
  if (iface.kind === "vif" && (iface.vif.sriov || iface.whereabouts.at === "elsewhere")) return [];
  const device = devicesOf(iface, view.existing)[0]?.name;
  const states = device === undefined ? undefined : statesOf(view, device, keywords);
  const returning = keywords.filter((feature, index) => {
    if (honouredKey(iface, feature) !== null || atBoot.includes(feature)) return false;
    // A VIF without a device will have netback's features; a NIC that cannot be read is told of already.
    if (states === undefined) return iface.kind === "vif" && isChangeableOnVif(feature);
    return states[index] === "off";
  });
  if (returning.length === 0) return [];
  const event = iface.kind === "vif" ? "when its VM starts" : "at the next reboot";
  const detail = `XAPI has no setting for ${listed(returning)}, so ${returning.length === 1 ? "it comes" : "they come"} back ${event}; run: offload persist`;
  return [problemAbout("not-persistent", iface, detail, device)];
}
