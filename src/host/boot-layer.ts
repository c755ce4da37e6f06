import { inspectBoot, installBoot, pieces, runBootScript } from "../boot/boot-layer.ts";
import { bootReportOf, type Method } from "../core/boot-layer.ts";
import type { ChangePorts } from "../core/disable/apply.ts";
import type { DisablePlan } from "../core/disable/plan.ts";
import { type LiveStep, type LiveView, planLive } from "../core/disable/steps.ts";
import { KEYWORDS } from "../core/features.ts";
import { type Interface, uuidOf } from "../core/interface.ts";
import type { Inventory } from "../core/inventory.ts";
import { naturalOrder } from "../core/natural-order.ts";
import { Policy, storedOf } from "../core/policy.ts";
import type { Kernel, KernelBitsKeeper, Toolstack } from "../core/ports.ts";
import type { Problem } from "../core/problem.ts";
import type { Report } from "../core/report.ts";
import { type Failure, type Result, success, usage } from "../core/result.ts";
import { survey } from "../core/targets/survey.ts";
import { everyInterface } from "../core/targets/targets.ts";
import { type Coverage, featuresAtBoot, isEmptyCoverage } from "../core/verify/coverage.ts";
import { progress } from "../terminal/progress.ts";
import { type Followed, ownNics, type Planned, readEvidence } from "./change.ts";
import { withOwnDevices } from "./domains.ts";
import type { Dom0 } from "./open.ts";
import type { Chosen } from "./selection.ts";

/** What the boot layer of this host has to keep off. Fails where no policy asks for anything. */
export function coverageOfPolicy(inventory: Inventory): Result<Coverage> {
  const coverage = Policy.of(inventory).coverage(ownNics(inventory));
  return isEmptyCoverage(coverage)
    ? usage(
        "nothing-to-persist",
        "the policy of this host is empty; run offload disable first, or name what to keep off: offload persist ALL",
      )
    : success(coverage);
}

/** Plans what the policy asks for: what the boot script would turn off now. */
export async function planPolicy(dom0: Dom0): Promise<Result<Planned>> {
  const { records, kernel } = dom0;
  if (!records.known) return { ok: false, failures: records.failures };
  const { inventory, toolstack } = records;
  const coverage = coverageOfPolicy(inventory);
  if (!coverage.ok) return coverage;
  const devices = kernel.observe(() => []);
  if (!devices.ok) return devices;
  const covered = coveredInterfaces(coverage.value, inventory, devices.value.existing, kernel);
  const { interfaces, problems } = await withOwnDevices(covered);
  const chosen: Chosen = {
    interfaces,
    rule: { nics: false, vifs: false },
    alone: new Set(),
    notes: [],
    problems,
    inventory,
    toolstack,
    seen: null,
  };
  const found = readEvidence(dom0, chosen, null);
  if (!found.ok) return found;
  const { view } = found.value.evidence;
  const live = liveSteps(interfaces, coverage.value, view);
  const request = {
    features: KEYWORDS.filter((feature) => live.some(({ keywords }) => keywords.includes(feature))),
    named: false,
    rule: chosen.rule,
    alone: chosen.alone,
  };
  const nothing = { settings: [], texts: [], rule: null, unannounced: [], excluded: [] };
  const plan = { interfaces, request, before: view, live, ...nothing };
  const featuresOf = (iface: Interface) => featuresAtBoot(coverage.value, iface);
  return success({ ...found.value, plan, featuresOf });
}

/** The interfaces on this host that the boot script may change. */
function coveredInterfaces(
  coverage: Coverage,
  inventory: Inventory,
  existing: ReadonlySet<string>,
  kernel: Pick<Kernel, "isNic">,
): readonly Interface[] {
  const known = [...everyInterface(inventory).values()].filter(
    (iface) => iface.kind !== "vif" || iface.whereabouts.at === "here",
  );
  const names = new Set(known.flatMap((one) => (one.kind === "pif" ? [one.pif.device] : [])));
  const others = [...existing]
    .filter((device) => !names.has(device) && kernel.isNic(device))
    .sort(naturalOrder)
    .map((device): Interface => ({ kind: "bare", device, as: "pif" }));
  return [...known, ...others].filter((iface) => featuresAtBoot(coverage, iface).length > 0);
}

