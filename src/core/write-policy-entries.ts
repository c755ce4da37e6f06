import { getSettings, type Interface, type ManagedInterface } from "./interface.ts";
import { createInterfaceProblem } from "./interface-problem.ts";
import type { Inventory } from "./inventory.ts";
import type { StoredFeatures } from "./policy-entries.ts";
import {
  createHostRuleEntry,
  createInterfaceEntry,
  type HostRule,
  type PolicyEntry,
  parseInterfaceEntries,
  type StoredHostRule,
} from "./policy-entries.ts";
import type { OtherConfigWrite, Toolstack } from "./ports.ts";
import type { Problem } from "./problem.ts";

/** What is to be stored with an interface, before anything of it is changed. */
export interface PolicyStep {
  readonly iface: ManagedInterface;
  readonly features: StoredFeatures;
}

/** What became of texts that were to be stored. */
export interface StoreEntriesResult {
  readonly entries: ReadonlyMap<Interface, PolicyEntry>;
  /** Why there is none, by interface. */
  readonly failed: ReadonlyMap<Interface, string>;
}

/** Adds a text to each interface, under a name that was never used before. */
export async function storePolicyEntries(
  steps: readonly PolicyStep[],
  toolstack: Toolstack,
  isStopped: () => boolean,
): Promise<StoreEntriesResult> {
  const failed = new Map<Interface, string>();
  const prepared = steps.flatMap(({ iface, features }) => {
    const entry = createInterfaceEntry(features, getSettings(iface).policy);
    const isReadable = parseInterfaceEntries({ [entry.key]: entry.value }).problem === null;
    // Whatever cannot be read again is not stored: a setting of any length may stand on a VIF.
    if (!isReadable) {
      failed.set(iface, "its settings do not fit into a text");
      return [];
    }
    const write: OtherConfigWrite = {
      owner: getOwner(iface),
      key: entry.key,
      from: null,
      to: entry.value,
    };
    return [{ iface, text: entry, write }];
  });
  const outcomes = await toolstack.writeOtherConfig(
    prepared.map(({ write }) => write),
    isStopped,
  );
  const byWrite = new Map(outcomes.map((outcome) => [outcome.write, outcome]));
  const entries = new Map<Interface, PolicyEntry>();
  for (const { iface, text, write } of prepared) {
    const outcome = byWrite.get(write);
    if (outcome?.state === "written") entries.set(iface, text);
    else failed.set(iface, outcome?.reason ?? "it was not attempted");
  }
  return { entries, failed };
}

/**
 * Removes the texts that newer ones have taken in, and no others. That one is left does no harm: all of
 * them count.
 */
export async function removePolicyEntries(
  entries: ReadonlyMap<Interface, PolicyEntry>,
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const ifaces = [...entries.keys()].filter((iface): iface is ManagedInterface => iface.kind !== "unmanaged");
  return await removeEntriesByKey(ifaces, toolstack);
}

/** Removes the texts of interfaces that were read, by their names. */
export async function removeEntriesByKey(
  ifaces: readonly ManagedInterface[],
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const writes = ifaces.flatMap((iface) =>
    getSettings(iface).policy.keys.map((key) => ({
      iface,
      write: { owner: getOwner(iface), key, from: "", to: null } satisfies OtherConfigWrite,
    })),
  );
  if (writes.length === 0) return [];
  const outcomes = await toolstack.writeOtherConfig(
    writes.map(({ write }) => write),
    () => false,
  );
  const byWrite = new Map(outcomes.map((outcome) => [outcome.write, outcome]));
  return writes.flatMap(({ iface, write }) => {
    const outcome = byWrite.get(write);
    if (outcome?.state === "written") return [];
    const detail = `an older text with its originals could not be removed: ${outcome?.reason ?? ""}`;
    return [createInterfaceProblem("policy-write-failed", iface, detail)];
  });
}

/** The standing rule that a host is to have. */
export interface HostRuleStep {
  /** XAPI's handle of the host, valid for this session only. */
  readonly ref: string;
  /** What is stored with it now. */
  readonly stored: StoredHostRule;
  readonly rule: HostRule;
}

/** Plans the standing rule of a host, given what becomes of its features; null where it says that already. */
export function planHostRule(
  { hostRef: ref, storedHostRule: stored }: Inventory,
  groups: { readonly nics: boolean; readonly vifs: boolean },
  updateFeatures: (names: readonly string[]) => readonly string[],
): HostRuleStep | null {
  const { nics, vifs } = stored.value;
  const rule: HostRule = {
    nics: groups.nics ? updateFeatures(nics) : nics,
    vifs: groups.vifs ? updateFeatures(vifs) : vifs,
  };
  const isUnchanged = rule.nics.length === nics.length && rule.vifs.length === vifs.length;
  const hasLeftovers = rule.nics.length + rule.vifs.length === 0 && stored.keys.length > 0;
  return isUnchanged && !hasLeftovers ? null : { ref, stored, rule };
}

/** Stores the standing rule with the host, then removes the texts that said it before. */
export async function storeHostRule(
  { ref, stored, rule }: HostRuleStep,
  toolstack: Toolstack,
): Promise<readonly Problem[]> {
  const owner = { class: "host", ref } as const;
  const isEmptyRule = rule.nics.length + rule.vifs.length === 0;
  const createProblem = (detail: string): Problem => ({
    code: "policy-write-failed",
    message: `the standing rule of this host could not be stored: ${detail}`,
  });
  if (stored.problem !== null) return [createProblem(stored.problem)];
  if (!isEmptyRule) {
    const entry = createHostRuleEntry(rule, stored);
    const addition: OtherConfigWrite = { owner, key: entry.key, from: null, to: entry.value };
    const [added] = await toolstack.writeOtherConfig([addition], () => false);
    if (added?.state !== "written") return [createProblem(added?.reason ?? "it was not attempted")];
  }
  const removals = stored.keys.map((key): OtherConfigWrite => ({ owner, key, from: "", to: null }));
  const outcomes = await toolstack.writeOtherConfig(removals, () => false);
  return outcomes.flatMap(({ state, reason }) => (state === "written" ? [] : [createProblem(reason)]));
}

function getOwner(iface: ManagedInterface): OtherConfigWrite["owner"] {
  return iface.kind === "pif" ? { class: "PIF", ref: iface.pif.ref } : { class: "VIF", ref: iface.vif.ref };
}
