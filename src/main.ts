import type { CommandDef } from "citty";
import { type Invocation, type Manner, mannerOf, type Outcome } from "./cli/command.ts";
import { Interrupted, Interruption } from "./cli/signals.ts";
import { EXIT, type ExitCode } from "./core/problem.ts";
import { failureReport, type Report, type ReportingCommand } from "./core/report.ts";
import { type Failure, type Result, success, usage } from "./core/result.ts";
import type { PluginAnswer } from "./plugin/answer.ts";
import { isPlugin } from "./plugin/place.ts";
import type { PoolCall } from "./plugin/pool-call.ts";
import { messages } from "./terminal/output.ts";
import { type Channel, StreamError, writeOut } from "./terminal/streams.ts";
import { paint, printable } from "./terminal/text.ts";
import { type View, viewOn } from "./terminal/view.ts";
import { renderReport } from "./terminal/views/report.ts";

type Concluded =
  | { readonly command: ReportingCommand; readonly manner: Manner; readonly outcome: Outcome }
  | { readonly printed: Result<string> };

type LoadCommand = (invocation: Invocation) => Promise<CommandDef>;

/**
 * The command tree. A map, because every object knows a `toString` that is no command. Each command
 * is loaded when it is wanted.
 */
const COMMANDS: ReadonlyMap<string, LoadCommand> = new Map<string, LoadCommand>([
  ["disable", async (to) => (await import("./commands/disable.ts")).disableCommand(to)],
  ["verify", async (to) => (await import("./commands/verify.ts")).verifyCommand(to)],
  ["persist", async (to) => (await import("./commands/persist.ts")).persistCommand(to)],
  ["restore", async (to) => (await import("./commands/restore.ts")).restoreCommand(to)],
  ["confirm", async (to) => (await import("./commands/confirm.ts")).confirmCommand(to)],
  ["completions", async (to) => (await import("./commands/completions.ts")).completionsCommand(to)],
  ["complete", async (to) => (await import("./commands/complete.ts")).completeCommand(to)],
  ["revert", async (to) => (await import("./commands/revert.ts")).revertCommand(to)],
  [
    "refresh-boot-script",
    async (to) => (await import("./commands/refresh-boot-script.ts")).refreshBootScriptCommand(to),
  ],
  ["doctor", async (to) => (await import("./commands/doctor.ts")).doctorCommand(to)],
  ["status", async (to) => (await import("./commands/status.ts")).statusCommand(to)],
]);

async function main(rawArgs: readonly string[]): Promise<number> {
  if (isPlugin(process.argv0)) {
    const { answerPlugin } = await import("./plugin/answer.ts");
    return await answerPlugin(rawArgs, runForPool);
  }
  const [name, ...rest] = rawArgs;
  if (name === undefined) return await help(undefined, "stderr", rawArgs);
  if (name === "--help" || name === "-h") return await help(undefined, "stdout", rawArgs);
  if (name === "help") {
    const [about] = rest.filter((word) => !word.startsWith("-"));
    return await help(about, "stdout", rawArgs);
  }
  const command = COMMANDS.get(name);
  if (command === undefined) return await tellUnknown(name, rawArgs);
  return wantsHelp(rest) ? await help(name, "stdout", rawArgs) : await run(command, rest);
}

async function run(load: LoadCommand, rawArgs: readonly string[]): Promise<number> {
  const interruption = new Interruption();
  const concluded = await execute(load, { rawArgs, interruption, call: null });
  const exitCode = concluded === undefined ? EXIT.unavailable : await conclude(concluded);
  return interruption.signal === undefined ? exitCode : Interruption.die(interruption.signal);
}

async function execute(
  load: LoadCommand,
  invocation: Pick<Invocation, "rawArgs" | "interruption" | "call">,
): Promise<Concluded | undefined> {
  const { runCommand } = await import("citty");
  let concluded: Concluded | undefined;
  const command = await load({
    ...invocation,
    conclude(name, manner, outcome) {
      concluded = { command: name, manner, outcome };
    },
    print(printed) {
      concluded = { printed };
    },
  });
  // Commands read their words themselves, strictly; there may be hundreds, and nobody reads them twice.
  try {
    await runCommand(command, { rawArgs: [] });
  } finally {
    await invocation.interruption.finished();
  }
  return concluded;
}

