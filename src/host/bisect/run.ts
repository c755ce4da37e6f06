import type { CommandContext } from "../../cli/command.ts";
import type { TargetsAndFeatures } from "../../cli/options.ts";
import type { SignalHandler } from "../../cli/signals.ts";
import { listBisectFeatures } from "../../core/bisect/devices.ts";
import { type BisectFix, type NamedTarget, planFixes } from "../../core/bisect/fixes.ts";
import { type BisectVerdict, createBisectReport, listCause } from "../../core/bisect/report.ts";
import { findCause, type SearchResult } from "../../core/bisect/search.ts";
import { attempt, CommandError, unavailableError, usageError } from "../../core/command-error.ts";
import { type FeatureSnapshot, type LiveStep, planLiveSteps } from "../../core/disable/steps.ts";
import { listInterfaceDevices } from "../../core/interface.ts";
import type { Problem } from "../../core/problem.ts";
import type { Report } from "../../core/report.ts";
import { readInterfaceFeatures } from "../../core/targets/interface-features.ts";
import { resolveTargets } from "../../core/targets/targets.ts";
import { evaluateInterfaces } from "../../core/verify/evaluate-interfaces.ts";
import { NetworkDevices } from "../../kernel/devices.ts";
import type { ChangeLock } from "../../state/lock.ts";
import { createLogger } from "../../terminal/logger.ts";
import { createView } from "../../terminal/view.ts";
import { changeDom0 } from "../open.ts";
import { revertExpiredChange } from "../pending/pending-change.ts";
import { getReadScope, type SelectedTargets, selectTargetsWithFallback } from "../selection.ts";
import { Checker, type CheckOptions, computeSecondsPerRun } from "./check.ts";
import { RevertibleDevices } from "./revertible-devices.ts";

/** Where to look for the cause, and how it is found out whether the problem is gone. */
export interface BisectRequest extends TargetsAndFeatures, CheckOptions {
  /** Seconds to wait for another run. */
  readonly waitSeconds: number;
}

/** What a bisection found, and what would turn that off for good. */
export interface BisectResult {
  readonly report: Report;
  readonly fixes: readonly BisectFix[];
}

/** Finds out which features are the cause of a problem. Everything is restored, whatever happens. */
export async function runBisect(
  request: BisectRequest,
  { signals, output }: Pick<CommandContext, "signals" | "output">,
): Promise<BisectResult> {
  const scope = getReadScope(request.targets, null);
  return await changeDom0(signals, scope, request.waitSeconds, async (dom0, lock): Promise<BisectResult> => {
    await revertExpiredChange(dom0.kernel);
    const selected = await selectTargetsWithFallback(dom0, request.targets);
    // Hours may pass, and nothing more is asked of XAPI.
    dom0.closeXapi();
    using kernel = new NetworkDevices();
    const before = readInterfaceFeatures(selected.interfaces, kernel);
    const steps = planLiveSteps(selected.interfaces, request.features, before);
    warnOverSsh(selected, steps, request, output.color);
    const run = { request, signals, color: output.color, before, steps, kernel, lock };
    // The process does not end before all is restored, whatever ends the search.
    const { result, checker, problems } = await signals.runCleanup(() => search(run));
    const fixes = planFixes(listCause(result), listNamedTargets(request, selected, steps, before));
    const { devices, notes } = evaluateInterfaces(selected.interfaces, before, {
      features: request.features,
      includesSettings: false,
    });
    const report = createBisectReport(result, {
      host: dom0.host,
      devices,
      problems: [...selected.problems, ...problems],
      isRestored: problems.length === 0,
      notes: [...selected.notes, ...notes],
      repeat: request.repeat,
      steps: checker.steps,
      fixes,
    });
    return { report, fixes };
  });
}

interface SearchRun {
  readonly request: BisectRequest;
  readonly signals: SignalHandler;
  readonly color: boolean;
  readonly before: FeatureSnapshot;
  readonly steps: readonly LiveStep[];
  readonly kernel: NetworkDevices;
  readonly lock: ChangeLock;
}

interface SearchOutcome {
  readonly result: BisectVerdict;
  readonly checker: Checker;
  /** What could not be restored. */
  readonly problems: readonly Problem[];
}

