import { attempt, attemptAsync, CommandError } from "../core/command-error.ts";
import type { FeatureSnapshot } from "../core/disable/steps.ts";
import type { Interface } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import type { PoolCall } from "../core/pool-call.ts";
import type { Kernel, Toolstack } from "../core/ports.ts";
import type { Note, Problem } from "../core/problem.ts";
import { readGuestFeatures, resolveUnmanaged, resolveUnmanagedHost } from "../core/targets/interface-features.ts";
import { createSelectionNotes } from "../core/targets/notes.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import type { TargetRequest } from "../core/targets/target-request.ts";
import {
  parseTargetGroup,
  resolveTargets,
  type Selection,
  type TargetGroup,
  type TargetOptions,
  WHOLE_HOST,
} from "../core/targets/targets.ts";
import { NetworkDevices } from "../kernel/devices.ts";
import { excludeDomainMismatches } from "./domain-mismatch.ts";
import type { Dom0, XapiState } from "./open.ts";

/** The interfaces that a command is to work on. */
export interface SelectedTargets {
  readonly interfaces: readonly Interface[];
  /** Which of ALL, NICS and VIFS were among the targets: ALL is both. */
  readonly groups: TargetGroup;
  /** UUIDs of VIFs that were named by themselves, and whose VM was not. */
  readonly individualVifs: ReadonlySet<string>;
  readonly notes: readonly Note[];
  /** VIFs whose device turned out to be another VM's: they are not among the interfaces. */
  readonly problems: readonly Problem[];
  /** Null where XAPI does not answer and was not needed. */
  readonly inventory: Inventory | null;
  /** Null where XAPI does not answer and was not needed. */
  readonly toolstack: Toolstack | null;
  /** Where the kernel was asked which devices there are, what it said; none of them is read yet. */
  readonly initialSnapshot: FeatureSnapshot | null;
}

/** What has to be read for targets: without any, what the whole host stands for. */
export function getReadScope(requests: readonly TargetRequest[], call: PoolCall | null): ReadScope {
  // In a pool, VMs that run nowhere belong to the host that was asked.
  const guests = call === null || call.includesHaltedVms ? "resident-and-halted" : "resident";
  return requests.length === 0 ? { kind: "host", guests } : { kind: "targets", requests, guests };
}

/** Whether the kernel alone knows what these are, so that XAPI need not be asked where nothing is stored. */
export function areDevices(requests: readonly TargetRequest[]): boolean {
  if (requests.some((request) => parseTargetGroup(request) !== null)) return false;
  using kernel = new NetworkDevices();
  const devices = attempt(() => {
    const { existing } = kernel.readFeatures(() => []);
    return resolveUnmanaged(requests, existing, kernel);
  });
  return devices !== null && !(devices instanceof CommandError);
}

/**
 * Finds the targets in what was read for them. Where one is not found, the whole pool is read: names
 * that are close to it, and the host that has it, are needed for the message alone.
 */
async function resolveTargetsWithHints(
  requests: readonly TargetRequest[],
  inventory: Inventory,
  toolstack: Toolstack,
  options: TargetOptions = { includeTemplates: false },
): Promise<Selection> {
  const selection = attempt(() => resolveTargets(requests, inventory, options));
  if (!(selection instanceof CommandError)) return selection;
  const pool = await attemptAsync(() => toolstack.readInventory({ kind: "pool" }));
  if (pool instanceof CommandError) throw selection;
  return resolveTargets(requests, pool, options);
}

/**
 * Reads, while XAPI answers, what work on the whole host will want to know of the kernel; null where
 * the work is on single targets.
 */
export function readAhead(kernel: Kernel, requests: readonly TargetRequest[]): FeatureSnapshot | null {
  return requests.some((request) => parseTargetGroup(request)?.vifs === true) ? readGuestFeatures(kernel) : null;
}

/** Finds the targets in XAPI's inventory. */
export async function selectTargets(
  dom0: Dom0,
  requests: readonly TargetRequest[],
  options: TargetOptions = { includeTemplates: false },
): Promise<SelectedTargets> {
  const { xapi } = dom0;
  if (!xapi.isKnown) throw new CommandError(xapi.failures);
  const selection = await resolveTargetsWithHints(requests, xapi.inventory, xapi.toolstack, options);
  return await buildSelectedTargets(selection, xapi);
}

async function buildSelectedTargets(
  selection: Selection,
  { inventory, toolstack }: Pick<Extract<XapiState, { isKnown: true }>, "inventory" | "toolstack">,
): Promise<SelectedTargets> {
  const { interfaces, problems } = await excludeDomainMismatches(selection.interfaces);
  const { groups, individualVifs } = selection;
  const notes = createSelectionNotes(selection);
  return {
    interfaces,
    groups,
    individualVifs,
    notes,
    problems,
    inventory,
    toolstack,
    initialSnapshot: null,
  };
}

/** The same, but where XAPI does not answer, devices are taken as the kernel has them. */
export async function selectTargetsWithFallback(
  dom0: Dom0,
  requests: readonly TargetRequest[],
  options: TargetOptions = { includeTemplates: false },
): Promise<SelectedTargets> {
  const { xapi } = dom0;
  if (xapi.isKnown) return await selectTargets(dom0, requests, options);
  const snapshot = dom0.kernel.readFeatures(() => []);
  const unmanaged = resolveUnmanaged(requests, snapshot.existing, dom0.kernel);
  if (unmanaged === null) throw new CommandError(xapi.failures);
  const groups = requests.map(parseTargetGroup).filter((group) => group !== null);
  const mergedGroup = { nics: groups.some(({ nics }) => nics), vifs: groups.some(({ vifs }) => vifs) };
  return buildUnmanagedTargets(unmanaged, mergedGroup, snapshot);
}

/** The whole host; where XAPI does not answer, what the kernel alone knows. */
export async function selectWholeHost(dom0: Dom0): Promise<SelectedTargets> {
  if (dom0.xapi.isKnown) return await selectTargets(dom0, [WHOLE_HOST]);
  const snapshot = dom0.kernel.readFeatures(() => []);
  const unmanaged = resolveUnmanagedHost(snapshot.existing);
  return buildUnmanagedTargets(unmanaged, { nics: true, vifs: true }, snapshot);
}

function buildUnmanagedTargets(
  interfaces: readonly Interface[],
  groups: TargetGroup,
  initialSnapshot: FeatureSnapshot,
): SelectedTargets {
  const individualVifs = new Set<string>();
  return {
    interfaces,
    groups,
    individualVifs,
    notes: [],
    problems: [],
    inventory: null,
    toolstack: null,
    initialSnapshot,
  };
}
