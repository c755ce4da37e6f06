import type { CommandResult } from "../cli/command.ts";
import { requireConfirmation } from "../cli/confirm.ts";
import type { SignalHandler } from "../cli/signals.ts";
import { evaluateOn } from "../core/disable/evaluate-on.ts";
import { formatChangeCommands, NOTHING_TO_CHANGE } from "../core/disable/manual-commands.ts";
import { type ChangePlan, previewChanges } from "../core/disable/plan.ts";
import { EXIT_CODES } from "../core/problem.ts";
import { createReport } from "../core/report.ts";
import type { ReadScope } from "../core/targets/read-scope.ts";
import { evaluateEach } from "../core/verify/evaluate-interfaces.ts";
import { createView } from "../terminal/view.ts";
import { formatPlanSummary } from "../terminal/views/plan-summary.ts";
import type { PlannedChange } from "./change.ts";
import {
  getReportingCommand,
  type HostChangeRequest,
  planHostRequest,
  planReplugs,
  previewInstall,
} from "./change-request.ts";
import { createSshWarning, describeScope } from "./confirmation.ts";
import { type Dom0, withDom0 } from "./open.ts";
import { isSavedAlready } from "./replug-enabled.ts";
import { describePlugs } from "./restore/replug.ts";

/** Shows what would change, and asks; without anything to do nothing is asked. */
export async function askToChange(
  request: HostChangeRequest,
  scope: ReadScope | null,
  signals: SignalHandler,
): Promise<void> {
  const terminalView = createView("stderr", false);
  const summary = await withDom0(signals, scope, async (dom0): Promise<string> => {
    const planned = await planHostRequest(request, dom0, null);
    const replugPlan = await planReplugs(planned, request, isSavedAlready);
    const plugs = describePlugs(replugPlan);
    const { plan } = planned;
    const changedInterfaces = plan.live.map(({ iface }) => iface);
    const warning = createSshWarning(changedInterfaces, request.confirmWithinSeconds);
    const isEmpty = isEmptyPlan(plan) && plugs === null;
    return isEmpty ? "" : formatPlanSummary(plan, dom0, warning, terminalView, plugs);
  });
  // Nothing to do, nothing to ask.
  if (summary === "") return;
  return await requireConfirmation(
    {
      question: `Turn these offloads ${request.direction}?`,
      summary,
      refusal: `refusing to change ${describeScope(request, "everything in the policy")} without confirmation`,
    },
    signals,
  );
}

function isEmptyPlan({ live, settings, policySteps, hostRule, unannouncedVms }: ChangePlan): boolean {
  const count = live.length + settings.length + policySteps.length + unannouncedVms.length;
  return count === 0 && hostRule === null;
}

/** The dry run: what would change, and by which commands or files. */
export async function previewChange(
  planned: PlannedChange,
  request: HostChangeRequest,
  { host }: Dom0,
): Promise<CommandResult> {
  const { plan, selected, getFeatures } = planned;
  const { devices, notes } = (request.direction === "off" ? evaluateEach : evaluateOn)(plan.interfaces, plan.before, {
    getFeatures,
    includesSettings: request.store,
  });
  const { plugs } = await planReplugs(planned, request, isSavedAlready);
  const bootFiles = await previewInstall(planned, request);
  const pifs = plugs.map(({ pif }) => pif);
  const commands = formatChangeCommands(request.direction, plan.live, plan.settings, pifs);
  const report = createReport(getReportingCommand(request), {
    host,
    exitCode: EXIT_CODES.success,
    dryRun: true,
    devices,
    changes: previewChanges(plan),
    problems: [...selected.problems, ...plan.excluded],
    notes: [...selected.notes, ...notes],
    commands,
  });
  const emptyLines = isEmptyPlan(plan)
    ? [NOTHING_TO_CHANGE]
    : ["# no command: only the policy is stored, in other-config"];
  const lines = commands.length > 0 || bootFiles !== "" ? commands : emptyLines;
  return { report, text: `${lines.map((line) => `${line}\n`).join("")}${bootFiles}` };
}