async function search({ request, signals, color, before, steps, kernel, lock }: SearchRun): Promise<SearchOutcome> {
  const pairs = listBisectFeatures(steps, before, (device) => {
    const driver = kernel.readDriver(device);
    return driver.found ? driver.value.name : "";
  });
  if (pairs.candidates.length === 0) {
    throw usageError(
      "nothing-on",
      "nothing to try: none of these features is on and can be turned off on a device here",
    );
  }
  const confirmWithinSeconds = computeSecondsPerRun(request);
  const revertible = { ...request, confirmWithinSeconds, steps, before, pairs };
  signals.throwIfInterrupted();
  const devices = await signals.runUninterrupted(() => RevertibleDevices.begin(revertible, kernel, signals));
  // Every step takes the lock again: what is pending can be reverted while a check runs, however long that takes.
  lock[Symbol.dispose]();
  const checker = new Checker(request, signals, color, (seconds) => devices.ensureSecondsLeft(seconds));
  const found = await attemptSearch(() =>
    findCause(pairs.candidates, {
      turnOff: (requested) => devices.turnOff(requested),
      check: (off, remaining) => checker.check(off, remaining),
    }),
  );
  const problems = await devices.revert();
  if (found.type === "failed") throw addProblems(found.error, problems, color);
  if (found.result.type === "refused") {
    throw addProblems(
      unavailableError("nothing-turned-off", "no feature could be turned off: the drivers did not follow"),
      problems,
      color,
    );
  }
  return { result: found.result, checker, problems };
}

/** Whatever ends a search, its devices are restored before anything else is done. */
async function attemptSearch(
  work: () => Promise<SearchResult>,
): Promise<{ type: "done"; result: SearchResult } | { type: "failed"; error: unknown }> {
  try {
    return { type: "done", result: await work() };
  } catch (error) {
    return { type: "failed", error };
  }
}

/** The failure that ended a search, with what could not be restored; after a signal nothing else tells of that. */
function addProblems(error: unknown, problems: readonly Problem[], color: boolean): unknown {
  if (!(error instanceof CommandError)) {
    for (const { message } of problems) createLogger(createView("stderr", color)).error(message);
    return error;
  }
  const suffix = problems.length === 0 ? "; everything is as it was before" : "";
  return new CommandError([
    ...error.failures.map((failure) => ({ ...failure, message: `${failure.message}${suffix}` })),
    ...problems.map(({ code, message }) => ({ kind: "unavailable", code, message }) as const),
  ]);
}

/** The targets as they were named, each with its devices: the command that makes it last uses their words. */
function listNamedTargets(
  { targets }: BisectRequest,
  { interfaces, inventory }: SelectedTargets,
  steps: readonly LiveStep[],
  { existing }: FeatureSnapshot,
): readonly NamedTarget[] {
  const used = new Set(steps.map(({ device }) => device));
  return targets.flatMap((request): NamedTarget[] => {
    const own =
      inventory === null
        ? interfaces.filter((iface) => iface.kind === "unmanaged" && iface.device === request.text)
        : attempt(() => resolveTargets([request], inventory, { includeTemplates: false }).interfaces);
    if (own instanceof CommandError) return [];
    const devices = own.flatMap((iface) => listInterfaceDevices(iface, existing).map(({ name }) => name));
    // One without a device here, or with nothing to turn off, is not among what was tried.
    const isTried = own.length > 0 && devices.length >= own.length && devices.every((device) => used.has(device));
    return isTried ? [{ request, devices }] : [];
  });
}

/** That the connection may break, and what happens then. */
function warnOverSsh(
  { interfaces }: SelectedTargets,
  steps: readonly LiveStep[],
  request: BisectRequest,
  color: boolean,
) {
  const management = interfaces.filter(
    (iface) => iface.kind === "pif" && iface.management && steps.some(({ device }) => device === iface.pif.device),
  );
  const [nic] = management;
  if (process.env["SSH_CONNECTION"] === undefined || nic?.kind !== "pif") return;
  const seconds = computeSecondsPerRun(request);
  createLogger(createView("stderr", color)).info(
    `this is an SSH login, and ${nic.pif.device} carries the management traffic: should the connection break, everything is restored within ${seconds} seconds`,
  );
}
