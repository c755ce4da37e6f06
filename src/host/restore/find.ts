import { statesOf } from "../../core/disable/steps.ts";
import { isKeyword, type Keyword } from "../../core/features.ts";
import { devicesOf, type Interface, type NicInterface } from "../../core/interface.ts";
import type { Inventory } from "../../core/inventory.ts";
import { naturalOrder } from "../../core/natural-order.ts";
import { Policy, storedOf } from "../../core/policy.ts";
import { NOTHING_STORED, type StandingRule } from "../../core/policy-text.ts";
import type { Kernel } from "../../core/ports.ts";
import type { Note } from "../../core/problem.ts";
import type { Replugger, Restored } from "../../core/restore/apply.ts";
import { planRestore, type RestorePlan } from "../../core/restore/plan.ts";
import type { RestoreEvidence, RestoreRequest } from "../../core/restore/wishes.ts";
import { type Result, success } from "../../core/result.ts";
import { leftOutNotes } from "../../core/targets/notes.ts";
import { bareDevice } from "../../core/targets/survey.ts";
import {
  countElsewhere,
  everyInterface,
  type TargetRequest,
  type Word,
} from "../../core/targets/targets.ts";
import { counted, listed, quoted } from "../../core/text.ts";
import { coveredOnNic, featuresAtBoot } from "../../core/verify/coverage.ts";
import { networkdFindings } from "../../core/verify/networkd.ts";
import type { RuleStep } from "../../core/write-texts.ts";
import { readAddresses } from "../../kernel/addresses.ts";
import { readNetworkdDb } from "../../xapi/networkd/database.ts";
import { syncNetworkd } from "../../xapi/networkd/sync.ts";
import { coverageAtBoot, type Found, readEvidence } from "../change.ts";
import { withOwnDevices } from "../domains.ts";
import type { Dom0 } from "../open.ts";
import { type Chosen, chooseWholeHost, chooseWithoutXapi } from "../selection.ts";
import { planReplug, type ReplugPlan } from "./replug.ts";
import { PlannedReplugger } from "./replugger.ts";

/** What restoring is planned from. */
export interface RestoreFound extends Found {
  readonly plan: RestorePlan;
  readonly evidenceOf: RestoreEvidence;
  readonly rule: RuleStep | null;
  readonly plugs: ReplugPlan;
}

/** How a restore is meant. */
export interface RestoreOptions extends RestoreRequest {
  /** Empty for everything. */
  readonly targets: readonly TargetRequest[];
  /** Whether NICs are plugged anew, so that networkd forgets. */
  readonly replug: boolean;
}

const EVERYTHING: Word = { nics: true, vifs: true };

/** Finds what there is to restore, and plans it. */
export async function findRestore(
  dom0: Dom0,
  options: RestoreOptions,
): Promise<Result<RestoreFound>> {
  const found = await findInterfaces(dom0, options);
  if (!found.ok) return found;
  const { chosen } = found.value;
  const { inventory, rule } = chosen;
  // Without XAPI nobody knows what is asked for, and so what the boot script need not keep off.
  const coverage = inventory === null ? null : coverageAtBoot(found.value.boot);
  const isWide = rule.nics || rule.vifs || options.targets.length === 0;
  const interfaces = chosen.interfaces.filter(
    (iface) =>
      storedOf(iface).names.length > 0 ||
      hasBits(iface, found.value) ||
      (coverage !== null && featuresAtBoot(coverage, iface).length > 0),
  );
  const ruleAfter = inventory === null ? null : planRule(inventory, rule, options);
  const evidenceOf: RestoreEvidence = {
    view: found.value.evidence.view,
    bitsOf: found.value.evidence.bitsOf,
    offAtBoot: (iface) =>
      coverage === null || (iface.kind === "bare" && !isWide)
        ? []
        : featuresAtBoot(coverage, iface),
    policyAfter: policyAfter(inventory, ruleAfter, interfaces),
  };
  const plan = planRestore(interfaces, options, evidenceOf);
  const plugs = await planPlugs(plan, options, chosen);
  return success({ ...found.value, plan, evidenceOf, rule: ruleAfter, plugs });
}

