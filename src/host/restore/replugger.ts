import type { LiveView } from "../../core/disable/steps.ts";
import type { KernelFeatures } from "../../core/feature-set.ts";
import { KEYWORDS, type Keyword } from "../../core/features.ts";
import type { NicInterface } from "../../core/interface.ts";
import type { Pif } from "../../core/inventory.ts";
import type { Note } from "../../core/problem.ts";
import type { Replugger } from "../../core/restore/apply.ts";
import { type ReplugPlan, type ReplugPorts, replug, unsafeProblems } from "./replug.ts";

const NOT_SAVED: Note = {
  code: "networkd-not-saved",
  message:
    "networkd writes down what it now knows within five minutes: a power loss before that may undo it at the next boot",
};

/** What a restore restores: NICs, and of them these features; null for every feature. */
export interface RestoredNics {
  readonly nics: readonly NicInterface[];
  readonly features: readonly Keyword[] | null;
  /** As the NICs are before the restore. */
  readonly view: LiveView;
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
    const isWanted = ({ nics }: ReplugPlan["plugs"][number]) =>
      nics.some(({ pif }) => uuids.has(pif.uuid));
    const plan: ReplugPlan = {
      plugs: this.plan.plugs.filter(isWanted),
      unsafe: this.plan.unsafe.filter(({ plug }) => isWanted(plug)),
    };
    const { view } = this.restored;
    const features = featuresByDevice(this.restored);
    const isRestored = (device: string, feature: string) =>
      features.get(device)?.has(feature) === true;
    const { problems, saved } = await replug(plan, view, isRestored, this.ports);
    return {
      problems: [...unsafeProblems(plan), ...problems],
      notes: saved ? [] : [NOT_SAVED],
    };
  }
}

/** The kernel features that are restored, by device: those that the texts of its PIF are about. */
function featuresByDevice({
  nics,
  features,
  view,
}: RestoredNics): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(nics.map(({ pif }) => [pif.device, kernelFeatures(pif, features, view.kernel)]));
}

function kernelFeatures(
  { stored }: Pif,
  features: readonly Keyword[] | null,
  kernel: KernelFeatures,
): ReadonlySet<string> {
  const restored = KEYWORDS.filter(
    (feature) => stored.value.has(feature) && (features === null || features.includes(feature)),
  );
  return new Set(kernel.named(kernel.bitsOf(restored)).map(([name]) => name));
}