function liveSteps(
  interfaces: readonly Interface[],
  coverage: Coverage,
  view: LiveView,
): readonly LiveStep[] {
  return [...Map.groupBy(interfaces, (iface) => featuresAtBoot(coverage, iface).join())].flatMap(
    ([, alike]) => {
      const [first] = alike;
      return first === undefined ? [] : planLive(alike, featuresAtBoot(coverage, first), view);
    },
  );
}

/** The files that installing would write, as text. Fails where installing would be refused. */
export function previewBootLayer(
  { chosen, plan }: Pick<Planned, "chosen" | "plan">,
  { method }: { readonly method: Method },
): Result<string> {
  const { inventory } = chosen;
  if (inventory === null) return success("");
  const coverage = coverageOfPolicy(inventoryAfter(inventory, plan));
  if (!coverage.ok) return coverage;
  const written = pieces(coverage.value, method);
  if (!written.ok) return written;
  return success(written.value.map(({ path, text }) => `# ${path}\n${text}\n`).join(""));
}

/** The inventory with what a plan is going to store. */
function inventoryAfter(inventory: Inventory, { texts, rule }: DisablePlan): Inventory {
  const stored = new Map(
    texts.map(({ iface, features }) => [uuidOf(iface), { ...storedOf(iface), value: features }]),
  );
  return {
    ...inventory,
    hostStored: rule === null ? inventory.hostStored : { ...rule.stored, value: rule.rule },
    pifs: inventory.pifs.map((pif) => ({ ...pif, stored: stored.get(pif.uuid) ?? pif.stored })),
    vifs: inventory.vifs.map((vif) => ({ ...vif, stored: stored.get(vif.uuid) ?? vif.stored })),
  };
}

/** What installing works with. */
export interface InstallPorts {
  readonly kernel: Kernel;
  readonly toolstack: Toolstack;
  readonly bits: KernelBitsKeeper;
  readonly stillWanted: ChangePorts["stillWanted"];
}

/**
 * Installs what runs at boot for the policy as it is now, and runs it; what it could not do is reported.
 * To be called with the lock held.
 */
export async function installBootLayer(
  method: Method,
  ports: InstallPorts,
): Promise<Followed & { readonly boot: Report["boot"] }> {
  const done = await install(method, ports);
  const boot = inspectBoot();
  const problems: Problem[] = [...done];
  if (!boot.ok) problems.push(...bootProblems(boot.failures));
  else if (boot.value.state !== "current" && done.length === 0) {
    const message = `the boot layer is ${boot.value.state} after it was installed`;
    problems.push({ code: "boot-wrong", message });
  }
  return { notes: [], problems, boot: boot.ok ? bootReportOf(boot.value) : null };
}

async function install(
  method: Method,
  { kernel, toolstack, bits, stillWanted }: InstallPorts,
): Promise<readonly Problem[]> {
  const wanted = await stillWanted();
  if (!wanted.ok) return bootProblems(wanted.failures);
  const inventory = await toolstack.inventory({ kind: "policy" });
  if (!inventory.ok) return bootProblems(inventory.failures);
  const coverage = coverageOfPolicy(inventory.value);
  if (!coverage.ok) return bootProblems(coverage.failures);
  const kept = await keepBits(coverage.value, inventory.value, kernel, bits);
  if (!kept.ok) return bootProblems(kept.failures);
  const installed = await installBoot(coverage.value, method);
  if (!installed.ok) return bootProblems(installed.failures);
  progress.begin("running the boot script");
  const left = await runBootScript(coverage.value);
  progress.end();
  if (!left.ok) return bootProblems(left.failures);
  return left.value.map(
    (line): Problem => ({ code: "boot-failed", message: `the boot script failed: ${line}` }),
  );
}

/** Keeps what the script is about to turn off, as `disable` does before its own writes. */
async function keepBits(
  coverage: Coverage,
  inventory: Inventory,
  kernel: Kernel,
  bits: KernelBitsKeeper,
): Promise<Result<void>> {
  const devices = kernel.observe(() => []);
  if (!devices.ok) return devices;
  const covered = coveredInterfaces(coverage, inventory, devices.value.existing, kernel);
  const view = survey(covered, kernel);
  if (!view.ok) return view;
  return await bits.keep(liveSteps(covered, coverage, view.value), view.value);
}

function bootProblems(failures: readonly Failure[]): readonly Problem[] {
  return failures.map(({ message }): Problem => ({ code: "boot-failed", message }));
}
