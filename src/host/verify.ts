import type { BootLayer } from "../core/boot-layer.ts";
import { CommandError } from "../core/command-error.ts";
import { formatKeyRemoval } from "../core/disable/manual-commands.ts";
import { findPolicyProblems } from "../core/disable/plan.ts";
import { type FeatureSnapshot, getFeatureSet } from "../core/disable/steps.ts";
import { listIneffectivePifSettings, listNetworkSettings } from "../core/doctor/diagnosis.ts";
import type { Feature } from "../core/features.ts";
import { getUuid, type Interface, isManagedNic } from "../core/interface.ts";
import { Policy } from "../core/policy.ts";
import { NO_HOST_RULE } from "../core/policy-entries.ts";
import type { Kernel } from "../core/ports.ts";
import type { Note, Problem } from "../core/problem.ts";
import type { DeviceReport, OffloadSetting } from "../core/report.ts";
import { quote } from "../core/text.ts";
import { evaluateBootLayer } from "../core/verify/boot-findings.ts";
import { evaluate } from "../core/verify/evaluate.ts";
import {
  type ExpectedFeatures,
  type ExpectedRequest,
  resolveExpectedFeatures,
} from "../core/verify/expected-features.ts";
import { describeIneffective } from "../core/verify/findings.ts";
import { buildFixCommands } from "../core/verify/fix-commands.ts";
import { checkNetworkd, type NetworkdDatabase } from "../core/verify/networkd.ts";
import { getBootCoverage, mergeCoverage } from "./change.ts";
import type { SelectedTargets } from "./selection.ts";

/** What a host is verified by. */
export interface VerifyInputs {
  readonly selected: SelectedTargets;
  readonly snapshot: FeatureSnapshot;
  readonly boot: BootLayer;
  /** What networkd applies when it starts; null where it has never written anything. */
  readonly networkd: NetworkdDatabase | CommandError | null;
  readonly hasCarrier: Kernel["hasCarrier"];
  /** Settings of bonds, VLANs and networks, which do nothing. */
  readonly otherSettings: readonly OffloadSetting[];
}

/** How it was asked. */
export interface VerifyOptions extends ExpectedRequest {
  readonly strict: boolean;
  readonly targetWords: readonly string[];
}

/** What differs from what is expected. */
export interface HostFindings {
  readonly devices: readonly DeviceReport[];
  readonly problems: readonly Problem[];
  readonly notes: readonly Note[];
  readonly advice: readonly string[];
}

/** Holds a host, or what was named of it, against its policy; without one, against "everything off". */
export function verifyHost(inputs: VerifyInputs, options: VerifyOptions): HostFindings {
  const { selected, snapshot, boot, hasCarrier } = inputs;
  const { interfaces, inventory } = selected;
  const rule = (inventory?.storedHostRule ?? NO_HOST_RULE).value;
  const policy = new Policy(rule, inventory?.vifs ?? []);
  const expected = resolveExpectedFeatures(interfaces, policy, options);
  const bootCoverage = boot.state === "up-to-date" ? getBootCoverage(boot) : null;
  const evaluated = evaluate(interfaces, expected, { snapshot, bootCoverage, hasCarrier });
  const networkdIssues = findNetworkdIssues(inputs, expected);
  const bootIssues = findBootIssues(inputs, expected, options);
  const problems = [
    ...selected.problems,
    ...interfaces.flatMap(findPolicyProblems),
    ...findRuleProblems(selected),
    ...evaluated.problems,
    ...networkdIssues.problems,
    ...bootIssues.problems,
  ];
  return {
    devices: evaluated.devices,
    problems,
    notes: [
      ...selected.notes,
      ...evaluated.notes,
      ...createOtherSettingNotes(inputs.otherSettings),
      ...networkdIssues.notes,
      ...bootIssues.notes,
    ],
    advice: buildFixCommands({
      devices: evaluated.devices,
      problems,
      expected,
      hostRule: rule,
      groups: options.targetWords,
      pool: false,
      policyFeatures: new Map(interfaces.map((iface) => [getUuid(iface) ?? "", policy.listFeaturesOff(iface)])),
    }),
  };
}

