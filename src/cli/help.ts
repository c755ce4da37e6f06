import type { Failure } from "../core/command-error.ts";
import { findClosest } from "../core/find-closest.ts";
import { quote } from "../core/text.ts";
import { VERSION } from "../version.ts";
import { formatCommandHelp, formatProgramHelp, formatTopicHelp, type HelpView } from "./help-text.ts";
import { COMMANDS, findCommand } from "./specs/commands.ts";
import { TOPICS } from "./specs/topics.ts";

/** The help of the program, of one command or of a topic; null where there is nothing of that name. */
export function formatHelp(name: string | undefined, view: HelpView): string | null {
  if (name === undefined || name === "help") return formatProgramHelp(VERSION, view);
  const command = findCommand(name);
  if (command !== undefined) return formatCommandHelp(command, view);
  const topic = TOPICS.find((candidate) => candidate.name === name);
  return topic === undefined ? null : formatTopicHelp(topic, view);
}

/** Flags that the program takes without a command. */
const PROGRAM_FLAGS = ["--help", "--version"];

/** Why a word is no command, and the one that was probably meant. */
export function createUnknownCommandFailure(word: string): Failure {
  const { suggestion, kind } = findSuggestion(word);
  const names = COMMANDS.map(({ name }) => name);
  const hint = suggestion === undefined ? `commands are ${names.join(", ")}` : `did you mean ${suggestion}?`;
  const message =
    kind === "flag" ? `the command comes first, then its flags; ${hint}` : `${quote(word)} is not a command; ${hint}`;
  return { kind: "usage", code: "unknown-command", message };
}

function findSuggestion(word: string): {
  readonly suggestion: string | undefined;
  readonly kind: string;
} {
  if (word.startsWith("-")) return { suggestion: findClosest(word, PROGRAM_FLAGS)[0], kind: "flag" };
  const [similarName] = findClosest(word, [...COMMANDS.map(({ name }) => name), ...TOPICS.map(({ name }) => name)]);
  const synonymMatch = COMMANDS.find(({ synonyms }) => synonyms.includes(word.toLowerCase()));
  const [similarFlag] = findClosest(`--${word}`, PROGRAM_FLAGS);
  return { suggestion: similarName ?? synonymMatch?.name ?? similarFlag, kind: "command" };
}
