/** A statement of a script. */
export interface Statement {
  /** The offset of its first character. */
  readonly from: number;
  /** Its words, as they are written, with one blank between them. */
  readonly text: string;
  /** Whether only blanks and comments follow it. */
  readonly last: boolean;
}

/** A simple command of a script. */
export interface Command {
  /** The offset of its first character. */
  readonly from: number;
  /** Its words, as they are written, without redirections. */
  readonly words: readonly string[];
}

/** Anything that may give `exit` or `exec` another meaning; then nothing is certain. */
const REDEFINED =
  /\b(?:alias|enable|execfail)\b|\bex(?:it|ec)[ \t]*\(|\bfunction[ \t]+ex(?:it|ec)\b/;

/** The statements at the top level of a script, as they are read: which of them ends it? */
export class Statements {
  readonly #certain: boolean;
  /** How many began. */
  #count = 0;
  /** The last that began: the line it begins on, and whether it is one that ends the script. */
  #last = { line: 0, ends: false };
  /** The first that surely ends the script, and its number. */
  #stop: { readonly command: Command; readonly number: number } | null = null;
  #complete = false;

  /** `text`: the script. */
  constructor(text: string) {
    this.#certain = !REDEFINED.test(text);
  }

  /** A statement begins, on the line that begins at this offset. */
  begin(line: number): void {
    this.#count += 1;
    this.#last = { line, ends: false };
  }

  /**
   * The last statement begins with this command, whose own words alone decide what becomes of it.
   * `operator`: what follows it; empty at the end of the text.
   */
  startWith(command: Command, operator: string): void {
    const [name, argument] = command.words;
    const ends =
      name === "exit" || name === "return" || (name === "exec" && argument !== undefined);
    if (!ends) return;
    this.#last = { ...this.#last, ends: true };
    if (!["\n", ";", ""].includes(operator) || !surelyEnds(command.words)) return;
    this.#stop ??= { command, number: this.#count };
  }

  /** The script was read to its end. */
  complete(): void {
    this.#complete = true;
  }

  /** The first statement that surely ends the script; null when there is none. */
  stop(): Statement | null {
    if (this.#stop === null || !this.#certain) return null;
    const { command, number } = this.#stop;
    const last = this.#complete && number === this.#count;
    return { from: command.from, text: command.words.join(" "), last };
  }

  /**
   * The line, as an offset, of a last statement that likely ends the script; null when there is none,
   * or when the script was not read to its end.
   */
  lineOfEnd(): number | null {
    return this.#complete && this.#last.ends ? this.#last.line : null;
  }
}

/** `exit 1 2` is an error and no end, `exit --help` is neither; `exec "$@"` may have no command. */
function surelyEnds(words: readonly string[]): boolean {
  const [name, argument] = words;
  if (name === "exec") return /^[\w./]/.test(argument ?? "");
  if (name !== "exit") return false;
  return argument === undefined || (words.length === 2 && !argument.startsWith("-"));
}
