import type { ArgsDef } from "citty";
import { type CommandContext, type CommandResult, defineOffloadCommand } from "../cli/command.ts";
import { parseTargetsAndFeatures, parseWaitSeconds } from "../cli/options.ts";
import type { ParsedArguments } from "../cli/parse-args.ts";
import { BISECT } from "../cli/specs/bisect.ts";
import { type BisectFix, formatFix } from "../core/bisect/fixes.ts";
import { usageError } from "../core/command-error.ts";
import { joinAnd, quote } from "../core/text.ts";
import { type BisectRequest, runBisect } from "../host/bisect/run.ts";
import { runChange } from "../host/run-change.ts";
import { askYesNo, isInteractive } from "../terminal/confirm.ts";
import { writeAll } from "../terminal/streams.ts";
import { isTerminal } from "../terminal/tty.ts";
import { createView } from "../terminal/view.ts";
import { renderReport } from "../terminal/views/report.ts";

/** How long a check and an answer may take, in seconds. */
const DEFAULT_TIMEOUT_SECONDS = { check: 60, answer: 600 } as const;

/** `offload bisect`: finds out which features are the cause of a problem. */
export const bisectCommand = defineOffloadCommand("bisect", BISECT, async (args, context): Promise<CommandResult> => {
  const request = parseBisectRequest(args);
  if (request.command === null && !isInteractive()) {
    throw usageError(
      "not-interactive",
      "cannot ask whether the problem is gone: stdin is not a terminal; pass --check COMMAND",
    );
  }
  const { report, fixes } = await runBisect(request, context);
  const { output } = context;
  if (fixes.length === 0 || output.json || !isInteractive() || !isTerminal("stdout")) return { report };
  await writeAll("stdout", renderReport(report, createView("stdout", output.color)));
  const commands = joinAnd(fixes.map(formatFix));
  const answer = await askYesNo(`Run ${commands} now?`, context.signals.abortSignal);
  if (answer === "interrupted") context.signals.handleSignal("SIGINT");
  return answer === "yes" ? await applyFixes(fixes, context) : { report, text: "" };
});

function parseBisectRequest(args: ParsedArguments<typeof BISECT.args>): BisectRequest {
  const [command = null] = args.values("check");
  if (args.values("check").length > 1) throw usageError("conflicting-options", "--check can be given once");
  if (command?.trim() === "") throw usageError("invalid-check", "--check: the command is empty");
  const selection = parseTargetsAndFeatures(args);
  if (selection.targets.length === 0) {
    throw usageError("missing-target", "nothing named to work on; name VMs, PIFs or VIFs, or ALL for the whole host");
  }
  const defaultTimeout = DEFAULT_TIMEOUT_SECONDS[command === null ? "answer" : "check"];
  return {
    ...selection,
    command,
    repeat: parseNumber(args, "repeat", { default: 1, min: 1, max: 1000 }),
    settleSeconds: parseNumber(args, "settle", { default: 0, min: 0, max: 3600 }),
    timeoutSeconds: parseNumber(args, "timeout", { default: defaultTimeout, min: 1, max: 3600 }),
    waitSeconds: parseWaitSeconds(args),
  };
}

function parseNumber<D extends ArgsDef>(
  args: ParsedArguments<D>,
  name: keyof D & string,
  limits: { readonly default: number; readonly min: number; readonly max: number },
): number {
  const text = args.values(name).at(-1) ?? String(limits.default);
  const number = /^\d{1,4}$/.test(text) ? Number(text) : -1;
  if (number >= limits.min && number <= limits.max) return number;
  throw usageError("invalid-number", `--${name}: ${quote(text)} is not a number from ${limits.min} to ${limits.max}`);
}

/** Turns the cause off for good: all but the last report are printed here. */
async function applyFixes(fixes: readonly BisectFix[], context: CommandContext): Promise<CommandResult> {
  const results: CommandResult[] = [];
  for (const { targets, features } of fixes) {
    const request = {
      targets,
      features,
      hasExplicitFeatures: true,
      isPicked: false,
      yes: true,
      dryRun: false,
      direction: "off" as const,
      replug: false,
      store: true,
      confirmWithinSeconds: 0,
      waitSeconds: 0,
      persist: null,
    };
    results.push(await runChange(request, context));
  }
  const view = createView("stdout", context.output.color);
  const text = results.map(({ report }) => renderReport(report, view)).join("\n");
  const worst = results.reduce((a, b) => (b.report.exitCode > a.report.exitCode ? b : a));
  return { report: worst.report, text };
}
