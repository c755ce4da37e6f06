import type { CommandDef } from "citty";
import { type CommandContext, type CommandOutcome, type OutputOptions, parseOutputOptions } from "./cli/command.ts";
import { InterruptedError, SignalHandler } from "./cli/signals.ts";
import { CommandError, type Failure, usageError } from "./core/command-error.ts";
import type { PoolCall } from "./core/pool-call.ts";
import { EXIT_CODES, type ExitCode } from "./core/problem.ts";
import { createFailureReport, type Report, type ReportingCommand } from "./core/report.ts";
import { isPluginPath } from "./paths.ts";
import type { XapiPluginAnswer } from "./plugin/answer-call.ts";
import { createLogger } from "./terminal/logger.ts";
import { type OutputStream, StreamError, writeAll } from "./terminal/streams.ts";
import { createPaint, stripUnprintable } from "./terminal/text.ts";
import { createView, type TerminalView } from "./terminal/view.ts";
import { renderReport } from "./terminal/views/report.ts";

type CompletedCommand =
  | {
      readonly command: ReportingCommand;
      readonly outputOptions: OutputOptions;
      readonly outcome: CommandOutcome;
    }
  | { readonly text: string | CommandError };

type CommandLoader = (context: CommandContext) => Promise<CommandDef>;

/**
 * The command tree. A map, because every object knows a `toString` that is no command. Each command
 * is loaded when it is wanted.
 */
const COMMANDS: ReadonlyMap<string, CommandLoader> = new Map<string, CommandLoader>([
  ["disable", async (context) => (await import("./commands/disable.ts")).createDisableCommand(context)],
  ["verify", async (context) => (await import("./commands/verify.ts")).createVerifyCommand(context)],
  ["persist", async (context) => (await import("./commands/persist.ts")).createPersistCommand(context)],
  ["restore", async (context) => (await import("./commands/restore.ts")).createRestoreCommand(context)],
  ["confirm", async (context) => (await import("./commands/confirm.ts")).createConfirmCommand(context)],
  ["completions", async (context) => (await import("./commands/completions.ts")).createCompletionsCommand(context)],
  ["complete", async (context) => (await import("./commands/complete.ts")).createCompleteCommand(context)],
  ["revert", async (context) => (await import("./commands/revert.ts")).createRevertCommand(context)],
  [
    "refresh-boot-script",
    async (context) => (await import("./commands/refresh-boot-script.ts")).createRefreshBootScriptCommand(context),
  ],
  ["doctor", async (context) => (await import("./commands/doctor.ts")).createDoctorCommand(context)],
  ["status", async (context) => (await import("./commands/status.ts")).createStatusCommand(context)],
]);

async function main(rawArgs: readonly string[]): Promise<number> {
  if (isPluginPath(process.argv0)) {
    const { answerPluginCall } = await import("./plugin/answer-call.ts");
    return await answerPluginCall(rawArgs, runForPool);
  }
  const [name, ...rest] = rawArgs;
  if (name === undefined) return await printHelp(undefined, "stderr", rawArgs);
  if (name === "--help" || name === "-h") return await printHelp(undefined, "stdout", rawArgs);
  if (name === "help") {
    const [topic] = rest.filter((word) => !word.startsWith("-"));
    return await printHelp(topic, "stdout", rawArgs);
  }
  const command = COMMANDS.get(name);
  if (command === undefined) return await reportUnknownCommand(name, rawArgs);
  return hasHelpFlag(rest) ? await printHelp(name, "stdout", rawArgs) : await runFromCommandLine(command, rest);
}

async function runFromCommandLine(loadCommand: CommandLoader, rawArgs: readonly string[]): Promise<number> {
  const signals = new SignalHandler();
  const completed = await executeCommand(loadCommand, { rawArgs, signals, call: null });
  const exitCode = completed === undefined ? EXIT_CODES.unavailable : await printOutcome(completed);
  return signals.signal === undefined ? exitCode : SignalHandler.exitBySignal(signals.signal);
}

async function executeCommand(
  loadCommand: CommandLoader,
  context: Pick<CommandContext, "rawArgs" | "signals" | "call">,
): Promise<CompletedCommand | undefined> {
  const { runCommand } = await import("citty");
  let completed: CompletedCommand | undefined;
  const command = await loadCommand({
    ...context,
    reportOutcome(name, outputOptions, outcome) {
      completed = { command: name, outputOptions, outcome };
    },
    print(text) {
      completed = { text };
    },
  });
  // Commands read their words themselves, strictly; there may be hundreds, and nobody reads them twice.
  try {
    await runCommand(command, { rawArgs: [] });
  } finally {
    await context.signals.waitForCleanup();
  }
  return completed;
}

