import type { CommandResult } from "../../cli/command.ts";
import { DEFAULT_FEATURES } from "../../core/features.ts";
import type { PoolCall } from "../../core/pool-call.ts";
import { computeExitCode, type Problem } from "../../core/problem.ts";
import { createReport } from "../../core/report.ts";
import { applyRestore } from "../../core/restore/apply.ts";
import { evaluateThirdPartyFiles } from "../../core/verify/boot-findings.ts";
import { evaluateInterfaces } from "../../core/verify/evaluate-interfaces.ts";
import { createChangePorts } from "../change.ts";
import { type Dom0, toXapiProblems } from "../open.ts";
import {
  createReplugger,
  noteSettingsOfOthers,
  noteSkippedReplug,
  type PlannedRestore,
  type RestoreOptions,
} from "./plan.ts";
import { updateBootLayerAfterRestore } from "./update-boot-layer.ts";

interface RestoreContext {
  readonly request: RestoreOptions;
  readonly dom0: Dom0;
  readonly call: PoolCall | null;
  readonly command: "restore" | "confirm";
  readonly isStopped: () => boolean;
}

/** Carries out what was planned, has the boot layer follow, and reports. */
export async function applyHostRestore(
  planned: PlannedRestore,
  { request, dom0, call, command, isStopped }: RestoreContext,
  reverted: readonly Problem[],
): Promise<CommandResult> {
  const { plan, selected, bits } = planned;
  const ports = createChangePorts(dom0, bits, selected.toolstack, call, isStopped);
  const replugger = createReplugger(planned, request, dom0.kernel, isStopped);
  const updateBootLayer = (restored: PlannedRestore["plan"]["policyRemovals"]) =>
    updateBootLayerAfterRestore(planned, request, restored);
  const restoreWork = {
    request,
    sources: planned.restoreEvidence,
    hostRule: planned.rule,
    replugger,
    updateBootLayer,
  };
  const restored = await applyRestore(plan, restoreWork, ports);
  const { interfaces, after, changes, settingsVerified } = restored;
  const { devices } = evaluateInterfaces(interfaces, after, {
    features: DEFAULT_FEATURES,
    includesSettings: settingsVerified,
  });
  const problems = [
    ...toXapiProblems(dom0.xapi),
    ...selected.problems,
    ...reverted,
    ...restored.problems,
    ...(request.targets.length === 0 ? evaluateThirdPartyFiles(planned.boot, { isMaskProblem: false }).problems : []),
  ];
  const notes = [
    ...selected.notes,
    ...noteSettingsOfOthers(planned, request),
    ...restored.notes,
    ...(await noteSkippedReplug(planned, restored, request)),
  ];
  const exitCode = computeExitCode(problems, { strict: false, changing: true });
  const { host } = dom0;
  return {
    report: createReport(command, { host, exitCode, devices, changes, problems, notes }),
  };
}
