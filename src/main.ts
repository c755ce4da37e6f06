import { type CommandDef, runCommand } from "citty";
import { type LoggedRun, logChange } from "./cli/change-log.ts";
import { CompletedCommand } from "./cli/command.ts";
import { createHostAnswer, printFailures, printResult } from "./cli/output.ts";
import { parseCommandLine } from "./cli/parse-args.ts";
import { InterruptedError, SignalHandler } from "./cli/signals.ts";
import { SHARED_ARGS } from "./cli/specs/shared.ts";
import { usageError } from "./core/command-error.ts";
import type { PoolCall } from "./core/pool-call.ts";
import { EXIT_CODES, type ExitCode } from "./core/problem.ts";
import { isPluginPath } from "./paths.ts";
import type { XapiPluginAnswer } from "./plugin/answer-call.ts";
import { createLogger } from "./terminal/logger.ts";
import { type OutputStream, StreamError, writeAll } from "./terminal/streams.ts";
import { createPaint } from "./terminal/text.ts";
import { createView } from "./terminal/view.ts";

/**
 * The commands, each loaded when it is wanted. A map, because every object knows a `toString` that is no command;
 * and not citty's `subCommands`, which drop what a command returns.
 */
const COMMANDS: ReadonlyMap<string, () => Promise<CommandDef>> = new Map([
  ["disable", async () => (await import("./commands/disable.ts")).disableCommand],
  ["enable", async () => (await import("./commands/enable.ts")).enableCommand],
  ["verify", async () => (await import("./commands/verify.ts")).verifyCommand],
  ["persist", async () => (await import("./commands/persist.ts")).persistCommand],
  ["restore", async () => (await import("./commands/restore.ts")).restoreCommand],
  ["confirm", async () => (await import("./commands/confirm.ts")).confirmCommand],
  ["bisect", async () => (await import("./commands/bisect.ts")).bisectCommand],
  ["completions", async () => (await import("./commands/completions.ts")).completionsCommand],
  ["complete", async () => (await import("./commands/complete.ts")).completeCommand],
  ["revert", async () => (await import("./commands/revert.ts")).revertCommand],
  ["refresh-boot-script", async () => (await import("./commands/refresh-boot-script.ts")).refreshBootScriptCommand],
  ["doctor", async () => (await import("./commands/doctor.ts")).doctorCommand],
  ["status", async () => (await import("./commands/status.ts")).statusCommand],
]);

async function main(words: readonly string[]): Promise<number> {
  if (isPluginPath(process.argv0)) {
    const { answerPluginCall } = await import("./plugin/answer-call.ts");
    return await answerPluginCall(words, runForPool);
  }
  const [name, ...rest] = words;
  if (name === undefined) return await printHelp(undefined, "stderr", true);
  const { color } = parseCommandLine({ color: SHARED_ARGS.color }, words).output;
  if (name === "--help" || name === "-h") return await printHelp(undefined, "stdout", color);
  if (name === "help") {
    const topic = rest.find((word) => !word.startsWith("-"));
    return await printHelp(topic, "stdout", color);
  }
  const load = COMMANDS.get(name);
  return load === undefined ? await reportUnknownCommand(name, color) : await runFromCommandLine(name, load, rest);
}

async function runFromCommandLine(
  name: string,
  load: () => Promise<CommandDef>,
  words: readonly string[],
): Promise<number> {
  const signals = new SignalHandler();
  const completed = await execute({ name, words, call: null }, load, signals);
  if (completed === null) return EXIT_CODES.unavailable;
  const { reportAs, output, result } = completed;
  const exitCode =
    result === "help" ? await printHelp(name, "stdout", output.color) : await printResult(reportAs, output, result);
  return signals.signal === undefined ? exitCode : SignalHandler.exitBySignal(signals.signal);
}

/** Runs a command for another host of the pool, and gives what it would have printed here. */
async function runForPool(name: string, words: readonly string[], call: PoolCall): Promise<XapiPluginAnswer> {
  const load = COMMANDS.get(name);
  const completed = load === undefined ? null : await execute({ name, words, call }, load, new SignalHandler(call));
  const { reportAs = null, result = "help" } = completed ?? {};
  if (completed === null || reportAs === null || result === "help")
    throw usageError("no-report", `${name} makes no report here`);
  return await createHostAnswer(reportAs, completed.output, result);
}

async function execute(
  run: LoggedRun,
  load: () => Promise<CommandDef>,
  signals: SignalHandler,
): Promise<CompletedCommand | null> {
  const { words, call } = run;
  const command = await load();
  try {
    // The command reads its words itself: there may be hundreds, and citty need not read them, too.
    const { result } = await runCommand(command, { rawArgs: [], data: { words, signals, call } });
    if (!(result instanceof CompletedCommand)) return null;
    await logChange(run, result);
    return result;
  } finally {
    await signals.waitForCleanup();
  }
}

/** A word that is neither a command nor a topic: one line with the closest right one. */
async function reportUnknownCommand(name: string, color: boolean): Promise<ExitCode> {
  const { createUnknownCommandFailure } = await import("./cli/help.ts");
  printFailures([createUnknownCommandFailure(name)], color);
  return EXIT_CODES.usage;
}

/** Prints the help of the program, a command or a topic. To ask for none of them is a usage error. */
async function printHelp(topic: string | undefined, channel: OutputStream, color: boolean): Promise<ExitCode> {
  const { formatHelp } = await import("./cli/help.ts");
  const text = formatHelp(topic, createView(channel, color));
  if (text === null) return await reportUnknownCommand(topic ?? "", color);
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
