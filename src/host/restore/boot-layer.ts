import { removeBoot, rewriteBootScript } from "../../boot/boot-layer.ts";
import { uuidOf } from "../../core/interface.ts";
import type { Inventory, Pif, Vif } from "../../core/inventory.ts";
import { NOTHING_STORED } from "../../core/policy-text.ts";
import type { Problem } from "../../core/problem.ts";
import type { RestorePlan } from "../../core/restore/plan.ts";
import { isEmptyCoverage } from "../../core/verify/coverage.ts";
import type { RuleStep } from "../../core/write-texts.ts";
import { coverageNow, type Followed } from "../change.ts";

import type { RestoreFound, RestoreOptions } from "./find.ts";

/**
 * Has the boot layer follow what is restored: it goes with everything, and where nothing is left for
 * it to do.
 */
export async function restoreBootLayer(
  { boot, chosen, plan, rule }: RestoreFound,
  { targets, features }: RestoreOptions,
  settled: RestorePlan["settled"],
): Promise<Followed> {
  const nothing: Followed = { notes: [], problems: [] };
  const { inventory } = chosen;
  // Where none is installed, a run that was killed may have left a temporary file all the same.
  const isEverything = targets.length === 0 && features === null;
  if (inventory === null) return nothing;
  if (!isEverything && (boot.state === "absent" || boot.covers === null)) return nothing;
  const coverage =
    isEverything || boot.covers === null
      ? null
      : coverageNow(boot.covers, inventoryAfter(inventory, plan, settled, rule));
  const isRemoved = coverage === null || isEmptyCoverage(coverage);
  const done = isRemoved ? await removeBoot() : await rewriteBootScript(coverage);
  if (!done.ok) return { notes: [], problems: [asProblem(done.failures)] };
  return isRemoved && done.value
    ? { notes: [{ code: "boot-removed", message: BOOT_REMOVED }], problems: [] }
    : nothing;
}

const BOOT_REMOVED = "what persist had installed was removed";

/** The inventory once the texts of what is settled have gone. */
function inventoryAfter(
  inventory: Inventory,
  { texts }: RestorePlan,
  settled: RestorePlan["settled"],
  rule: RuleStep | null,
): Inventory {
  const left = new Map(texts.map(({ iface, features }) => [uuidOf(iface), features]));
  const gone = new Set(settled.map((iface) => uuidOf(iface)));
  const after = <T extends Pif | Vif>(one: T): T =>
    gone.has(one.uuid)
      ? { ...one, stored: { ...NOTHING_STORED, value: left.get(one.uuid) ?? NOTHING_STORED.value } }
      : one;
  return {
    ...inventory,
    hostStored: { ...inventory.hostStored, value: rule?.rule ?? inventory.hostStored.value },
    pifs: inventory.pifs.map(after),
    vifs: inventory.vifs.map(after),
  };
}

function asProblem(failures: readonly { readonly message: string }[]): Problem {
  const reason = failures.map(({ message }) => message).join("; ");
  const message = `the boot layer does not follow what was restored: ${reason}; run offload restore again`;
  return { code: "boot-wrong", message };
}
