import { type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { disableCommand } from "./commands/disable.ts";
import { Interrupted, Interruption } from "./commands/interruption.ts";
import { type Invocation, type Manner, mannerOf, type Outcome } from "./commands/invocation.ts";
import { statusCommand } from "./commands/status.ts";
import { verifyCommand } from "./commands/verify.ts";
import { closest } from "./offload/closest.ts";
import { EXIT, type ExitCode } from "./offload/problem.ts";
import { failureReport, type ReportingCommand } from "./offload/report.ts";
import type { Failure } from "./offload/result.ts";
import { quoted } from "./offload/wording.ts";
import { messagesTo, writeOut } from "./terminal/output.ts";
import { renderReport } from "./terminal/report-view.ts";
import { paint, takesColour } from "./terminal/text.ts";
import { VERSION } from "./version.ts";

/** How wide a table may be where the terminal does not tell. */
const COLUMNS = 80;

interface Concluded {
  readonly command: ReportingCommand;
  readonly manner: Manner;
  readonly outcome: Outcome;
}

/** The command tree. A map, because every object knows a `toString` that is no command. */
function commandsFor(invocation: Invocation): ReadonlyMap<string, CommandDef> {
  return new Map([
    ["disable", disableCommand(invocation)],
    ["verify", verifyCommand(invocation)],
    ["status", statusCommand(invocation)],
  ]);
}

async function main(rawArgs: readonly string[]): Promise<ExitCode> {
  const interruption = new Interruption();
  let concluded: Concluded | undefined;
  const commands = commandsFor({
    interruption,
    conclude(command, manner, outcome) {
      concluded = { command, manner, outcome };
    },
  });
  const root = defineCommand({
    meta: {
      name: "offload",
      version: VERSION,
      description: "Turns TCP and NIC offloads off on a Xen dom0, and keeps them off",
    },
    subCommands: Object.fromEntries(commands),
  });

  const [name, ...rest] = rawArgs;
  if (name === undefined) {
    await writeOut(process.stderr, `${await usageOf(root, undefined, process.stderr)}\n`);
    return EXIT.usage;
  }
  if (name === "--version" || name === "-V") {
    await writeOut(process.stdout, `${VERSION}\n`);
    return EXIT.done;
  }
  const helped = name === "help" ? rest[0] : undefined;
  if (name === "--help" || name === "-h" || (name === "help" && helped === undefined)) {
    await writeOut(process.stdout, `${await usageOf(root, undefined, process.stdout)}\n`);
    return EXIT.done;
  }
  const asked = helped ?? name;
  const command = commands.get(asked);
  if (command === undefined) return tell(notACommand(asked, [...commands.keys()]), rawArgs);
  if (helped !== undefined || wantsHelp(rest)) {
    await writeOut(process.stdout, `${await usageOf(command, root, process.stdout)}\n`);
    return EXIT.done;
  }

  await runCommand(command, { rawArgs: rest });
  const exitCode = concluded === undefined ? EXIT.unavailable : await conclude(concluded);
  if (interruption.signal !== undefined) Interruption.die(interruption.signal);
  return exitCode;
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
  const view = {
    paint: paint(takesColour(process.stdout, process.env, manner.colour)),
    columns: process.stdout.columns ?? COLUMNS,
  };
  await writeOut(process.stdout, text ?? renderReport(report, view));
  return report.exitCode;
}

function writeJson(document: unknown): Promise<void> {
  return writeOut(process.stdout, `${JSON.stringify(document)}\n`);
}

function complain(failures: readonly Failure[], manner: Manner): void {
  const colour = takesColour(process.stderr, process.env, manner.colour);
  const messages = messagesTo(process.stderr, paint(colour));
  for (const { message } of failures) messages.error(message);
}

function notACommand(name: string, names: readonly string[]): Failure {
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

/** citty decides on colour by itself, and not by the rules of this program. */
async function usageOf(
  command: CommandDef,
  parent: CommandDef | undefined,
  stream: NodeJS.WriteStream,
): Promise<string> {
  const usage = await renderUsage(command, parent);
  return takesColour(stream, process.env, true) ? usage : Bun.stripANSI(usage);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Interrupted) {
    Interruption.die(error.signal);
  } else {
    const debug = process.env["OFFLOAD_DEBUG"] === "1";
    const messages = messagesTo(process.stderr, paint(false));
    const words = error instanceof Error ? error.message : String(error);
    messages.error(`internal error: ${words}; OFFLOAD_DEBUG=1 shows where`);
    if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = EXIT.unavailable;
  }
}
