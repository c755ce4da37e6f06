import { inspectBootLayer, installBootFiles, previewBootFiles, runBootScript } from "../boot/boot-layer.ts";
import { type BootMethod, toBootReport } from "../core/boot-layer.ts";
import type { ChangePorts } from "../core/disable/apply.ts";
import type { DisablePlan } from "../core/disable/plan.ts";
import { type FeatureSnapshot, type LiveStep, planLiveSteps } from "../core/disable/steps.ts";
import { FEATURE_NAMES } from "../core/features.ts";
import { getUuid, type Interface } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import { compareNatural } from "../core/natural-order.ts";
import { getStoredPolicy, Policy } from "../core/policy.ts";
import type { Kernel, KernelBitsStore, Toolstack } from "../core/ports.ts";
import type { Problem } from "../core/problem.ts";
import type { Report } from "../core/report.ts";
import { type Failure, type Result, success, usageFailure } from "../core/result.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import { indexInterfaces } from "../core/targets/targets.ts";
import { type Coverage, getBootFeatures, isEmptyCoverage } from "../core/verify/coverage.ts";
import { progress } from "../terminal/progress.ts";
import { type BootScriptUpdate, filterLocalNics, type PlannedChange, readEvidence } from "./change.ts";
import { excludeDomainMismatches } from "./domain-mismatch.ts";
import type { Dom0 } from "./open.ts";
import type { SelectedTargets } from "./selection.ts";

/** What the boot layer of this host has to keep off. Fails where no policy asks for anything. */
function computePolicyCoverage(inventory: Inventory): Result<Coverage> {
  const coverage = Policy.fromInventory(inventory).computeCoverage(filterLocalNics(inventory));
  return isEmptyCoverage(coverage)
    ? usageFailure(
        "nothing-to-persist",
        "the policy of this host is empty; run offload disable first, or name what to keep off: offload persist ALL",
      )
    : success(coverage);
}

/** Plans what the policy asks for: what the boot script would turn off now. */
export async function planPolicy(dom0: Dom0): Promise<Result<PlannedChange>> {
  const { xapi, kernel } = dom0;
  if (!xapi.isKnown) return { ok: false, failures: xapi.failures };
  const { inventory, toolstack } = xapi;
  const coverage = computePolicyCoverage(inventory);
  if (!coverage.ok) return coverage;
  const devices = kernel.readFeatures(() => []);
  if (!devices.ok) return devices;
  const covered = coveredInterfaces(coverage.value, inventory, devices.value.existing, kernel);
  const { interfaces, problems } = await excludeDomainMismatches(covered);
  const selected: SelectedTargets = {
    interfaces,
    groups: { nics: false, vifs: false },
    individualVifs: new Set(),
    notes: [],
    problems,
    inventory,
    toolstack,
    initialSnapshot: null,
  };
  const inputs = readEvidence(dom0, selected, null);
  if (!inputs.ok) return inputs;
  const { snapshot } = inputs.value.evidence;
  const live = planCoveredSteps(interfaces, coverage.value, snapshot);
  const request = {
    features: FEATURE_NAMES.filter((feature) => live.some(({ features }) => features.includes(feature))),
    hasExplicitFeatures: false,
    groups: selected.groups,
    individualVifs: selected.individualVifs,
  };
  const noXapiChanges = {
    settings: [],
    policySteps: [],
    hostRule: null,
    unannouncedVms: [],
    excluded: [],
  };
  const plan = { interfaces, request, before: snapshot, live, ...noXapiChanges };
  const getFeaturesOff = (iface: Interface) => getBootFeatures(coverage.value, iface);
  return success({ ...inputs.value, plan, getFeaturesOff });
}

/** The interfaces on this host that the boot script may change. */
function coveredInterfaces(
  coverage: Coverage,
  inventory: Inventory,
  existing: ReadonlySet<string>,
  kernel: Pick<Kernel, "isNic">,
): readonly Interface[] {
  const managed = [...indexInterfaces(inventory).values()].filter(
    (iface) => iface.kind !== "vif" || iface.location.kind === "local",
  );
  const managedNames = new Set(managed.flatMap((iface) => (iface.kind === "pif" ? [iface.pif.device] : [])));
  const unmanaged = [...existing]
    .filter((device) => !managedNames.has(device) && kernel.isNic(device))
    .sort(compareNatural)
    .map((device): Interface => ({ kind: "unmanaged", device, deviceKind: "pif" }));
  return [...managed, ...unmanaged].filter((iface) => getBootFeatures(coverage, iface).length > 0);
}

