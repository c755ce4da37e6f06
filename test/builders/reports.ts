import { type ChangePlan, planChange, previewChanges } from "../../src/core/disable/plan.ts";
import type { FeatureSnapshot } from "../../src/core/disable/steps.ts";
import { DEFAULT_FEATURES, type Feature } from "../../src/core/features.ts";
import type { Interface } from "../../src/core/interface.ts";
import type { Report } from "../../src/core/report.ts";
import { evaluateInterfaces } from "../../src/core/verify/evaluate-interfaces.ts";
import {
  ALPHA,
  config,
  createSnapshot,
  featureSet,
  guest,
  haltedVm,
  inventory,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  pifSettings,
  VIF_ON,
  vif,
  vifSettings,
  vm,
} from "./hosts.ts";

const VIF_OFF = featureSet(KERNEL, {
  "rx-checksum": "on fixed",
  "tx-checksum-ipv4": "off",
  "tx-scatter-gather": "off",
  "tx-tcp-segmentation": "off",
  "tx-tcp6-segmentation": "off requested on",
  "tx-generic-segmentation": "off",
  "rx-gro": "off",
});

const web = vm("web", { domid: 3 });
const { "ethtool-ufo": _ufo, "ethtool-lro": _lro, ...supportedSettings } = pifSettings("off");

/** A host as it comes: management NIC, a second one, a running VM and a halted one. */
export const UNCHANGED_HOST: readonly Interface[] = [
  nic(pif("eth0"), true),
  nic(pif("eth1")),
  guest(vif(web, "0")),
  guest(vif(web, "1")),
  guest(vif(haltedVm("database"), "0")),
];

/** What its kernel shows. */
export const UNCHANGED_SNAPSHOT: FeatureSnapshot = createSnapshot({
  eth0: NIC_ON,
  eth1: NIC_ON,
  "vif3.0": VIF_ON,
  "tap3.0": NIC_ON,
  "vif3.1": VIF_ON,
});

/** The same host with everything off and recorded; one VIF waits for its guest. */
export const DISABLED_HOST: readonly Interface[] = [
  nic(pif("eth0", { otherConfig: config(supportedSettings) }), true),
  nic(pif("eth1", { otherConfig: config(supportedSettings) })),
  guest(vif(web, "0", { otherConfig: config(vifSettings("off")) })),
  guest(vif(web, "1", { otherConfig: config({ ...vifSettings("off"), "ethtool-tx": "on" }) })),
  guest(vif(haltedVm("database"), "0", { otherConfig: config(vifSettings("off")) })),
];

/** What its kernel shows. */
export const DISABLED_SNAPSHOT: FeatureSnapshot = createSnapshot({
  eth0: NIC_OFF,
  eth1: NIC_OFF,
  "vif3.0": VIF_OFF,
  "tap3.0": NIC_OFF,
  "vif3.1": VIF_OFF,
});

/** A report about interfaces, as the commands put it together. */
export function createReport(
  command: Report["command"],
  interfaces: readonly Interface[],
  snapshot: FeatureSnapshot,
  more: Partial<Report> & { readonly features?: readonly Feature[] } = {},
): Report {
  const { features = DEFAULT_FEATURES, ...rest } = more;
  const { devices, problems, notes } = evaluateInterfaces(interfaces, snapshot, {
    features,
    includesSettings: true,
  });
  return {
    version: 1,
    command,
    host: ALPHA,
    exitCode: 0,
    dryRun: false,
    devices,
    changes: [],
    problems,
    notes,
    boot: null,
    pending: null,
    advice: [],
    commands: [],
    undo: null,
    ...rest,
  };
}

/** What `disable` plans for interfaces, none of which it has changed before. */
export function createPlan(
  interfaces: readonly Interface[],
  snapshot: FeatureSnapshot,
  features: readonly Feature[] = DEFAULT_FEATURES,
): ChangePlan {
  const groups = { nics: false, vifs: false };
  const request = {
    direction: "off" as const,
    features,
    hasExplicitFeatures: features !== DEFAULT_FEATURES,
    groups,
    individualVifs: new Set<string>(),
  };
  const vifs = interfaces.flatMap((iface) => (iface.kind === "vif" ? [iface.vif] : []));
  const sources = { snapshot, getKernelBits: () => null, isOffAtBoot: () => false };
  return planChange(interfaces, request, inventory({ vifs }), sources);
}

/** A plan for the untouched host, and what it changes. */
export const PLAN = createPlan(UNCHANGED_HOST, UNCHANGED_SNAPSHOT);
export const CHANGES = previewChanges(PLAN);