/** Runs a command for another host of the pool, and gives what it would have printed here. */
async function runForPool(
  name: string,
  rawArgs: readonly string[],
  call: PoolCall,
): Promise<Result<PluginAnswer>> {
  const load = COMMANDS.get(name);
  const interruption = new Interruption(call);
  const concluded =
    load === undefined ? undefined : await execute(load, { rawArgs, interruption, call });
  if (concluded === undefined || !("outcome" in concluded)) {
    return usage("no-report", `${name} makes no report here`);
  }
  const { command, outcome } = concluded;
  if (outcome.type === "report") {
    const { report, text } = outcome;
    const isPage = command === "status" || command === "doctor";
    const page = isPage ? await rendered(report, viewOn("stdout", false)) : null;
    return success({ report, text: text ?? page });
  }
  const failures = outcome.type === "failure" ? outcome.failures : [];
  return success({
    report: failureReport(command, exitCodeOfFailures(failures), failures),
    text: null,
  });
}

function exitCodeOfFailures(failures: readonly Failure[]): ExitCode {
  return failures.some(({ kind }) => kind === "unavailable") ? EXIT.unavailable : EXIT.usage;
}

/** The one place where an outcome becomes words and an exit code. */
async function conclude(concluded: Concluded): Promise<ExitCode> {
  if ("printed" in concluded) return await print(concluded.printed);
  const { command, manner, outcome } = concluded;
  if (outcome.type === "line") {
    await writeOut("stdout", `${printable(outcome.line)}\n`);
    return outcome.exitCode;
  }
  if (outcome.type === "failure") {
    const exitCode = exitCodeOfFailures(outcome.failures);
    if (manner.json) await writeJson(failureReport(command, exitCode, outcome.failures));
    complain(outcome.failures, manner);
    return exitCode;
  }
  const { report, text } = outcome;
  if (manner.json) {
    await writeJson(report);
    return report.exitCode;
  }
  const view = viewOn("stdout", manner.colour);
  await writeOut("stdout", text ?? (await rendered(report, view)));
  return report.exitCode;
}

async function print(text: Result<string>): Promise<ExitCode> {
  if (!text.ok) {
    complain(text.failures, mannerOf([]));
    return EXIT.usage;
  }
  await writeOut("stdout", text.value);
  return EXIT.done;
}

/** The view of a report; the page of doctor is loaded only where there is one. */
async function rendered(report: Report, view: View): Promise<string> {
  if (report.diagnosis === undefined) return renderReport(report, view);
  const { renderDiagnosis } = await import("./terminal/views/doctor.ts");
  return renderDiagnosis(report, report.diagnosis, view);
}

function writeJson(document: unknown): Promise<void> {
  // Characters that a terminal would act on are escaped: the document stays the same.
  const text = JSON.stringify(document).replace(/[\x7f-\x9f\p{Cf}\u2028\u2029]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
  return writeOut("stdout", `${text}\n`);
}

function complain(failures: readonly Failure[], manner: Manner): void {
  const { error } = messages(viewOn("stderr", manner.colour));
  for (const { message } of failures) error(message);
}

/** A word that is neither a command nor a topic: one line with the closest right one. */
async function tellUnknown(name: string, rawArgs: readonly string[]): Promise<ExitCode> {
  const { notACommand } = await import("./cli/help.ts");
  complain([notACommand(name)], mannerOf(rawArgs));
  return EXIT.usage;
}

function wantsHelp(rawArgs: readonly string[]): boolean {
  const end = rawArgs.indexOf("--");
  const words = end < 0 ? rawArgs : rawArgs.slice(0, end);
  return words.includes("--help") || words.includes("-h");
}

/** Prints the help of the program, a command or a topic. To ask for none of them is a usage error. */
async function help(
  about: string | undefined,
  channel: Channel,
  rawArgs: readonly string[],
): Promise<ExitCode> {
  const { helpAbout } = await import("./cli/help.ts");
  const text = helpAbout(about, viewOn(channel, mannerOf(rawArgs).colour));
  if (text === null) return await tellUnknown(about ?? "", rawArgs);
  await writeOut(channel, text);
  return channel === "stdout" ? EXIT.done : EXIT.usage;
}

/** What is thrown to here becomes a line and an exit code: a signal, a closed stream, a mistake of ours. */
async function failed(error: unknown): Promise<number> {
  if (error instanceof Interrupted) return Interruption.die(error.signal);
  const { error: say } = messages({ paint: paint(false), ellipsis: "..." });
  if (error instanceof StreamError) {
    say(error.message);
    return EXIT.unavailable;
  }
  const words = error instanceof Error ? error.message : String(error);
  say(`internal error: ${words}; OFFLOAD_DEBUG=1 shows where`);
  const debug = process.env["OFFLOAD_DEBUG"] === "1";
  if (debug && error instanceof Error) await writeOut("stderr", `${error.stack}\n`);
  return EXIT.unavailable;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = await failed(error);
}
