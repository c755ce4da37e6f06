/** What `offload help` explains besides commands. */
export interface Topic {
  readonly name: "targets" | "features";
  readonly summary: string;
}

/** What a target can be, and what it comes to. */
export const TARGET_DESCRIPTIONS: readonly (readonly [string, string])[] = [
  [
    "ALL",
    "In capital letters: the NICs of this host, and the VIFs of every VM that does not run on another host. Templates, snapshots and control domains are left out.",
  ],
  ["NICS, VIFS", "In capital letters: the NICs of ALL alone, and its VIFs alone."],
  ["VM", "By name or UUID: all its VIFs. Halted or elsewhere, only XAPI can be changed."],
  [
    "PIF",
    "By device (eth0) or UUID. A bond means its slaves, a VLAN the NIC under it; a tunnel and an SR-IOV logical PIF have no NIC of their own.",
  ],
  ["VIF", "By UUID, or by device (vif3.0) while its VM runs here: that VIF alone."],
];

/** What is refused, and how to say it instead. */
export const AMBIGUITY_NOTE =
  "A name that is both a VM's and a device's is refused: --vm NAME or --pif DEVICE says which. Of two VMs of one name, name the UUID. Where a VM is called ALL, --host is the whole host. A name that begins with a hyphen goes after --, or into --vm=NAME. Every target is checked first: if any is bad, nothing is changed.";

/** Where the toolstack reads a setting of a feature. */
export function formatSettingObjects({
  pifSetting,
  vifSetting,
}: {
  readonly pifSetting: boolean;
  readonly vifSetting: boolean;
}): string {
  return [pifSetting ? ["PIF"] : [], vifSetting ? ["VIF"] : []].flat().join(", ") || "-";
}

/** What of the features surprises most. */
export const FEATURE_NOTE =
  "On a VIF rx is always on: netback does not let it be turned off. There is no setting for gro and lro of a VIF: they stay off until the VM's next start, or for good with offload persist.";

/** The topics, in the order in which they are listed. */
export const TOPICS: readonly Topic[] = [
  { name: "targets", summary: "What a target can be" },
  { name: "features", summary: "What can be turned off, and where XAPI has a setting" },
];
