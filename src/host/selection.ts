import type { LiveView } from "../core/disable/steps.ts";
import type { Interface } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import type { Kernel, Toolstack } from "../core/ports.ts";
import type { Note, Problem } from "../core/problem.ts";
import { type Result, success } from "../core/result.ts";
import { selectionNotes } from "../core/targets/notes.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { resolveBare, resolveBareHost, surveyGuests } from "../core/targets/survey.ts";
import {
  resolveTargets,
  type Selection,
  type TargetOptions,
  type TargetRequest,
  WHOLE_HOST,
  type Word,
  wordOf,
} from "../core/targets/targets.ts";
import type { PoolCall } from "../plugin/pool-call.ts";
import { withOwnDevices } from "./domains.ts";
import type { Dom0, Records } from "./open.ts";

/** The interfaces that a command is to work on. */
export interface Chosen {
  readonly interfaces: readonly Interface[];
  /** Which of ALL, NICS and VIFS were among the targets: ALL is both. */
  readonly rule: Word;
  /** UUIDs of VIFs that were named by themselves, and whose VM was not. */
  readonly alone: ReadonlySet<string>;
  readonly notes: readonly Note[];
  /** VIFs whose device turned out to be another VM's: they are not among the interfaces. */
  readonly problems: readonly Problem[];
  /** Null where XAPI does not answer and was not needed. */
  readonly inventory: Inventory | null;
  /** Null where XAPI does not answer and was not needed. */
  readonly toolstack: Toolstack | null;
  /** Where the kernel was asked which devices there are, what it said; none of them is read yet. */
  readonly seen: LiveView | null;
}

/** What has to be read for targets: without any, what the whole host stands for. */
export function scopeOf(requests: readonly TargetRequest[], call: PoolCall | null): ReadScope {
  // In a pool, VMs that run nowhere belong to the host that was asked.
  const guests = call === null || call.halted ? "resident-and-halted" : "resident";
  return requests.length === 0 ? { kind: "host", guests } : { kind: "targets", requests, guests };
}

/**
 * Finds the targets in what was read for them. Where one is not found, the whole pool is read: names
 * that are close to it, and the host that has it, are needed for the message alone.
 */
export async function resolveRead(
  requests: readonly TargetRequest[],
  inventory: Inventory,
  toolstack: Toolstack,
  options: TargetOptions = { templates: false },
): Promise<Result<Selection>> {
  const selection = resolveTargets(requests, inventory, options);
  if (selection.ok) return selection;
  const pool = await toolstack.inventory({ kind: "pool" });
  return pool.ok ? resolveTargets(requests, pool.value, options) : selection;
}

/**
 * Reads, while XAPI answers, what work on the whole host will want to know of the kernel; null where
 * the work is on single targets.
 */
export function lookAhead(kernel: Kernel, requests: readonly TargetRequest[]): LiveView | null {
  return requests.some((request) => wordOf(request)?.vifs === true) ? surveyGuests(kernel) : null;
}

/** Finds the targets in XAPI's inventory. */
export async function choose(
  dom0: Dom0,
  requests: readonly TargetRequest[],
  options: TargetOptions = { templates: false },
): Promise<Result<Chosen>> {
  const { records } = dom0;
  if (!records.known) return { ok: false, failures: records.failures };
  const selection = await resolveRead(requests, records.inventory, records.toolstack, options);
  return selection.ok ? success(await chosenFrom(selection.value, records)) : selection;
}

async function chosenFrom(
  selection: Selection,
  { inventory, toolstack }: Pick<Extract<Records, { known: true }>, "inventory" | "toolstack">,
): Promise<Chosen> {
  const { interfaces, problems } = await withOwnDevices(selection.interfaces);
  const { rule, alone } = selection;
  const notes = selectionNotes(selection);
  return { interfaces, rule, alone, notes, problems, inventory, toolstack, seen: null };
}

/** The same, but where XAPI does not answer, devices are taken as the kernel has them. */
export async function chooseWithoutXapi(
  dom0: Dom0,
  requests: readonly TargetRequest[],
  options: TargetOptions = { templates: false },
): Promise<Result<Chosen>> {
  const { records } = dom0;
  if (records.known) return await choose(dom0, requests, options);
  const view = dom0.kernel.observe(() => []);
  if (!view.ok) return view;
  const bare = resolveBare(requests, view.value.existing, (device) =>
    dom0.kernel.standsOnOthers(device),
  );
  if (bare === null) return { ok: false, failures: records.failures };
  return bare.ok ? success(chosenBare(bare.value, NO_RULE, view.value)) : bare;
}

/** The whole host; where XAPI does not answer, what the kernel alone can tell of. */
export async function chooseWholeHost(dom0: Dom0): Promise<Result<Chosen>> {
  if (dom0.records.known) return await choose(dom0, [WHOLE_HOST]);
  const view = dom0.kernel.observe(() => []);
  if (!view.ok) return view;
  const bare = resolveBareHost(view.value.existing);
  return success(chosenBare(bare, { nics: true, vifs: true }, view.value));
}

const NO_RULE: Word = { nics: false, vifs: false };

function chosenBare(interfaces: readonly Interface[], rule: Word, seen: LiveView): Chosen {
  const alone = new Set<string>();
  return {
    interfaces,
    rule,
    alone,
    notes: [],
    problems: [],
    inventory: null,
    toolstack: null,
    seen,
  };
}
