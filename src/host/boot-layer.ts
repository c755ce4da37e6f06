import { inspectBootLayer, installBootFiles, previewBootFiles } from "../boot/boot-layer.ts";
import { runBootScript } from "../boot/boot-script-file.ts";
import { type BootMethod, toBootReport } from "../core/boot-layer.ts";
import { attempt, attemptAsync, CommandError, usageError } from "../core/command-error.ts";
import type { ChangePorts } from "../core/disable/apply.ts";
import { type ChangePlan, createLivePlan } from "../core/disable/plan.ts";
import { type FeatureSnapshot, getFeatureSet, type LiveStep, planLiveSteps } from "../core/disable/steps.ts";
import { FEATURE_NAMES } from "../core/features.ts";
import { getSettings, getUuid, type Interface, listInterfaceDevices } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import { compareNatural } from "../core/natural-order.ts";
import { Policy } from "../core/policy.ts";
import type { Kernel, KernelBitsStore, Toolstack } from "../core/ports.ts";
import type { Problem } from "../core/problem.ts";
import type { Report } from "../core/report.ts";
import { readInterfaceFeatures } from "../core/targets/interface-features.ts";
import { indexInterfaces } from "../core/targets/targets.ts";
import { escapeUnprintable } from "../core/text.ts";
import { type Coverage, getBootFeatures, isEmptyCoverage } from "../core/verify/coverage.ts";
import { progress } from "../terminal/progress.ts";
import { type BootScriptUpdate, filterLocalNics, type PlannedChange, readEvidence } from "./change.ts";
import { excludeDomainMismatches } from "./domain-mismatch.ts";
import type { Dom0 } from "./open.ts";
import type { SelectedTargets } from "./selection.ts";

/** What the boot layer of this host has to keep off. Fails where no policy asks for anything. */
function computePolicyCoverage(inventory: Inventory): Coverage {
  const coverage = Policy.fromInventory(inventory).computeCoverage(filterLocalNics(inventory));
  if (isEmptyCoverage(coverage)) {
    throw usageError(
      "nothing-to-persist",
      "the policy of this host is empty; run offload disable first, or name what to keep off: offload persist ALL",
    );
  }
  return coverage;
}

/** Plans what the policy asks for: what the boot script would turn off now. */
export async function planPolicy(dom0: Dom0): Promise<PlannedChange> {
  const { xapi, kernel } = dom0;
  if (!xapi.isKnown) throw new CommandError(xapi.failures);
  const { inventory, toolstack } = xapi;
  const coverage = computePolicyCoverage(inventory);
  const devices = kernel.readFeatures(() => []);
  const covered = coveredInterfaces(coverage, inventory, devices.existing, kernel);
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
  const { snapshot } = inputs.evidence;
  const live = planCoveredSteps(interfaces, coverage, snapshot);
  const request = {
    direction: "off" as const,
    features: FEATURE_NAMES.filter((feature) => live.some(({ features }) => features.includes(feature))),
    hasExplicitFeatures: false,
    groups: selected.groups,
    individualVifs: selected.individualVifs,
  };
  const plan = createLivePlan(interfaces, request, snapshot, live);
  const getFeatures = (iface: Interface) => getBootFeatures(coverage, iface);
  return { ...inputs, plan, getFeatures };
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
export async function previewBootLayer(
  { selected, plan }: Pick<PlannedChange, "selected" | "plan">,
  { method }: { readonly method: BootMethod },
): Promise<string> {
  const { inventory } = selected;
  if (inventory === null) return "";
  const coverage = computePolicyCoverage(previewInventory(inventory, plan));
  const files = await previewBootFiles(coverage, method);
  return files.map(({ path, text }) => escapeUnprintable(`# ${path}\n${text}\n`)).join("");
}

/** The inventory with what a plan is going to store. */
function previewInventory(inventory: Inventory, { policySteps, hostRule }: ChangePlan): Inventory {
  const updated = new Map(
    policySteps.map(({ iface, features }) => {
      const { settings } = iface.kind === "pif" ? iface.pif : iface.vif;
      return [getUuid(iface), settings.withPolicy({ ...settings.policy, value: features })];
    }),
  );
  return {
    ...inventory,
    storedHostRule: hostRule === null ? inventory.storedHostRule : { ...hostRule.stored, value: hostRule.rule },
    pifs: inventory.pifs.map((pif) => ({ ...pif, settings: updated.get(pif.uuid) ?? pif.settings })),
    vifs: inventory.vifs.map((vif) => ({ ...vif, settings: updated.get(vif.uuid) ?? vif.settings })),
  };
}

/** What installing works with. */
export interface InstallPorts {
  readonly kernel: Kernel;
  readonly toolstack: Toolstack;
  readonly bits: KernelBitsStore;
  /** What the boot script kept off until now; null where there was none. */
  readonly previousCoverage: Coverage | null;
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
  const installed = await attemptAsync(() => install(method, ports));
  const installProblems = installed instanceof CommandError ? toBootProblems(installed) : installed;
  const boot = attempt(inspectBootLayer);
  const problems: Problem[] = [...installProblems];
  if (boot instanceof CommandError) problems.push(...toBootProblems(boot));
  else if (boot.state !== "up-to-date" && installProblems.length === 0) {
    const message = `the boot layer is ${boot.state} after it was installed`;
    problems.push({ code: "boot-drift", message });
  }
  return { notes: [], problems, boot: boot instanceof CommandError ? null : toBootReport(boot) };
}

async function install(method: BootMethod, ports: InstallPorts): Promise<readonly Problem[]> {
  await ports.checkCallerWaiting();
  const inventory = await ports.toolstack.readInventory({ kind: "policy" });
  const coverage = computePolicyCoverage(inventory);
  await saveKernelBits(coverage, inventory, ports);
  await installBootFiles(coverage, method);
  progress.begin("running the boot script");
  const scriptErrors = await runBootScript(coverage).finally(() => progress.end());
  return scriptErrors.map((line): Problem => ({ code: "boot-failed", message: `the boot script failed: ${line}` }));
}

/**
 * Keeps what the script is about to turn off, as `disable` does before its own writes. Of an interface without
 * originals in XAPI (it could not be read when they were stored) also what is off already, so that `restore`
 * does not take that for the script's work; unless an earlier boot script may have turned it off.
 */
async function saveKernelBits(coverage: Coverage, inventory: Inventory, ports: InstallPorts): Promise<void> {
  const { kernel, bits, previousCoverage } = ports;
  const { existing } = kernel.readFeatures(() => []);
  const covered = coveredInterfaces(coverage, inventory, existing, kernel);
  const snapshot = readInterfaceFeatures(covered, kernel);
  const bitsToClear = planCoveredSteps(covered, coverage, snapshot).map(({ device, request }) => ({
    device,
    bits: request.valid,
  }));
  const unstored = covered.filter((iface) => getSettings(iface).policy.keys.length === 0);
  const visibleBits = unstored.flatMap((iface) => {
    const hidden = previousCoverage === null ? [] : getBootFeatures(previousCoverage, iface);
    const visible = getBootFeatures(coverage, iface).filter((feature) => !hidden.includes(feature));
    return listInterfaceDevices(iface, existing).map(({ name: device }) => ({
      device,
      bits: getFeatureSet(snapshot, device)?.findChangeable(visible) ?? [],
    }));
  });
  await bits.save([...bitsToClear, ...visibleBits], snapshot);
}

function toBootProblems({ failures }: CommandError): readonly Problem[] {
  return failures.map(({ message }): Problem => ({ code: "boot-failed", message }));
}
