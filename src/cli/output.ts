import { CommandError, type Failure, usageError } from "../core/command-error.ts";
import { EXIT_CODES, type ExitCode } from "../core/problem.ts";
import { createFailureReport, type Report, type ReportingCommand } from "../core/report.ts";
import { stripUnprintable } from "../core/text.ts";
import type { MonitoringAnswer } from "../core/verify/monitoring.ts";
import { createLogger } from "../terminal/logger.ts";
import { writeAll } from "../terminal/streams.ts";
import { createView, type TerminalView } from "../terminal/view.ts";
import { renderReport } from "../terminal/views/report.ts";
import { VERSION } from "../version.ts";
import type { CommandResult, CompletedCommand, TextResult } from "./command.ts";
import type { OutputOptions } from "./output-options.ts";

/** The one place where what a command came to becomes words and an exit code. */
export async function printResult(
  reportAs: ReportingCommand | null,
  output: OutputOptions,
  result: Exclude<CompletedCommand["result"], "help">,
): Promise<ExitCode> {
  const isError = result instanceof CommandError;
  if (!isError && !("report" in result)) {
    await writeAll("stdout", result.text);
    return EXIT_CODES.success;
  }
  if (output.monitoring !== null) {
    const answer = await createMonitoringAnswer(isError ? result : result.report, output.monitoring);
    if (answer !== null) {
      // Names in it are a tenant's, and someone may look at it at a terminal.
      await writeAll("stdout", answer.text.split("\n").map(stripUnprintable).join("\n"));
      // Metrics say that nothing could be found out, and not why.
      if (isError && output.monitoring.format === "prometheus") printFailures(result.failures, output.color);
      return answer.exitCode;
    }
  }
  if (isError) return await printError(reportAs, result, output);
  const { report, text } = result;
  if (output.json) await writeJson(report);
  else await writeAll("stdout", text ?? (await renderPage(report, createReportView(output))));
  return report.exitCode;
}

/** The answer in the format of a monitoring system; null where an error is for people to read instead. */
async function createMonitoringAnswer(
  result: Report | CommandError,
  { format, strict }: NonNullable<OutputOptions["monitoring"]>,
): Promise<MonitoringAnswer | null> {
  if (format === "prometheus") {
    const { createPrometheusAnswer } = await import("../core/verify/prometheus.ts");
    return createPrometheusAnswer(result, { strict, version: VERSION });
  }
  // A monitoring plugin answers to a wrong command line in its own way, too.
  const { createNagiosAnswer } = await import("../core/verify/nagios.ts");
  return createNagiosAnswer(result, strict);
}

async function printError(
  reportAs: ReportingCommand | null,
  error: CommandError,
  output: OutputOptions,
): Promise<ExitCode> {
  if (reportAs !== null && output.json) await writeJson(createErrorReport(reportAs, error));
  printFailures(error.failures, output.color);
  return computeErrorExitCode(error);
}

/** What another host gets of a command that was run for it: the report, and what replaces its usual view. */
export async function createHostAnswer(
  reportAs: ReportingCommand,
  output: OutputOptions,
  result: CommandResult | TextResult | CommandError,
): Promise<{ readonly report: Report; readonly text: string | null }> {
  if (result instanceof CommandError) return { report: createErrorReport(reportAs, result), text: null };
  if (!("report" in result)) throw usageError("no-report", `${reportAs} makes no report here`);
  const { report, text } = result;
  const hasPage = reportAs === "status" || reportAs === "doctor";
  const page = hasPage ? await renderPage(report, createReportView({ ...output, color: false })) : null;
  return { report, text: text ?? page };
}

/** The report of a command that was stopped. */
function createErrorReport(reportAs: ReportingCommand, error: CommandError): Report {
  return createFailureReport(reportAs, computeErrorExitCode(error), error.failures);
}

function computeErrorExitCode({ failures }: CommandError): ExitCode {
  const kinds = new Set(failures.map(({ kind }) => kind));
  if (kinds.has("unavailable")) return EXIT_CODES.unavailable;
  return kinds.has("usage") ? EXIT_CODES.usage : EXIT_CODES.problems;
}

function createReportView({ color, verbose, all }: OutputOptions): TerminalView {
  return createView("stdout", color, { isVerbose: verbose, showsAll: all });
}

/** The view of a report; the page of doctor is loaded only where there is one. */
async function renderPage(report: Report, view: TerminalView): Promise<string> {
  if (report.diagnosis === undefined) return renderReport(report, view);
  const { renderDiagnosis } = await import("../terminal/views/doctor.ts");
  return renderDiagnosis(report, report.diagnosis, view);
}

function writeJson(document: unknown): Promise<void> {
  // Characters that a terminal would act on are escaped: the document stays the same.
  const text = JSON.stringify(document).replace(/[\x7f-\x9f\p{Cf}\u2028\u2029]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
  return writeAll("stdout", `${text}\n`);
}

/** A line on stderr for each failure. */
export function printFailures(failures: readonly Failure[], color: boolean): void {
  const { error } = createLogger(createView("stderr", color));
  for (const { message } of failures) error(message);
}
