import type { FeatureSnapshot } from "../../core/disable/steps.ts";
import type { Feature } from "../../core/features.ts";
import type { NicInterface } from "../../core/interface.ts";
import type { Pif } from "../../core/inventory.ts";
import type { Replugger } from "../../core/ports.ts";
import type { Note } from "../../core/problem.ts";
import { type ReplugPlan, type ReplugPorts, replug, toUnsafePlugProblems } from "./replug.ts";

const NETWORKD_NOT_SAVED: Note = {
  code: "networkd-not-saved",
  message:
    "networkd writes down what it now knows within five minutes: a power loss before that may undo it at the next boot",
};

/** What a command itself sees to, after the plugs. */
export interface HandledNics {
  readonly nics: readonly NicInterface[];
  /** The features of a NIC that the plugs may change. */
  readonly getFeatures: (pif: Pif) => readonly Feature[];
  /** As the NICs are before. */
  readonly snapshot: FeatureSnapshot;
}

/** Carries out the plugs of a plan, for the NICs that a command has come to. */
export class PlannedReplugger implements Replugger {
  constructor(
    private readonly plan: ReplugPlan,
    private readonly handled: HandledNics,
    private readonly ports: ReplugPorts,
  ) {}

  async replug(pifs: readonly Pif[]) {
    const uuids = new Set(pifs.map(({ uuid }) => uuid));
    const isSelected = ({ nics }: ReplugPlan["plugs"][number]) => nics.some(({ pif }) => uuids.has(pif.uuid));
    const plan: ReplugPlan = {
      plugs: this.plan.plugs.filter(isSelected),
      unsafe: this.plan.unsafe.filter(({ plug }) => isSelected(plug)),
    };
    const { snapshot } = this.handled;
    const features = listKernelFeatures(this.handled);
    const isHandled = (device: string, feature: string) => features.get(device)?.has(feature) === true;
    const { problems, isSaved } = await replug(plan, snapshot, isHandled, this.ports);
    return {
      problems: [...toUnsafePlugProblems(plan), ...problems],
      notes: isSaved ? [] : [NETWORKD_NOT_SAVED],
    };
  }
}

/** The kernel features that the command itself sees to, by device. */
function listKernelFeatures({ nics, getFeatures, snapshot }: HandledNics): ReadonlyMap<string, ReadonlySet<string>> {
  const { featureTable } = snapshot;
  return new Map(
    nics.map(({ pif }) => {
      const names = featureTable.listNames(featureTable.getBits(getFeatures(pif))).map(([name]) => name);
      return [pif.device, new Set(names)];
    }),
  );
}
