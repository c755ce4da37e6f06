import type { BootLayer } from "../core/boot-layer.ts";
import { unusableText } from "../core/disable/plan.ts";
import { type LiveView, statesOf } from "../core/disable/steps.ts";
import type { Keyword } from "../core/features.ts";
import type { Interface, NicInterface } from "../core/interface.ts";
import { Policy } from "../core/policy.ts";
import { NO_STANDING_RULE } from "../core/policy-text.ts";
import type { Kernel } from "../core/ports.ts";
import type { Note, Problem } from "../core/problem.ts";
import type { DeviceReport } from "../core/report.ts";
import type { Result } from "../core/result.ts";
import { smallestFixes } from "../core/verify/advice.ts";
import { bootFindings } from "../core/verify/boot-findings.ts";
import { evaluate } from "../core/verify/evaluate.ts";
import { type Expected, type ExpectedRequest, expectedFeatures } from "../core/verify/expected.ts";
import { type NetworkdMemory, networkdFindings } from "../core/verify/networkd.ts";
import { coverageAtBoot, coverageNow } from "./change.ts";
import type { Chosen } from "./selection.ts";

/** What a host is verified by. */
export interface VerifyEvidence {
  readonly chosen: Chosen;
  readonly view: LiveView;
  readonly boot: BootLayer;
  /** What networkd applies when it starts; null where it has never written anything. */
  readonly networkd: Result<NetworkdMemory | null>;
  readonly hasCarrier: Kernel["hasCarrier"];
}

/** How it was asked. */
export interface VerifyOptions extends ExpectedRequest {
  readonly strict: boolean;
  readonly words: readonly string[];
}

/** What differs from what is expected. */
export interface HostFindings {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
  readonly advice: readonly string[];
}

/** Holds a host, or what was named of it, against its policy; without one, against "everything off". */
export function verifyHost(evidence: VerifyEvidence, options: VerifyOptions): HostFindings {
  const { chosen, view, boot, hasCarrier } = evidence;
  const { interfaces, inventory } = chosen;
  const rule = (inventory?.hostStored ?? NO_STANDING_RULE).value;
  const policy = new Policy(rule, inventory?.vifs ?? []);
  const expected = expectedFeatures(interfaces, policy, options);
  const covers = boot.state === "current" ? coverageAtBoot(boot) : null;
  const evaluated = evaluate(interfaces, expected, { view, boot: covers, hasCarrier });
  const networkd = networkdOf(evidence, expected);
  const layer = layerFindings(evidence, expected, options);
  const problems = [
    ...chosen.problems,
    ...interfaces.flatMap(unusableText),
    ...ruleProblems(chosen),
    ...evaluated.problems,
    ...networkd.problems,
    ...layer.problems,
  ];
  return {
    devices: evaluated.devices,
    problems,
    notes: [...chosen.notes, ...evaluated.notes, ...networkd.notes, ...layer.notes],
    advice: smallestFixes({
      devices: evaluated.devices,
      problems,
      expected,
      rule,
      words: options.words,
      pool: false,
    }),
  };
}

function ruleProblems({ inventory }: Chosen): readonly Problem[] {
  const problem = inventory?.hostStored.problem ?? null;
  if (problem === null) return [];
  const message = `the standing rule of this host cannot be read, because ${problem}; see its other-config: xe host-param-get uuid=${inventory?.host.uuid} param-name=other-config`;
  return [{ code: "text-unusable", message }];
}

/** What networkd will do at its next start that differs. */
function networkdOf(
  { chosen, view, networkd }: Pick<VerifyEvidence, "chosen" | "view" | "networkd">,
  { features }: Expected,
): Pick<HostFindings, "problems" | "notes"> {
  if (!networkd.ok) {
    const notes = networkd.failures.map(
      ({ message }): Note => ({ code: "networkd-unreadable", message }),
    );
    return { problems: [], notes };
  }
  const memory = networkd.value;
  if (memory === null) return { problems: [], notes: [] };
  const found = chosen.interfaces
    .filter((iface): iface is NicInterface => iface.kind === "pif")
    .map((nic) => {
      const live = (feature: Keyword) => statesOf(view, nic.pif.device, [feature])?.[0];
      return networkdFindings({ nic, off: features.get(nic) ?? [], memory, live });
    });
  return {
    problems: found.flatMap(({ problems }) => problems),
    notes: found.flatMap(({ notes }) => notes),
  };
}

/** What networkd will do at its next start that differs from the policy, as `status` tells it. */
export function networkdNotes(
  chosen: Chosen,
  view: LiveView,
  networkd: VerifyEvidence["networkd"],
): readonly Note[] {
  if (chosen.inventory === null) return [];
  const policy = Policy.of(chosen.inventory);
  const features = new Map(
    chosen.interfaces.map((iface) => [iface, policy.featuresOff(iface)] as const),
  );
  const { problems, notes } = networkdOf({ chosen, view, networkd }, { features, byPolicy: true });
  const turnsOn = problems.map(({ message }): Note => ({ code: "networkd-until-plug", message }));
  return [...turnsOn, ...notes];
}

/** The boot layer follows the policy; without one it is looked at for being whole. */
function layerFindings(
  { chosen, boot }: VerifyEvidence,
  expected: Expected,
  { wholeHost, strict }: VerifyOptions,
): Pick<HostFindings, "problems" | "notes"> {
  const { interfaces, inventory } = chosen;
  if (inventory === null || (!wholeHost && !interfaces.some(isNic))) {
    return { problems: [], notes: [] };
  }
  const before = boot.covers ?? { nics: [], vifs: [], devices: new Map(), vms: new Map() };
  const wanted = coverageNow(before, inventory);
  return bootFindings(boot, wanted, strict && expected.features.size > 0);
}

function isNic({ kind }: Interface): boolean {
  return kind === "pif";
}
