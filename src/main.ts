import type { CommandDef } from "citty";
import { Interrupted, Interruption } from "./commands/interruption.ts";
import { type Invocation, type Manner, mannerOf, type Outcome } from "./commands/invocation.ts";
import { closest } from "./offload/closest.ts";
import { EXIT, type ExitCode } from "./offload/problem.ts";
import { failureReport, type ReportingCommand } from "./offload/report.ts";
import type { Failure } from "./offload/result.ts";
import { quoted } from "./offload/wording.ts";
import { type Channel, columnsOf, isTerminal, messages, writeOut } from "./terminal/output.ts";
import { renderReport } from "./terminal/report-view.ts";
import { type Paint, paint, takesColour } from "./terminal/text.ts";
import { VERSION } from "./version.ts";

interface Concluded {
  readonly command: ReportingCommand;
  readonly manner: Manner;
  readonly outcome: Outcome;
}

/**
 * The command tree. A map, because every object knows a `toString` that is no command. Each command
 * is loaded when it is wanted: a command line that asks for the version pays for none.
 */
const COMMANDS: ReadonlyMap<string, (invocation: Invocation) => Promise<CommandDef>> = new Map([
  ["disable", async (to) => (await import("./commands/disable.ts")).disableCommand(to)],
  ["verify", async (to) => (await import("./commands/verify.ts")).verifyCommand(to)],
  ["persist", async (to) => (await import("./commands/persist.ts")).persistCommand(to)],
  ["restore", async (to) => (await import("./commands/restore.ts")).restoreCommand(to)],
  ["confirm", async (to) => (await import("./commands/confirm.ts")).confirmCommand(to)],
  ["guard", async (to) => (await import("./commands/guard.ts")).guardCommand(to)],
  ["status", async (to) => (await import("./commands/status.ts")).statusCommand(to)],
]);

async function main(rawArgs: readonly string[]): Promise<number> {
  const [name, ...rest] = rawArgs;
  if (name === "--version" || name === "-V") {
    await writeOut("stdout", `${VERSION}\n`);
    return EXIT.done;
  }
  if (name === undefined) return await showUsage("stderr", undefined, rawArgs, EXIT.usage);
  if (name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    return await showUsage("stdout", undefined, rawArgs, EXIT.done);
  }
  const asked = name === "help" ? (rest[0] ?? name) : name;
  const command = COMMANDS.get(asked);
  if (command === undefined) return tell(notACommand(asked), rawArgs);
  if (name === "help" || wantsHelp(rest)) {
    return await showUsage("stdout", asked, rawArgs, EXIT.done);
  }
  return await run(command, rest);
}

async function run(
  load: (invocation: Invocation) => Promise<CommandDef>,
  rawArgs: readonly string[],
): Promise<number> {
  const { runCommand } = await import("citty");
  const interruption = new Interruption();
  let concluded: Concluded | undefined;
  const command = await load({
    interruption,
    conclude(name, manner, outcome) {
      concluded = { command: name, manner, outcome };
    },
  });
  await runCommand(command, { rawArgs: [...rawArgs] });
  const exitCode = concluded === undefined ? EXIT.unavailable : await conclude(concluded);
  return interruption.signal === undefined ? exitCode : Interruption.die(interruption.signal);
}

/** The one place where an outcome becomes words and an exit code. */
async function conclude({ command, manner, outcome }: Concluded): Promise<ExitCode> {
  if (outcome.type === "failure") {
    const exitCode = outcome.failures.some(({ kind }) => kind === "unavailable")
      ? EXIT.unavailable
      : EXIT.usage;
    if (manner.json) await writeJson(failureReport(command, exitCode, outcome.failures));
    complain(outcome.failures, manner);
    return exitCode;
  }
  const { report, text } = outcome;
  if (manner.json) {
    await writeJson(report);
    return report.exitCode;
  }
  const view = { paint: paintFor("stdout", manner.colour), columns: columnsOf("stdout") };
  await writeOut("stdout", text ?? renderReport(report, view));
  return report.exitCode;
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
  const { error } = messages(paintFor("stderr", manner.colour));
  for (const { message } of failures) error(message);
}

function paintFor(channel: Channel, wanted: boolean): Paint {
  return paint(takesColour({ isTTY: isTerminal(channel) }, process.env, wanted));
}

function notACommand(name: string): Failure {
  const names = [...COMMANDS.keys()].filter((key) => key !== "guard");
  const near = closest(name, names)[0];
  const advice = near === undefined ? `commands are ${names.join(", ")}` : `did you mean ${near}?`;
  const message = name.startsWith("-")
    ? `the command comes first, then its flags; ${advice}`
    : `${quoted(name)} is not a command; ${advice}`;
  return { kind: "usage", code: "unknown-command", message };
}

function tell(failure: Failure, rawArgs: readonly string[]): ExitCode {
  complain([failure], mannerOf(rawArgs));
  return EXIT.usage;
}

function wantsHelp(rawArgs: readonly string[]): boolean {
  const end = rawArgs.indexOf("--");
  const words = end < 0 ? rawArgs : rawArgs.slice(0, end);
  return words.includes("--help") || words.includes("-h");
}

/** Prints the usage of the program or of one command, without colours where none are wanted. */
async function showUsage(
  channel: Channel,
  name: string | undefined,
  rawArgs: readonly string[],
  exitCode: ExitCode,
): Promise<ExitCode> {
  const { defineCommand, renderUsage } = await import("citty");
  const described = { interruption: new Interruption(), conclude: () => {} };
  const loaded = await Promise.all(
    [...COMMANDS].map(async ([key, load]) => [key, await load(described)] as const),
  );
  const root = defineCommand({
    meta: {
      name: "offload",
      version: VERSION,
      description: "Turns TCP and NIC offloads off on a Xen dom0, and keeps them off",
    },
    subCommands: Object.fromEntries(loaded),
  });
  const command = name === undefined ? undefined : new Map(loaded).get(name);
  const usage = await (command === undefined ? renderUsage(root) : renderUsage(command, root));
  // citty decides on colour by itself, and not by the rules of this program.
  const { colour: wanted } = mannerOf(rawArgs);
  const colour = takesColour({ isTTY: isTerminal(channel) }, process.env, wanted);
  await writeOut(channel, `${colour ? usage : Bun.stripANSI(usage)}\n`);
  return exitCode;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Interrupted) {
    process.exitCode = Interruption.die(error.signal);
  } else {
    const debug = process.env["OFFLOAD_DEBUG"] === "1";
    const words = error instanceof Error ? error.message : String(error);
    messages(paint(false)).error(`internal error: ${words}; OFFLOAD_DEBUG=1 shows where`);
    if (debug && error instanceof Error) await writeOut("stderr", `${error.stack}\n`);
    process.exitCode = EXIT.unavailable;
  }
}