/** Settings of what has no NIC of its own, where a host is looked at as a whole: they look as if they did something. */
export async function readOtherSettings(
  { inventory, toolstack, groups }: SelectedTargets,
  backend: string | null,
): Promise<readonly OffloadSetting[]> {
  if (inventory === null || toolstack === null || !(groups.nics || groups.vifs)) return [];
  const { networks } = await toolstack.readDiagnostics();
  return [...listIneffectivePifSettings(inventory, backend), ...listNetworkSettings(networks)];
}

function createOtherSettingNotes(settings: readonly OffloadSetting[]): readonly Note[] {
  return [...Map.groupBy(settings, ({ uuid }) => uuid)].flatMap(([uuid, group]): Note[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { of: kind } = first;
    const name = kind === "network" ? `network ${quote(first.name)}` : first.name;
    const command = formatKeyRemoval(
      kind,
      uuid,
      group.map(({ key }) => key),
    );
    const message = `${name}: ${describeIneffective(group)}; remove with: ${command}`;
    return [{ code: "setting-ineffective", message, interface: name, uuid, command }];
  });
}

function findRuleProblems({ inventory }: SelectedTargets): readonly Problem[] {
  const problem = inventory?.storedHostRule.problem ?? null;
  if (problem === null) return [];
  const message = `the standing rule of this host cannot be read, because ${problem}; see its other-config: xe host-param-get uuid=${inventory?.host.uuid} param-name=other-config`;
  return [{ code: "policy-invalid", message }];
}

/** What networkd will do at its next start that differs. */
function findNetworkdIssues(
  { selected, snapshot, networkd }: Pick<VerifyInputs, "selected" | "snapshot" | "networkd">,
  { features }: ExpectedFeatures,
): Pick<HostFindings, "problems" | "notes"> {
  if (networkd instanceof CommandError) {
    const notes = networkd.failures.map(({ message }): Note => ({ code: "networkd-unreadable", message }));
    return { problems: [], notes };
  }
  const database = networkd;
  if (database === null) return { problems: [], notes: [] };
  const findings = selected.interfaces.filter(isManagedNic).map((nic) => {
    const getLiveState = (feature: Feature) => getFeatureSet(snapshot, nic.pif.device)?.state(feature);
    return checkNetworkd({ nic, featuresOff: features.get(nic) ?? [], database, getLiveState });
  });
  return {
    problems: findings.flatMap(({ problems }) => problems),
    notes: findings.flatMap(({ notes }) => notes),
  };
}

/** What networkd will do at its next start that differs from the policy, as `status` shows it. */
export function findNetworkdNotes(
  selected: SelectedTargets,
  snapshot: FeatureSnapshot,
  networkd: VerifyInputs["networkd"],
): readonly Note[] {
  if (selected.inventory === null) return [];
  const policy = Policy.fromInventory(selected.inventory);
  const features = new Map(selected.interfaces.map((iface) => [iface, policy.listFeaturesOff(iface)] as const));
  const { problems, notes } = findNetworkdIssues({ selected, snapshot, networkd }, { features, isFromPolicy: true });
  const turnOnNotes = problems.map(({ message }): Note => ({ code: "networkd-until-replug", message }));
  return [...turnOnNotes, ...notes];
}

/** The boot layer follows the policy; without one it is looked at for being whole. */
function findBootIssues(
  { selected, boot }: VerifyInputs,
  expected: ExpectedFeatures,
  { isWholeHost, strict }: VerifyOptions,
): Pick<HostFindings, "problems" | "notes"> {
  const { interfaces, inventory } = selected;
  if (inventory === null || (!isWholeHost && !interfaces.some(isNic))) {
    return { problems: [], notes: [] };
  }
  const previous = boot.covers ?? { nics: [], vifs: [], devices: new Map(), vms: new Map() };
  const expectedCoverage = mergeCoverage(previous, inventory);
  return evaluateBootLayer(boot, expectedCoverage, strict && expected.features.size > 0);
}

function isNic({ kind }: Interface): boolean {
  return kind === "pif";
}
