import { FEATURES, type Keyword, recordKey } from "./features.ts";
import type { Interface } from "./interface.ts";
import type { OtherConfig, Pif } from "./inventory.ts";

/** Keys of a PIF that are no offloads but read by the toolstack all the same (nm.ml). */
const PIF_SETTINGS = ["speed", "duplex", "autoneg", "advertise"].map((key) => `ethtool-${key}`);

/** A record that looks as if it did something, and does nothing. */
export interface DeadRecord {
  readonly key: string;
  readonly value: string;
  readonly because: string;
}

/**
 * What the toolstack makes of a record's value. It compares letter by letter: `OFF`, `False`,
 * `0` and ` off` are ignored in silence (nm.ml; vif-real handle_ethtool).
 */
export function meaningOf(value: string | undefined): "on" | "off" | null {
  if (value === "off" || value === "false") return "off";
  if (value === "on" || value === "true") return "on";
  return null;
}

/** The records of an interface, or null where it has none: a bare device. */
export function otherConfigOf(subject: Interface): OtherConfig | null {
  if (subject.kind === "pif") return subject.pif.otherConfig;
  return subject.kind === "vif" ? subject.vif.otherConfig : null;
}

/** Whether the toolstack would read a record of this feature on this interface, and under which key. */
export function honouredKey(subject: Interface, keyword: Keyword): string | null {
  switch (subject.kind) {
    case "pif":
      return subject.pif.managed ? recordKey("pif", keyword) : null;
    case "vif":
      return subject.vif.sriov ? null : recordKey("vif", keyword);
    case "bare":
      return null;
  }
}

/**
 * What the toolstack will do with the feature when it plugs the interface, as far as anything
 * recorded says so. A PIF's `properties:gro` counts where no readable key overrides it.
 */
export function recordedState(subject: Interface, keyword: Keyword): "on" | "off" | null {
  const key = honouredKey(subject, keyword);
  if (key === null) return null;
  const value = otherConfigOf(subject)?.get(key);
  if (value !== undefined) return meaningOf(value);
  return subject.kind === "pif" && keyword === "gro" ? groPropertyOff(subject.pif) : null;
}

// A bond's slaves take the property of their master, which is not theirs to change (nm.ml
// create_bond); only a key of their own is certain.
function groPropertyOff(pif: Pif): "off" | null {
  return pif.slaveOf === undefined && pif.groProperty === "off" ? "off" : null;
}

/** Records of an interface that nothing reads: mistyped or unknown keys, unreadable values. */
export function deadRecords(subject: Interface): readonly DeadRecord[] {
  const config = otherConfigOf(subject);
  if (config === null || subject.kind === "bare") return [];
  const honoured = new Set(FEATURES.flatMap(({ keyword }) => honouredKey(subject, keyword) ?? []));
  const dead: DeadRecord[] = [];
  for (const [key, value] of config) {
    if (!/^ethtool/i.test(key)) continue;
    if (subject.kind === "pif" && PIF_SETTINGS.includes(key)) continue;
    if (!honoured.has(key)) {
      dead.push({ key, value, because: whyUnread(subject, key) });
    } else if (meaningOf(value) === null) {
      dead.push({ key, value, because: "only on, off, true and false are read" });
    }
  }
  return dead;
}

function whyUnread(subject: Interface, key: string): string {
  if (subject.kind === "pif" && !subject.pif.managed) {
    return "the toolstack does not manage this PIF";
  }
  if (subject.kind === "vif" && subject.vif.sriov) return "no record of an SR-IOV VIF is read";
  const hyphenated = key.replace(/^ethtool-?/i, "ethtool-").toLowerCase();
  const known = FEATURES.some(({ keyword }) => honouredKey(subject, keyword) === hyphenated);
  if (known) return `the key is spelled ${hyphenated}`;
  const elsewhere = FEATURES.some(({ keyword }) => recordKey("pif", keyword) === key);
  return elsewhere ? "this key is read on PIFs only" : "no part of the toolstack reads this key";
}