/** Runs a command for another host of the pool, and gives what it would have printed here. */
async function runForPool(name: string, rawArgs: readonly string[], call: PoolCall): Promise<XapiPluginAnswer> {
  const loadCommand = COMMANDS.get(name);
  const signals = new SignalHandler(call);
  const completed =
    loadCommand === undefined ? undefined : await executeCommand(loadCommand, { rawArgs, signals, call });
  if (completed === undefined || !("outcome" in completed)) {
    throw usageError("no-report", `${name} makes no report here`);
  }
  const { command, outcome } = completed;
  if (outcome.type === "report") {
    const { report, text } = outcome;
    const hasPage = command === "status" || command === "doctor";
    const page = hasPage ? await renderPage(report, createView("stdout", false)) : null;
    return { report, text: text ?? page };
  }
  const failures = outcome.type === "failure" ? outcome.failures : [];
  return {
    report: createFailureReport(command, computeFailureExitCode(failures), failures),
    text: null,
  };
}

function computeFailureExitCode(failures: readonly Failure[]): ExitCode {
  return failures.some(({ kind }) => kind === "unavailable") ? EXIT_CODES.unavailable : EXIT_CODES.usage;
}

/** The one place where an outcome becomes words and an exit code. */
async function printOutcome(completed: CompletedCommand): Promise<ExitCode> {
  if ("text" in completed) return await printText(completed.text);
  const { command, outputOptions, outcome } = completed;
  if (outcome.type === "line") {
    await writeAll("stdout", `${stripUnprintable(outcome.line)}\n`);
    return outcome.exitCode;
  }
  if (outcome.type === "failure") {
    const exitCode = computeFailureExitCode(outcome.failures);
    if (outputOptions.json) await writeJson(createFailureReport(command, exitCode, outcome.failures));
    printFailures(outcome.failures, outputOptions);
    return exitCode;
  }
  const { report, text } = outcome;
  if (outputOptions.json) {
    await writeJson(report);
    return report.exitCode;
  }
  const view = createView("stdout", outputOptions.color);
  await writeAll("stdout", text ?? (await renderPage(report, view)));
  return report.exitCode;
}

async function printText(text: string | CommandError): Promise<ExitCode> {
  if (text instanceof CommandError) {
    printFailures(text.failures, parseOutputOptions([]));
    return EXIT_CODES.usage;
  }
  await writeAll("stdout", text);
  return EXIT_CODES.success;
}

/** The view of a report; the page of doctor is loaded only where there is one. */
async function renderPage(report: Report, view: TerminalView): Promise<string> {
  if (report.diagnosis === undefined) return renderReport(report, view);
  const { renderDiagnosis } = await import("./terminal/views/doctor.ts");
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

function printFailures(failures: readonly Failure[], outputOptions: OutputOptions): void {
  const { error } = createLogger(createView("stderr", outputOptions.color));
  for (const { message } of failures) error(message);
}

/** A word that is neither a command nor a topic: one line with the closest right one. */
async function reportUnknownCommand(name: string, rawArgs: readonly string[]): Promise<ExitCode> {
  const { createUnknownCommandFailure } = await import("./cli/help.ts");
  printFailures([createUnknownCommandFailure(name)], parseOutputOptions(rawArgs));
  return EXIT_CODES.usage;
}

function hasHelpFlag(rawArgs: readonly string[]): boolean {
  const end = rawArgs.indexOf("--");
  const words = end < 0 ? rawArgs : rawArgs.slice(0, end);
  return words.includes("--help") || words.includes("-h");
}

/** Prints the help of the program, a command or a topic. To ask for none of them is a usage error. */
async function printHelp(
  topic: string | undefined,
  channel: OutputStream,
  rawArgs: readonly string[],
): Promise<ExitCode> {
  const { formatHelp } = await import("./cli/help.ts");
  const text = formatHelp(topic, createView(channel, parseOutputOptions(rawArgs).color));
  if (text === null) return await reportUnknownCommand(topic ?? "", rawArgs);
  await writeAll(channel, text);
  return channel === "stdout" ? EXIT_CODES.success : EXIT_CODES.usage;
}

/** What is thrown to here becomes a line and an exit code: a signal, a closed stream, a mistake of ours. */
async function handleFatalError(error: unknown): Promise<number> {
  if (error instanceof InterruptedError) return SignalHandler.exitBySignal(error.signal);
  const { error: printError } = createLogger({ paint: createPaint(false), ellipsis: "..." });
  if (error instanceof StreamError) {
    printError(error.message);
    return EXIT_CODES.unavailable;
  }
  const message = error instanceof Error ? error.message : String(error);
  printError(`internal error: ${message}; OFFLOAD_DEBUG=1 shows where`);
  const debug = process.env["OFFLOAD_DEBUG"] === "1";
  if (debug && error instanceof Error) await writeAll("stderr", `${error.stack}\n`);
  return EXIT_CODES.unavailable;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = await handleFatalError(error);
}
