import { closest } from "../core/closest.ts";
import type { Failure } from "../core/result.ts";
import { quoted } from "../core/text.ts";
import { commandHelp, type HelpView, programHelp, topicHelp } from "../terminal/help.ts";
import { VERSION } from "../version.ts";
import { COMMANDS, commandCalled } from "./specs/commands.ts";
import { TOPICS } from "./specs/topics.ts";

/** The help of the program, of one command or of a topic; null where there is nothing of that name. */
export function helpAbout(name: string | undefined, view: HelpView): string | null {
  if (name === undefined || name === "help") return programHelp(VERSION, view);
  const command = commandCalled(name);
  if (command !== undefined) return commandHelp(command, view);
  const topic = TOPICS.find((one) => one.name === name);
  return topic === undefined ? null : topicHelp(topic, view);
}

/** Flags that the program takes without a command. */
const OWN_FLAGS = ["--help", "--version"];

/** Why a word is no command, and the one that was probably meant. */
export function notACommand(word: string): Failure {
  const { near, kind } = nearest(word);
  const names = COMMANDS.map(({ name }) => name);
  const advice = near === undefined ? `commands are ${names.join(", ")}` : `did you mean ${near}?`;
  const message =
    kind === "flag"
      ? `the command comes first, then its flags; ${advice}`
      : `${quoted(word)} is not a command; ${advice}`;
  return { kind: "usage", code: "unknown-command", message };
}

function nearest(word: string): { readonly near: string | undefined; readonly kind: string } {
  if (word.startsWith("-")) return { near: closest(word, OWN_FLAGS)[0], kind: "flag" };
  const [named] = closest(word, [
    ...COMMANDS.map(({ name }) => name),
    ...TOPICS.map(({ name }) => name),
  ]);
  const other = COMMANDS.find(({ sought }) => sought.includes(word.toLowerCase()));
  const [flag] = closest(`--${word}`, OWN_FLAGS);
  return { near: named ?? other?.name ?? flag, kind: "command" };
}
