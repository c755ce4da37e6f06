import { DEFAULT_KEYWORDS, KEYWORDS, type Keyword, recordKey } from "./features.ts";
import type { Interface, NicInterface } from "./interface.ts";
import type { Inventory, Pif } from "./inventory.ts";
import { naturalOrder } from "./natural-order.ts";
import type { Note, Problem } from "./problem.ts";
import { meaningOf } from "./records.ts";
import { type Result, success, usage } from "./result.ts";
import { everyInterface } from "./targets.ts";
import { listed } from "./wording.ts";

/** What is kept off at boot: which features, on which devices. */
export interface Coverage {
  readonly keywords: readonly Keyword[];
  /** NICs by name, as XAPI named them when this was written. */
  readonly devices: readonly string[];
  /** Besides them every NIC that is found at boot, and every interface of a guest that appears. */
  readonly everything: boolean;
}

/** What carries the loop. */
export type Method = "systemd" | "rc.local";

/** How it stands with what `persist` installed. Only `current` does its work, and all of it. */
export type BootState =
  | "absent"
  | "current"
  | "stale"
  | "disabled"
  | "edited"
  | "not-executable"
  | "unreachable"
  | "incomplete";

/** The boot layer as it is on disk. */
export interface BootLayer {
  readonly method: Method | null;
  readonly state: BootState;
  readonly covers: Coverage | null;
}

/** What `disable` has turned off here so far, by PIF. */
export interface Remembered {
  /** The features of a `disable ALL`; none when there was no such run. */
  readonly wholeHost: readonly Keyword[];
  readonly nics: ReadonlyMap<string, readonly Keyword[]>;
}

/**
 * What targets come to at boot. A VIF alone cannot be kept off by name: its device has another
 * name at every start of its VM, and what can be recorded of it XAPI applies then.
 */
export function coverageOf(
  interfaces: readonly Interface[],
  wholeHost: boolean,
  keywords: readonly Keyword[],
): Result<Coverage> {
  const devices = interfaces.flatMap((one) => (one.kind === "pif" ? [one.pif.device] : []));
  if (wholeHost) return success({ keywords, devices, everything: true });
  const vifs = interfaces.length - devices.length;
  if (vifs > 0 || devices.length === 0) {
    return usage(
      "vif-has-no-boot",
      "VIFs of single VMs cannot be kept off at boot: XAPI's records do that when a VM starts, and gro needs persist ALL; name NICs, or ALL",
    );
  }
  return success({ keywords, devices, everything: false });
}

/** What the runs of `disable` so far come to; null when they turned off no NIC. */
export function coverageRemembered(
  { wholeHost, nics }: Remembered,
  inventory: Inventory,
): Coverage | null {
  const mine = physicalNics(inventory);
  const named = mine.filter(({ uuid }) => nics.has(uuid));
  const words = new Set([...wholeHost, ...named.flatMap(({ uuid }) => nics.get(uuid) ?? [])]);
  const keywords = KEYWORDS.filter((keyword) => words.has(keyword));
  if (keywords.length === 0) return null;
  const everything = wholeHost.length > 0;
  const devices = (everything ? mine : named).map(({ device }) => device);
  return { keywords, devices, everything };
}

/**
 * What XAPI's records come to, which survive a reinstallation that takes all else: NICs with a
 * record that means off. When each NIC has one, it was ALL. Null when none has.
 */
export function coverageRecorded(inventory: Inventory): Coverage | null {
  const mine = physicalNics(inventory).filter(({ managed }) => managed);
  const recorded = mine.filter((pif) => offKeywords(pif).length > 0);
  if (recorded.length === 0) return null;
  const words = new Set(recorded.flatMap(offKeywords));
  const everything = recorded.length === mine.length;
  // A record is written only where it can be met, so of the default ones it misses what no NIC has.
  const keywords = everything
    ? KEYWORDS.filter((keyword) => words.has(keyword) || DEFAULT_KEYWORDS.includes(keyword))
    : KEYWORDS.filter((keyword) => words.has(keyword));
  return { keywords, devices: recorded.map(({ device }) => device), everything };
}

/**
 * The NICs that the loop of a coverage may change: those that it names and, where it takes every NIC
 * that it finds, all that XAPI knows and all others that are one (`isNic`).
 */
export function coveredNics(
  { devices, everything }: Coverage,
  inventory: Inventory,
  existing: ReadonlySet<string>,
  isNic: (device: string) => boolean,
): readonly Interface[] {
  const named = [...everyInterface(inventory).values()].filter(
    (one): one is NicInterface =>
      one.kind === "pif" && (everything || devices.includes(one.pif.device)),
  );
  if (!everything) return named;
  const known = new Set(named.map(({ pif }) => pif.device));
  const others = [...existing].filter((device) => !known.has(device) && isNic(device));
  return [
    ...named,
    ...others.sort(naturalOrder).map((device) => ({ kind: "bare", device, as: "pif" }) as const),
  ];
}

function offKeywords({ otherConfig }: Pif): readonly Keyword[] {
  return KEYWORDS.filter((keyword) => {
    const key = recordKey("pif", keyword);
    return key !== null && meaningOf(otherConfig.get(key)) === "off";
  });
}

function physicalNics({ pifs, host }: Inventory): readonly Pif[] {
  return pifs.filter((pif) => pif.role === "physical" && pif.host.uuid === host.uuid);
}

const TROUBLES: Readonly<Record<Exclude<BootState, "absent" | "current">, string>> = {
  stale: "was written for other devices or by another version",
  disabled: "is installed but not enabled, so nothing happens at boot",
  edited: "was changed by hand since it was written",
  "not-executable": "is in an rc.local that is not executable, so nothing happens at boot",
  unreachable: "is in an rc.local that does not run it",
  incomplete: "is installed in part only",
};

/** What is wrong with the boot layer, given what has to be kept off. */
export function bootFindings(
  layer: BootLayer,
  wanted: { readonly keywords: readonly Keyword[]; readonly devices: readonly string[] },
  strict: boolean,
): { readonly problems: readonly Problem[]; readonly notes: readonly Note[] } {
  const mend = "mend it with: offload persist";
  if (layer.state === "absent") {
    const message =
      "nothing is installed for boot: what no record keeps off comes back; run offload persist";
    return strict
      ? { problems: [{ code: "boot-absent", message }], notes: [] }
      : { problems: [], notes: [{ code: "not-persisted", message }] };
  }
  if (layer.state !== "current") {
    const message = `what ${layer.method ?? "offload"} runs at boot ${TROUBLES[layer.state]}; ${mend}`;
    return { problems: [{ code: "boot-wrong", message }], notes: [] };
  }
  const { covers } = layer;
  const keywords = wanted.keywords.filter((keyword) => covers?.keywords.includes(keyword) !== true);
  const devices = covers?.everything
    ? []
    : wanted.devices.filter((device) => covers?.devices.includes(device) !== true);
  const missing = [...keywords, ...devices];
  if (missing.length === 0) return { problems: [], notes: [] };
  const message = `what ${layer.method ?? "offload"} runs at boot does not cover ${listed(missing)}; name all that it should with: offload persist`;
  return { problems: [], notes: [{ code: "not-persisted", message }] };
}
