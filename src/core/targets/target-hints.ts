import { quoteShellWord } from "../disable/manual-commands.ts";
import { findFeature } from "../features.ts";
import type { Inventory } from "../inventory.ts";
import { compareNatural } from "../natural-order.ts";
import { formatCount, joinAnd, quote } from "../text.ts";
import type { Catalog } from "./catalog.ts";

/** How many names a sentence lists. */
const MAX_LISTED_NAMES = 8;

/** A name that a sentence can list as it is. */
const SHORT_NAME = /^[\p{L}\p{N}\p{P}\p{S} ]{1,64}$/u;

/** A word that is no target but of a known kind: what it is, and what to say instead; null for any other. */
export function explainNonTarget(text: string, inventory: Inventory, catalog: Catalog): string | null {
  return (
    explainTap(text, catalog) ??
    explainFeature(text) ??
    explainHost(text, inventory) ??
    explainList(text) ??
    explainPattern(text, inventory) ??
    explainBridge(text, inventory) ??
    explainBond(text, inventory)
  );
}

function explainTap(text: string, catalog: Catalog): string | null {
  if (!/^tap\d+\.\d+$/.test(text)) return null;
  const vifDevice = text.replace(/^tap/, "vif");
  return catalog.findVif(vifDevice) === undefined
    ? `${quote(text)} would go along with ${vifDevice}, and no VM that runs on this host has that`
    : `${quote(text)} goes along with ${vifDevice}; name that`;
}

function explainFeature(text: string): string | null {
  const feature = findFeature(text);
  return feature === null ? null : `${quote(text)} is a feature, not a target; pass --features ${feature}`;
}

function explainHost(text: string, { hosts, host }: Inventory): string | null {
  const named = hosts.find(({ name, uuid }) => name === text || uuid === text.toLowerCase());
  if (named === undefined) return null;
  if (named.uuid === host.uuid) return `${quote(text)} is this host, not a target; ALL stands for all of it`;
  return `${quote(text)} is another host of the pool, not a target; run offload there, or pass --pool for every host`;
}

function explainList(text: string): string | null {
  const names = text.split(",").map((name) => name.trim());
  if (names.length < 2) return null;
  const words = names.filter((name) => name !== "").map(quoteShellWord);
  return `${quote(text)} is not a target; several are separated by blanks: ${words.join(" ")}`;
}

function explainPattern(text: string, { vms, pifs, host }: Inventory): string | null {
  if (!/[*?]/.test(text)) return null;
  const source = text
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const pattern = new RegExp(`^${source}$`, "su");
  const ownPifs = pifs.filter((pif) => pif.host.uuid === host.uuid && pif.role !== "vlan");
  const candidates = [
    ...ownPifs.map(({ device }) => device),
    ...vms.filter(({ role }) => role === "vm").map(({ name }) => name),
  ];
  const names = [...new Set(candidates.filter((name) => SHORT_NAME.test(name) && pattern.test(name)))];
  names.sort(compareNatural);
  const hint =
    names.length === 0
      ? "and no NIC or VM is called so"
      : names.length > MAX_LISTED_NAMES
        ? `and ${formatCount(names.length, "name")} would match; name them one by one`
        : `name them one by one: ${names.map(quoteShellWord).join(" ")}`;
  return `${quote(text)}: patterns are not read, ${hint}; NICS stands for every NIC, VIFS for every VIF`;
}

/** xapi names the bridge of a NIC after it (xapi_pif.ml bridge_naming_convention), others `xapi0` and so on. */
function explainBridge(text: string, { pifs, host }: Inventory): string | null {
  const ownPifs = pifs.filter((pif) => pif.host.uuid === host.uuid && pif.role === "physical");
  const pif = ownPifs.find(({ device }) => text === device.replace(/^(?:eth)?/, (eth) => (eth ? "xenbr" : "br")));
  if (pif !== undefined) return `${quote(text)} is the bridge of ${pif.device}; name ${pif.device}`;
  return /^(?:xapi|xenbr)\d+$/.test(text)
    ? `${quote(text)} is the name of a bridge, which has no NIC of its own; name the PIF or the VM`
    : null;
}

function explainBond(text: string, { pifs, host }: Inventory): string | null {
  if (!/^bond\d+$/.test(text)) return null;
  const ownPifs = pifs.filter((pif) => pif.host.uuid === host.uuid);
  const bonds = ownPifs.filter(({ role }) => role === "bond");
  const names = (bonds.length > 0 ? bonds : ownPifs.filter(({ role }) => role === "physical"))
    .map(({ device }) => device)
    .sort(compareNatural);
  const hint = bonds.length > 0 ? `its bonds are ${joinAnd(names)}` : `name NICs: ${names.join(" ")}`;
  return `XAPI has no bond ${quote(text)} on this host; ${hint}`;
}
