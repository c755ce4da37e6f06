import { type FeatureSnapshot, getFeatureSet } from "../disable/steps.ts";
import { type Feature, isChangeableOnVif } from "../features.ts";
import { getSettings, type Interface, listInterfaceDevices } from "../interface.ts";
import { createInterfaceProblem } from "../interface-problem.ts";
import type { Problem } from "../problem.ts";
import { joinAnd } from "../text.ts";

/**
 * Features that are off now, that no setting can keep off, and that the boot script does not keep off
 * either: a reboot, or the next start of the VM, brings them back.
 */
export function findPersistenceProblems(
  iface: Interface,
  features: readonly Feature[],
  snapshot: FeatureSnapshot,
  bootFeatures: readonly Feature[],
): readonly Problem[] {
  if (iface.kind === "unmanaged") return [];
  // What keeps off what its VM has there is that host's boot layer.
  if (iface.kind === "vif" && (iface.vif.sriov || iface.location.kind === "remote")) return [];
  const device = listInterfaceDevices(iface, snapshot.existing)[0]?.name;
  const live = getFeatureSet(snapshot, device);
  const returning = features.filter((feature) => {
    if (getSettings(iface).key(feature) !== null || bootFeatures.includes(feature)) return false;
    // A VIF without a device will have netback's features; a NIC that cannot be read is reported already.
    if (live === null) return iface.kind === "vif" && isChangeableOnVif(feature);
    return live.state(feature) === "off";
  });
  if (returning.length === 0) return [];
  const event = iface.kind === "vif" ? "when its VM starts" : "at the next reboot";
  const detail = `XAPI has no setting for ${joinAnd(returning)}, so ${returning.length === 1 ? "it comes" : "they come"} back ${event}`;
  return [createInterfaceProblem("not-persistent", iface, detail, device, { features: returning })];
}
