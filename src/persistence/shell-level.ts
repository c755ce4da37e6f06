import type { Command } from "./shell-statements.ts";

/** A simple command that is being read. */
interface OpenCommand extends Command {
  readonly words: string[];
  /** It begins a statement of the script, and nothing but its own words decides what becomes of it. */
  readonly plain: boolean;
}

/** Where a reader stands in the commands of a script, or of one substitution. */
export class Level {
  constructor(readonly substitution: boolean) {}

  /** What ends each compound command that is open, the innermost last. */
  readonly open: string[] = [];
  /** The next word is a command's first. */
  first = true;
  /** The last operator wants a further command: a newline does not end the statement. */
  wanting = false;
  /** Something of the statement was read. */
  begun = false;
  /** The next word is what a redirection leads to. */
  target = false;
  /** The start of the last line that begins between two statements. */
  line = 0;
  /** The simple command that is being read. */
  command: OpenCommand | null = null;
}