async function findInterfaces(dom0: Dom0, { targets }: RestoreOptions): Promise<Result<Found>> {
  if (targets.length > 0) {
    const chosen = await chooseWithoutXapi(dom0, targets, { templates: true });
    return chosen.ok ? readEvidence(dom0, chosen.value, null) : chosen;
  }
  const known = await chooseEverything(dom0);
  if (!known.ok) return known;
  const found = readEvidence(dom0, known.value, null);
  if (!found.ok) return found;
  const unmanaged = unmanagedDevices(found.value, dom0.kernel);
  if (unmanaged.length === 0) return found;
  const interfaces = [...known.value.interfaces, ...unmanaged];
  return readEvidence(dom0, { ...known.value, interfaces }, found.value.evidence.view);
}

/** Devices that XAPI does not know, and that may have been changed: by the boot script, or while it knew them. */
function unmanagedDevices(
  { chosen, evidence, bits, boot }: Found,
  kernel: Kernel,
): readonly Interface[] {
  const { existing } = evidence.view;
  const known = new Set(
    chosen.interfaces.flatMap((iface) => devicesOf(iface, existing).map(({ name }) => name)),
  );
  const coverage = coverageAtBoot(boot);
  const isChanged = (device: string) =>
    bits.of(device) !== null ||
    (coverage !== null && coveredOnNic(coverage, device).length > 0 && kernel.isNic(device));
  return [...existing]
    .filter((device) => !known.has(device) && isChanged(device))
    .sort(naturalOrder)
    .map((device) => bareDevice(device));
}

/** Everything that is this host's: its NICs, and the VIFs of VMs that run on no other. */
async function chooseEverything(dom0: Dom0): Promise<Result<Chosen>> {
  const { records, kernel } = dom0;
  if (!records.known) return await chooseWholeHost(dom0);
  const { inventory, toolstack } = records;
  const all = [...everyInterface(inventory).values()].filter(
    (iface) =>
      iface.kind !== "vif" || (iface.vm.role === "vm" && iface.whereabouts.at !== "elsewhere"),
  );
  const { interfaces, problems } = await withOwnDevices(all);
  const view = kernel.observe(() => []);
  if (!view.ok) return view;
  return success({
    interfaces,
    rule: EVERYTHING,
    alone: new Set<string>(),
    notes: [...leftOutNotes(countElsewhere(inventory)), ...templateNotes(inventory)],
    problems,
    inventory,
    toolstack,
    seen: view.value,
  });
}

/** Templates and snapshots keep what is stored with them: VMs that are made from them have it too. */
function templateNotes({ vifs }: Inventory): readonly Note[] {
  const kept = vifs.filter(({ vm, stored }) => vm.role !== "vm" && stored.names.length > 0);
  const vms = [...new Map(kept.map(({ vm }) => [vm.uuid, vm])).values()];
  if (vms.length === 0) return [];
  const shown = vms.slice(0, MAX_NAMED).map(({ name, uuid }) => `${quoted(name)} (${uuid})`);
  const rest = vms.length - shown.length;
  const names = listed(rest > 0 ? [...shown, `${rest} more`] : shown);
  const message = `${counted(vms.length, "template or snapshot", "templates and snapshots")} keep their settings and originals: ${names}; restore one by its UUID: offload restore UUID`;
  return [{ code: "templates-kept", message }];
}

/** How many templates a note names before it only counts. */
const MAX_NAMED = 4;

function hasBits(iface: Interface, { evidence }: Found): boolean {
  return devicesOf(iface, evidence.view.existing).some(
    ({ name }) => evidence.bitsOf(name) !== null,
  );
}

