import { inspectBoot, rewriteBootScript } from "../boot/boot-layer.ts";
import type { BootLayer } from "../core/boot-layer.ts";
import type { ChangePorts } from "../core/disable/apply.ts";
import { type DisablePlan, planDisable, planLiveOnly } from "../core/disable/plan.ts";
import type { LiveView } from "../core/disable/steps.ts";
import type { Keyword } from "../core/features.ts";
import type { Interface } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import type { Evidence } from "../core/originals.ts";
import { Policy } from "../core/policy.ts";
import type { KernelBitsKeeper, Toolstack } from "../core/ports.ts";
import type { Note, Problem } from "../core/problem.ts";
import { type Result, success } from "../core/result.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { survey } from "../core/targets/survey.ts";
import type { TargetRequest } from "../core/targets/targets.ts";
import { type Coverage, featuresAtBoot, replaceCoverage } from "../core/verify/coverage.ts";
import { isSameCoverage } from "../core/verify/coverage-json.ts";
import type { PoolCall } from "../plugin/pool-call.ts";
import { announceMark } from "../state/announce-mark.ts";
import { KernelBitsFile } from "../state/kernel-bits.ts";
import type { Dom0 } from "./open.ts";
import { type Chosen, choose, chooseWithoutXapi } from "./selection.ts";

/** What a change of this host is planned from. */
export interface Found {
  readonly chosen: Chosen;
  readonly evidence: Evidence;
  readonly bits: KernelBitsKeeper;
  readonly boot: BootLayer;
}

/** Finds the targets, and reads their devices and what is known of them. */
async function findTargets(
  dom0: Dom0,
  targets: readonly TargetRequest[],
  { store, ahead }: { readonly store: boolean; readonly ahead: LiveView | null },
): Promise<Result<Found>> {
  const chosen = store ? await choose(dom0, targets) : await chooseWithoutXapi(dom0, targets);
  if (!chosen.ok) return chosen;
  return readEvidence(dom0, chosen.value, ahead);
}

/** Reads the devices of interfaces, and what is known of how they were. */
export function readEvidence(dom0: Dom0, chosen: Chosen, ahead: LiveView | null): Result<Found> {
  const view = survey(chosen.interfaces, dom0.kernel, ahead ?? chosen.seen);
  if (!view.ok) return view;
  const bits = KernelBitsFile.read(dom0.kernel);
  if (!bits.ok) return bits;
  const boot = inspectBoot();
  if (!boot.ok) return boot;
  const coverage = coverageAtBoot(boot.value);
  const evidence: Evidence = {
    view: view.value,
    bitsOf: (device) => bits.value.of(device),
    isOffAtBoot: (iface, feature) =>
      coverage !== null && featuresAtBoot(coverage, iface).includes(feature),
  };
  return success({ chosen, evidence, bits: bits.value, boot: boot.value });
}

/** What the boot script turns off; null where there is none. */
export function coverageAtBoot({ state, covers }: BootLayer): Coverage | null {
  return state === "absent" ? null : covers;
}

/** What was found, and what is to be done about it. */
export interface Planned extends Found {
  readonly plan: DisablePlan;
  /** What is to be off on an interface afterwards. */
  readonly featuresOf: (iface: Interface) => readonly Keyword[];
}

/** Plans to turn features off. Without XAPI, or where nothing is to be stored, the kernel's alone. */
export async function planTargets(
  dom0: Dom0,
  targets: readonly TargetRequest[],
  wanted: { readonly features: readonly Keyword[]; readonly named: boolean },
  options: { readonly store: boolean; readonly ahead: LiveView | null },
): Promise<Result<Planned>> {
  const found = await findTargets(dom0, targets, options);
  if (!found.ok) return found;
  const { chosen, evidence } = found.value;
  const { interfaces, rule, alone, inventory } = chosen;
  const { features, named } = wanted;
  const request = { features, named, rule, alone };
  const plan =
    options.store && inventory !== null
      ? planDisable(interfaces, request, inventory, evidence)
      : planLiveOnly(interfaces, request, evidence.view);
  return success({ ...found.value, plan, featuresOf: () => features });
}

/** What changes of this host work on. `toolstack`: null where nothing is to be stored. */
export function changePorts(
  { kernel }: Pick<Dom0, "kernel">,
  bits: KernelBitsKeeper,
  toolstack: Toolstack | null,
  call: PoolCall | null,
  isStopped: () => boolean,
): ChangePorts {
  const stillWanted = () => call?.stillWanted() ?? Promise.resolve(success(undefined));
  return { kernel, toolstack, bits, mark: announceMark, isStopped, stillWanted };
}

/** What following a changed policy has to say. */
export interface Followed {
  readonly notes: readonly Note[];
  readonly problems: readonly Problem[];
}

/**
 * Writes the boot script anew after the policy has changed, where there is one: of what was read now it
 * says what the policy says, of other VMs what it said before.
 */
export async function updateBootScript(
  boot: BootLayer,
  toolstack: Toolstack,
  scope: ReadScope,
): Promise<Followed> {
  if (boot.state === "edited") return { notes: [MODIFIED], problems: [] };
  if (boot.state === "absent" || boot.covers === null) return { notes: [], problems: [] };
  const failed = (message: string): Followed => ({
    notes: [],
    problems: [
      {
        code: "boot-wrong",
        message: `the boot script was not updated: ${message}; fix it with: offload persist`,
      },
    ],
  });
  const inventory = await toolstack.inventory(scope);
  if (!inventory.ok) return failed(inventory.failures.map(({ message }) => message).join("; "));
  const rewritten = await rewriteBootScript(coverageNow(boot.covers, inventory.value));
  if (!rewritten.ok) return failed(rewritten.failures.map(({ message }) => message).join("; "));
  return { notes: [], problems: [] };
}

const MODIFIED: Note = {
  code: "boot-not-updated",
  message:
    "the boot layer was modified by hand and is left as it is; have it follow the policy again with: offload persist",
};

/** That the boot layers of the pool's other hosts do not know of a VM's change. */
export async function otherHostsNotes(
  { state }: BootLayer,
  toolstack: Pick<Toolstack, "countHosts">,
): Promise<readonly Note[]> {
  if (state === "absent") return [];
  const count = await toolstack.countHosts();
  if (!count.ok || count.value < 2) return [];
  const message =
    "the boot layer of the pool's other hosts does not follow this yet; update it with: offload persist --pool";
  return [{ code: "other-hosts-outdated", message }];
}

/** Whether the boot script says something else than the policy does of what was read. */
export function isScriptBehind({ state, covers }: BootLayer, inventory: Inventory | null): boolean {
  if (state === "absent" || covers === null || inventory === null) return false;
  return !isSameCoverage(covers, coverageNow(covers, inventory));
}

/** What the boot script is to cover: the policy for what was read, and what it covers already of the rest. */
export function coverageNow(before: Coverage, inventory: Inventory): Coverage {
  const nics = ownNics(inventory);
  const read = {
    devices: new Set(nics.map(({ device }) => device)),
    vms: new Set(inventory.vms.map(({ uuid }) => uuid)),
  };
  return replaceCoverage(before, Policy.of(inventory).coverage(nics), read);
}

/** The physical PIFs of this host. */
export function ownNics({ pifs, host }: Inventory) {
  return pifs.filter((pif) => pif.role === "physical" && pif.host.uuid === host.uuid);
}
