import type { Interface } from "../offload/interface.ts";
import { selectionNotes } from "../offload/notes.ts";
import type { LiveView } from "../offload/plan.ts";
import type { Kernel, Toolstack } from "../offload/ports.ts";
import type { Note } from "../offload/problem.ts";
import { type Result, success } from "../offload/result.ts";
import { resolveBare, resolveBareHost, surveyGuests } from "../offload/survey.ts";
import { isWholeHost, resolveTargets, type TargetRequest, WHOLE_HOST } from "../offload/targets.ts";
import type { Dom0 } from "./dom0.ts";

/** The interfaces that a command is to work on. */
export interface Chosen {
  readonly interfaces: readonly Interface[];
  readonly wholeHost: boolean;
  readonly notes: readonly Note[];
  /** Null where XAPI does not answer and was not needed. */
  readonly toolstack: Toolstack | null;
  /** Where the kernel was asked which devices there are, what it said; none of them is read yet. */
  readonly seen: LiveView | null;
}

/**
 * Reads, while XAPI answers, what work on the whole host will want to know of the kernel; null where
 * the work is on single targets.
 */
export function lookAhead(kernel: Kernel, requests: readonly TargetRequest[]): LiveView | null {
  return requests.some(isWholeHost) ? surveyGuests(kernel) : null;
}

/** Finds the targets in XAPI's inventory. */
export function choose(dom0: Dom0, requests: readonly TargetRequest[]): Result<Chosen> {
  const { records } = dom0;
  if (!records.known) return { ok: false, failures: records.failures };
  const selection = resolveTargets(requests, records.inventory);
  if (!selection.ok) return selection;
  return success({
    interfaces: selection.value.interfaces,
    wholeHost: selection.value.wholeHost,
    notes: selectionNotes(selection.value),
    toolstack: records.toolstack,
    seen: null,
  });
}

/** The same, but where XAPI does not answer, devices are taken as the kernel has them. */
export function chooseWithoutXapi(dom0: Dom0, requests: readonly TargetRequest[]): Result<Chosen> {
  const { records } = dom0;
  if (records.known) return choose(dom0, requests);
  const view = dom0.kernel.observe(() => []);
  if (!view.ok) return view;
  const bare = resolveBare(requests, view.value.existing, (device) =>
    dom0.kernel.standsOnOthers(device),
  );
  if (bare === null) return { ok: false, failures: records.failures };
  if (!bare.ok) return bare;
  return success({
    interfaces: bare.value,
    wholeHost: false,
    notes: [],
    toolstack: null,
    seen: view.value,
  });
}

/** The whole host; where XAPI does not answer, what the kernel alone can tell of. */
export function chooseWholeHost(dom0: Dom0): Result<Chosen> {
  if (dom0.records.known) return choose(dom0, [WHOLE_HOST]);
  const view = dom0.kernel.observe(() => []);
  if (!view.ok) return view;
  const interfaces = resolveBareHost(view.value.existing);
  return success({ interfaces, wholeHost: true, notes: [], toolstack: null, seen: view.value });
}
