import { attemptAsync, CommandError } from "../../core/command-error.ts";
import { getUuid } from "../../core/interface.ts";
import type { Inventory, Pif, Vif } from "../../core/inventory.ts";
import { NO_INTERFACE_POLICY } from "../../core/policy-entries.ts";
import type { Problem } from "../../core/problem.ts";
import type { RestorePlan } from "../../core/restore/plan.ts";
import type { Coverage } from "../../core/verify/coverage.ts";
import type { HostRuleStep } from "../../core/write-policy-entries.ts";
import { type BootScriptUpdate, mergeCoverage, writeCoverage } from "../change.ts";

import type { PlannedRestore, RestoreOptions } from "./plan.ts";

/**
 * Has the boot layer follow what is restored: it goes with everything, and where nothing is left for
 * it to do.
 */
export async function updateBootLayerAfterRestore(
  { boot, selected, plan, rule }: PlannedRestore,
  { targets, features }: RestoreOptions,
  restored: RestorePlan["policyRemovals"],
): Promise<BootScriptUpdate> {
  const noUpdate: BootScriptUpdate = { notes: [], problems: [] };
  const { inventory } = selected;
  // Where none is installed, a run that was killed may have left a temporary file all the same.
  const isEverything = targets.length === 0 && features === null;
  if (inventory === null) return noUpdate;
  if (!isEverything && (boot.state === "not-installed" || boot.covers === null)) return noUpdate;
  const coverage =
    isEverything || boot.covers === null
      ? EMPTY_COVERAGE
      : mergeCoverage(boot.covers, previewRestoredInventory(inventory, plan, restored, rule));
  const updated = await attemptAsync(() => writeCoverage(coverage));
  return updated instanceof CommandError ? { notes: [], problems: [toBootProblem(updated)] } : updated;
}

const EMPTY_COVERAGE: Coverage = { nics: [], vifs: [], devices: new Map(), vms: new Map() };

/** The inventory once the texts of what is restored have gone. */
function previewRestoredInventory(
  inventory: Inventory,
  { policySteps }: RestorePlan,
  restored: RestorePlan["policyRemovals"],
  rule: HostRuleStep | null,
): Inventory {
  const remaining = new Map(policySteps.map(({ iface, features }) => [getUuid(iface), features]));
  const restoredUuids = new Set(restored.map((iface) => getUuid(iface)));
  const previewObject = <T extends Pif | Vif>(object: T): T =>
    restoredUuids.has(object.uuid)
      ? {
          ...object,
          settings: object.settings.withPolicy({
            ...NO_INTERFACE_POLICY,
            value: remaining.get(object.uuid) ?? NO_INTERFACE_POLICY.value,
          }),
        }
      : object;
  return {
    ...inventory,
    storedHostRule: {
      ...inventory.storedHostRule,
      value: rule?.rule ?? inventory.storedHostRule.value,
    },
    pifs: inventory.pifs.map(previewObject),
    vifs: inventory.vifs.map(previewObject),
  };
}

function toBootProblem({ message: reason }: CommandError): Problem {
  const message = `the boot layer does not follow what was restored: ${reason}; run offload restore again`;
  return { code: "boot-drift", message };
}
