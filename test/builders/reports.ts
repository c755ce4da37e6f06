import { type DisablePlan, expectedChanges, planDisable } from "../../src/core/disable/plan.ts";
import type { LiveView } from "../../src/core/disable/steps.ts";
import { DEFAULT_KEYWORDS, type Keyword } from "../../src/core/features.ts";
import type { Interface } from "../../src/core/interface.ts";
import type { Report } from "../../src/core/report.ts";
import { judge } from "../../src/core/verify/verdict.ts";
import {
  ALPHA,
  config,
  featureSet,
  guest,
  haltedVm,
  inventory,
  KERNEL,
  NIC_OFF,
  NIC_ON,
  nic,
  pif,
  pifRecords,
  VIF_ON,
  viewOf,
  vif,
  vifRecords,
  vm,
} from "./hosts.ts";

const VIF_OFF = featureSet(KERNEL, {
  "rx-checksum": "on fixed",
  "tx-checksum-ipv4": "off",
  "tx-scatter-gather": "off",
  "tx-tcp-segmentation": "off",
  "tx-tcp6-segmentation": "latent",
  "tx-generic-segmentation": "off",
  "rx-gro": "off",
});

const web = vm("web", { domid: 3 });
const { "ethtool-ufo": _ufo, "ethtool-lro": _lro, ...possible } = pifRecords("off");

/** A host as it comes: management NIC, a second one, a running VM and a halted one. */
export const UNTOUCHED: readonly Interface[] = [
  nic(pif("eth0"), true),
  nic(pif("eth1")),
  guest(vif(web, "0")),
  guest(vif(web, "1")),
  guest(vif(haltedVm("database"), "0")),
];

/** What its kernel shows. */
export const UNTOUCHED_VIEW: LiveView = viewOf({
  eth0: NIC_ON,
  eth1: NIC_ON,
  "vif3.0": VIF_ON,
  "tap3.0": NIC_ON,
  "vif3.1": VIF_ON,
});

/** The same host with everything off and recorded; one VIF waits for its guest. */
export const TREATED: readonly Interface[] = [
  nic(pif("eth0", { otherConfig: config(possible) }), true),
  nic(pif("eth1", { otherConfig: config(possible) })),
  guest(vif(web, "0", { otherConfig: config(vifRecords("off")) })),
  guest(vif(web, "1", { otherConfig: config({ ...vifRecords("off"), "ethtool-tx": "on" }) })),
  guest(vif(haltedVm("database"), "0", { otherConfig: config(vifRecords("off")) })),
];

/** What its kernel shows. */
export const TREATED_VIEW: LiveView = viewOf({
  eth0: NIC_OFF,
  eth1: NIC_OFF,
  "vif3.0": VIF_OFF,
  "tap3.0": NIC_OFF,
  "vif3.1": VIF_OFF,
});

/** A report about interfaces, as the commands put it together. */
export function reportOf(
  command: Report["command"],
  interfaces: readonly Interface[],
  view: LiveView,
  more: Partial<Report> & { readonly keywords?: readonly Keyword[] } = {},
): Report {
  const { keywords = DEFAULT_KEYWORDS, ...rest } = more;
  const { devices, problems, notes } = judge(interfaces, view, { keywords, records: true });
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
    ...rest,
  };
}

/** What `disable` plans for interfaces, none of which it has changed before. */
export function planFor(
  interfaces: readonly Interface[],
  view: LiveView,
  features: readonly Keyword[] = DEFAULT_KEYWORDS,
): DisablePlan {
  const rule = { nics: false, vifs: false };
  const request = {
    features,
    named: features !== DEFAULT_KEYWORDS,
    rule,
    alone: new Set<string>(),
  };
  const vifs = interfaces.flatMap((iface) => (iface.kind === "vif" ? [iface.vif] : []));
  const evidence = { view, bitsOf: () => null, isOffAtBoot: () => false };
  return planDisable(interfaces, request, inventory({ vifs }), evidence);
}

/** A plan for the untouched host, and what it changes. */
export const PLAN = planFor(UNTOUCHED, UNTOUCHED_VIEW);
export const CHANGES = expectedChanges(PLAN);
