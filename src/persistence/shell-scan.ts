import { CommandReader } from "./shell-commands.ts";
import { type Open, Unclear, Unfinished } from "./shell-reader.ts";
import { type Statement, Statements } from "./shell-statements.ts";

/** What a shell would make of a script, as far as a reader that never guesses can tell. */
export interface Scan {
  /**
   * The first statement that surely ends the script, wherever it is run: an `exit`, or an `exec` of
   * a command, that is under no condition. Null: there is none, or it is not certain.
   */
  readonly stop: Statement | null;
  /** Where a further statement goes that is to run last: an offset at the start of a line. */
  readonly place: number;
  /** What is still open where the text ends, so that a line added there would become part of it. */
  readonly open: Open | null;
}

/**
 * Scans a script of sh, or of bash, given as one character a byte.
 *
 * It tells a statement at the top level from one inside `if`, `case`, a loop, a function, `{ }`,
 * `( )`, a here-document, quotation marks, a comment or a continued line, and from one that hangs on
 * `&&`, `||`, `|` or `&`. As soon as it meets something that it does not understand it stops being
 * certain of anything after that.
 *
 * What it does not see: an `exit` in disguise (`"exit"`, `\exit`, `command exit`, `{ exit; }`,
 * `eval`, inside a function that is called, `return` in a shell that ends there), a command that
 * never returns, a loop without an end, `set -e`.
 */
export function scan(text: string): Scan {
  const { statements, understood, open } = read(text);
  const stop = statements.stop();
  if (!understood) return { stop, place: likelyPlace(text), open: null };
  const place = statements.lineOfEnd();
  return place === null ? { stop, place: text.length, open } : { stop, place, open: null };
}

interface Reading {
  readonly statements: Statements;
  /** The reader came to the end of the text. */
  readonly understood: boolean;
  readonly open: Open | null;
}

function read(text: string): Reading {
  const statements = new Statements(text);
  const reader = new CommandReader(text, statements);
  try {
    reader.script();
  } catch (error) {
    if (error instanceof Unfinished) return { statements, understood: true, open: error.open };
    if (error instanceof Unclear) return { statements, understood: false, open: null };
    throw error;
  }
  return { statements, understood: true, open: reader.continued };
}

/** Where the reader gave up: in front of a last line that can hardly be anything but an `exit`. */
function likelyPlace(text: string): number {
  const last =
    /(?:^|\n)((?:exit|return)(?:[ \t]+[\w$?]+)?[ \t]*;?[ \t]*(?:#.*)?)(?:\n[ \t]*(?:#.*)?)*$/;
  const found = last.exec(text);
  if (found === null) return text.length;
  const place = text.startsWith("\n", found.index) ? found.index + 1 : found.index;
  const before = text.slice(0, place);
  const within = /(?:\\|&&|\|)[ \t]*\n$/.test(before) || read(before).open !== null;
  return within ? text.length : place;
}