function planRule(
  { hostRef: ref, hostStored: stored }: Inventory,
  word: Word,
  { features }: RestoreRequest,
): RuleStep | null {
  const without = (names: readonly string[]) =>
    features === null ? [] : names.filter((name) => !(isKeyword(name) && features.includes(name)));
  const { nics, vifs } = stored.value;
  const rule: StandingRule = {
    nics: word.nics ? without(nics) : nics,
    vifs: word.vifs ? without(vifs) : vifs,
  };
  const isSame = rule.nics.length === nics.length && rule.vifs.length === vifs.length;
  const hasLeftovers = rule.nics.length + rule.vifs.length === 0 && stored.names.length > 0;
  return isSame && !hasLeftovers ? null : { ref, stored, rule };
}

/** The policy once these interfaces have no word of their own any more. */
function policyAfter(
  inventory: Inventory | null,
  rule: RuleStep | null,
  interfaces: readonly Interface[],
): Policy {
  if (inventory === null) return new Policy({ nics: [], vifs: [] }, []);
  const restored = new Set(
    interfaces.flatMap((iface) => (iface.kind === "vif" ? [iface.vif.uuid] : [])),
  );
  const vifs = inventory.vifs.map((vif) =>
    restored.has(vif.uuid) ? { ...vif, stored: NOTHING_STORED } : vif,
  );
  return new Policy(rule?.rule ?? inventory.hostStored.value, vifs);
}

function planPlugs(
  { settled }: RestorePlan,
  { replug }: RestoreOptions,
  { inventory, toolstack }: Chosen,
): Promise<ReplugPlan> | ReplugPlan {
  const nics = settled.filter(
    (iface): iface is NicInterface => iface.kind === "pif" && iface.pif.stored.names.length > 0,
  );
  if (!replug || inventory === null || toolstack === null) return { plugs: [], unsafe: [] };
  return planReplug(nics, inventory, toolstack, readAddresses);
}

/** Has XAPI plug what the plan says. */
export function repluggerOf(
  { plan, plugs, chosen }: RestoreFound,
  { features }: RestoreRequest,
  kernel: Kernel,
  isStopped: () => boolean,
): Replugger {
  const { toolstack } = chosen;
  if (toolstack === null) return { replug: async () => ({ problems: [], notes: [] }) };
  const nics = plan.interfaces.filter((iface): iface is NicInterface => iface.kind === "pif");
  const restored = { nics, features, view: plan.before };
  return new PlannedReplugger(plugs, restored, {
    kernel,
    toolstack,
    sync: syncNetworkd,
    isStopped,
  });
}

/** What networkd will do where nothing is plugged, for `--no-replug`. */
export function notReplugged(
  { plan }: RestoreFound,
  { interfaces, after }: Pick<Restored, "interfaces" | "after">,
  { replug }: RestoreOptions,
): readonly Note[] {
  const devices = plan.settled.flatMap((iface) =>
    iface.kind === "pif" && iface.pif.stored.names.length > 0 ? [iface.pif.device] : [],
  );
  if (replug || devices.length === 0) return [];
  syncNetworkd();
  const memory = readNetworkdDb();
  const known = memory.ok && memory.value !== null ? memory.value : null;
  const found = interfaces.flatMap((nic): readonly Note[] => {
    if (nic.kind !== "pif" || known === null || !devices.includes(nic.pif.device)) return [];
    const live = (feature: Keyword) => statesOf(after, nic.pif.device, [feature])?.[0];
    return networkdFindings({ nic, off: [], memory: known, live }).notes;
  });
  const says =
    known === null
      ? "what networkd does at its next start cannot be told"
      : found.length === 0
        ? "networkd turns nothing off at its next start"
        : "networkd turns features off at its next start";
  const message = `not plugged: ${devices.join(", ")}; ${says}`;
  return [{ code: "networkd-turns-off", message }, ...found];
}