function planCoveredSteps(
  interfaces: readonly Interface[],
  coverage: Coverage,
  snapshot: FeatureSnapshot,
): readonly LiveStep[] {
  return [...Map.groupBy(interfaces, (iface) => getBootFeatures(coverage, iface).join())].flatMap(([, group]) => {
    const [first] = group;
    return first === undefined ? [] : planLiveSteps(group, getBootFeatures(coverage, first), snapshot);
  });
}

/** The files that installing would write, as text. Fails where installing would be refused. */
export function previewBootLayer(
  { selected, plan }: Pick<PlannedChange, "selected" | "plan">,
  { method }: { readonly method: BootMethod },
): Result<string> {
  const { inventory } = selected;
  if (inventory === null) return success("");
  const coverage = computePolicyCoverage(previewInventory(inventory, plan));
  if (!coverage.ok) return coverage;
  const files = previewBootFiles(coverage.value, method);
  if (!files.ok) return files;
  return success(files.value.map(({ path, text }) => `# ${path}\n${text}\n`).join(""));
}

/** The inventory with what a plan is going to store. */
function previewInventory(inventory: Inventory, { policySteps, hostRule }: DisablePlan): Inventory {
  const stored = new Map(
    policySteps.map(({ iface, features }) => [getUuid(iface), { ...getStoredPolicy(iface), value: features }]),
  );
  return {
    ...inventory,
    storedHostRule: hostRule === null ? inventory.storedHostRule : { ...hostRule.stored, value: hostRule.rule },
    pifs: inventory.pifs.map((pif) => ({ ...pif, stored: stored.get(pif.uuid) ?? pif.stored })),
    vifs: inventory.vifs.map((vif) => ({ ...vif, stored: stored.get(vif.uuid) ?? vif.stored })),
  };
}

/** What installing works with. */
export interface InstallPorts {
  readonly kernel: Kernel;
  readonly toolstack: Toolstack;
  readonly bits: KernelBitsStore;
  readonly checkCallerWaiting: ChangePorts["checkCallerWaiting"];
}

/**
 * Installs what runs at boot for the policy as it is now, and runs it; what it could not do is reported.
 * To be called with the lock held.
 */
export async function installBootLayer(
  method: BootMethod,
  ports: InstallPorts,
): Promise<BootScriptUpdate & { readonly boot: Report["boot"] }> {
  const installProblems = await install(method, ports);
  const boot = inspectBootLayer();
  const problems: Problem[] = [...installProblems];
  if (!boot.ok) problems.push(...toBootProblems(boot.failures));
  else if (boot.value.state !== "up-to-date" && installProblems.length === 0) {
    const message = `the boot layer is ${boot.value.state} after it was installed`;
    problems.push({ code: "boot-drift", message });
  }
  return { notes: [], problems, boot: boot.ok ? toBootReport(boot.value) : null };
}

async function install(
  method: BootMethod,
  { kernel, toolstack, bits, checkCallerWaiting }: InstallPorts,
): Promise<readonly Problem[]> {
  const callerWaiting = await checkCallerWaiting();
  if (!callerWaiting.ok) return toBootProblems(callerWaiting.failures);
  const inventory = await toolstack.readInventory({ kind: "policy" });
  if (!inventory.ok) return toBootProblems(inventory.failures);
  const coverage = computePolicyCoverage(inventory.value);
  if (!coverage.ok) return toBootProblems(coverage.failures);
  const saved = await saveKernelBits(coverage.value, inventory.value, kernel, bits);
  if (!saved.ok) return toBootProblems(saved.failures);
  const installed = await installBootFiles(coverage.value, method);
  if (!installed.ok) return toBootProblems(installed.failures);
  progress.begin("running the boot script");
  const scriptErrors = await runBootScript(coverage.value);
  progress.end();
  if (!scriptErrors.ok) return toBootProblems(scriptErrors.failures);
  return scriptErrors.value.map(
    (line): Problem => ({ code: "boot-failed", message: `the boot script failed: ${line}` }),
  );
}

/** Keeps what the script is about to turn off, as `disable` does before its own writes. */
async function saveKernelBits(
  coverage: Coverage,
  inventory: Inventory,
  kernel: Kernel,
  bits: KernelBitsStore,
): Promise<Result<void>> {
  const devices = kernel.readFeatures(() => []);
  if (!devices.ok) return devices;
  const covered = coveredInterfaces(coverage, inventory, devices.value.existing, kernel);
  const snapshot = readInterfaceFeatures(covered, kernel);
  if (!snapshot.ok) return snapshot;
  return await bits.save(planCoveredSteps(covered, coverage, snapshot.value), snapshot.value);
}

function toBootProblems(failures: readonly Failure[]): readonly Problem[] {
  return failures.map(({ message }): Problem => ({ code: "boot-failed", message }));
}
