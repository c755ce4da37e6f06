import type { FeatureSnapshot } from "../../core/disable/steps.ts";
import type { KernelFeatureTable } from "../../core/feature-set.ts";
import { FEATURE_NAMES, type Feature } from "../../core/features.ts";
import type { NicInterface } from "../../core/interface.ts";
import type { Pif } from "../../core/inventory.ts";
import type { Note } from "../../core/problem.ts";
import type { Replugger } from "../../core/restore/apply.ts";
import { type ReplugPlan, type ReplugPorts, replug, toUnsafePlugProblems } from "./replug.ts";

const NETWORKD_NOT_SAVED: Note = {
  code: "networkd-not-saved",
  message:
    "networkd writes down what it now knows within five minutes: a power loss before that may undo it at the next boot",
};

/** What a restore restores: NICs, and of them these features; null for every feature. */
export interface RestoredNics {
  readonly nics: readonly NicInterface[];
  readonly features: readonly Feature[] | null;
  /** As the NICs are before the restore. */
  readonly snapshot: FeatureSnapshot;
}

/** Carries out the plugs of a plan, for the NICs that a restore has come to. */
export class PlannedReplugger implements Replugger {
  constructor(
    private readonly plan: ReplugPlan,
    private readonly restored: RestoredNics,
    private readonly ports: ReplugPorts,
  ) {}

  async replug(pifs: readonly Pif[]) {
    const uuids = new Set(pifs.map(({ uuid }) => uuid));
    const isSelected = ({ nics }: ReplugPlan["plugs"][number]) => nics.some(({ pif }) => uuids.has(pif.uuid));
    const plan: ReplugPlan = {
      plugs: this.plan.plugs.filter(isSelected),
      unsafe: this.plan.unsafe.filter(({ plug }) => isSelected(plug)),
    };
    const { snapshot } = this.restored;
    const features = listRestoredFeatures(this.restored);
    const isRestored = (device: string, feature: string) => features.get(device)?.has(feature) === true;
    const { problems, isSaved } = await replug(plan, snapshot, isRestored, this.ports);
    return {
      problems: [...toUnsafePlugProblems(plan), ...problems],
      notes: isSaved ? [] : [NETWORKD_NOT_SAVED],
    };
  }
}

/** The kernel features that are restored, by device: those that the texts of its PIF are about. */
function listRestoredFeatures({
  nics,
  features,
  snapshot: view,
}: RestoredNics): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(nics.map(({ pif }) => [pif.device, listKernelFeatures(pif, features, view.featureTable)]));
}

function listKernelFeatures(
  { settings }: Pif,
  features: readonly Feature[] | null,
  featureTable: KernelFeatureTable,
): ReadonlySet<string> {
  const restored = FEATURE_NAMES.filter(
    (feature) => settings.policy.value.has(feature) && (features === null || features.includes(feature)),
  );
  return new Set(featureTable.listNames(featureTable.getBits(restored)).map(([name]) => name));
}
