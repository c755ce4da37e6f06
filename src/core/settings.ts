import { KEYWORDS, type Keyword, recordKey } from "./features.ts";
import type { Interface } from "./interface.ts";
import type { OtherConfig } from "./inventory.ts";

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
  const isPropertyOff =
    subject.kind === "pif" && keyword === "gro" && subject.pif.groProperty === "off";
  return isPropertyOff ? "off" : null;
}

/**
 * The recorded states of these features, in their order. VIFs of which the same is recorded get the
 * very same array, as long as they are asked for with the same list of keywords.
 */
export function recordedStates(
  subject: Interface,
  keywords: readonly Keyword[],
): readonly ("on" | "off" | null)[] {
  if (subject.kind !== "vif" || subject.vif.sriov) {
    return keywords.map((keyword) => recordedState(subject, keyword));
  }
  const { otherConfig } = subject.vif;
  const last = lastStates.get(otherConfig);
  if (last?.keywords === keywords) return last.states;
  const states = keywords.map((keyword) => recordedState(subject, keyword));
  lastStates.set(otherConfig, { keywords, states });
  return states;
}

const lastStates = new WeakMap<
  OtherConfig,
  { readonly keywords: readonly Keyword[]; readonly states: readonly ("on" | "off" | null)[] }
>();

/** Records of an interface that nothing reads: mistyped or unknown keys, unreadable values. */
export function deadRecords(subject: Interface): readonly DeadRecord[] {
  if (subject.kind === "bare") return [];
  if (subject.kind === "pif" || subject.vif.sriov) return findDeadRecords(subject);
  const { otherConfig } = subject.vif;
  const known = deadOfVifs.get(otherConfig) ?? findDeadRecords(subject);
  deadOfVifs.set(otherConfig, known);
  return known;
}

/** By the map, which VIFs of which the same is recorded have in common. */
const deadOfVifs = new WeakMap<OtherConfig, readonly DeadRecord[]>();

function findDeadRecords(subject: Exclude<Interface, { kind: "bare" }>): readonly DeadRecord[] {
  const dead: DeadRecord[] = [];
  for (const [key, value] of otherConfigOf(subject) ?? []) {
    if (!/^ethtool/i.test(key)) continue;
    if (subject.kind === "pif" && PIF_SETTINGS.includes(key)) continue;
    if (!isHonoured(subject, key)) {
      dead.push({ key, value, because: whyUnread(subject, key) });
    } else if (meaningOf(value) === null) {
      dead.push({ key, value, because: "only on, off, true and false are read" });
    }
  }
  return dead;
}

function isHonoured(subject: Interface, key: string): boolean {
  return KEYWORDS.some((keyword) => honouredKey(subject, keyword) === key);
}

function whyUnread(subject: Interface, key: string): string {
  if (subject.kind === "pif" && !subject.pif.managed) {
    return "the toolstack does not manage this PIF";
  }
  if (subject.kind === "vif" && subject.vif.sriov) return "no record of an SR-IOV VIF is read";
  const hyphenated = key.replace(/^ethtool-?/i, "ethtool-").toLowerCase();
  if (isHonoured(subject, hyphenated)) return `the key is spelled ${hyphenated}`;
  const elsewhere = KEYWORDS.some((keyword) => recordKey("pif", keyword) === key);
  return elsewhere ? "this key is read on PIFs only" : "no part of the toolstack reads this key";
}
