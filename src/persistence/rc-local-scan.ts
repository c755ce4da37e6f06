import { type Open, ShellReader, Unclear, Unfinished } from "./shell-reader.ts";

/** What a shell would make of a script, as far as a scanner that never guesses can tell. */
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

/** A statement of the script. */
export interface Statement {
  /** The offset of its first character. */
  readonly from: number;
  /** Its words, as they are written, with one blank between them. */
  readonly text: string;
  /** Whether only blanks and comments follow it. */
  readonly last: boolean;
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
  const scanner = new Scanner(text);
  try {
    scanner.script();
  } catch (error) {
    if (error instanceof Unfinished) return { stop: scanner.stop(), ...atEnd(text, error.open) };
    if (!(error instanceof Unclear)) throw error;
    return { stop: scanner.stop(), place: likelyPlace(text), open: null };
  }
  const stop = scanner.stop();
  const place = scanner.place();
  return place === null ? { stop, ...atEnd(text, scanner.open) } : { stop, place, open: null };
}

function atEnd(text: string, open: Open | null): Pick<Scan, "place" | "open"> {
  return { place: text.length, open };
}

/** Where the scanner gave up: in front of a last line that can hardly be anything but an `exit`. */
function likelyPlace(text: string): number {
  const last =
    /(?:^|\n)((?:exit|return)(?:[ \t]+[\w$?]+)?[ \t]*;?[ \t]*(?:#.*)?)(?:\n[ \t]*(?:#.*)?)*$/;
  const found = last.exec(text);
  if (found === null) return text.length;
  const place = text.startsWith("\n", found.index) ? found.index + 1 : found.index;
  return /(?:\\|&&|\|)[ \t]*\n$/.test(text.slice(0, place)) ? text.length : place;
}

/** The reserved words that begin something, and what ends it. */
const CLOSERS: ReadonlyMap<string, string> = new Map([
  ["if", "fi"],
  ["while", "done"],
  ["until", "done"],
  ["for", "done"],
  ["select", "done"],
  ["{", "}"],
]);
const ENDS: ReadonlySet<string> = new Set(["fi", "done", "esac", "}"]);
const BETWEEN: ReadonlySet<string> = new Set(["then", "else", "elif", "do"]);
const PREFIXES: ReadonlySet<string> = new Set(["!", "time", "coproc"]);

/** Anything that may give `exit` or `exec` another meaning; then nothing is certain. */
const REDEFINED =
  /\b(?:alias|enable|execfail)\b|\bex(?:it|ec)[ \t]*\(|\bfunction[ \t]+ex(?:it|ec)\b/;

interface HereDocument {
  readonly from: number;
  readonly delimiter: string;
  readonly quoted: boolean;
  readonly tabs: boolean;
}

/** A command that is being read at the top level. */
interface Command {
  readonly from: number;
  readonly words: string[];
  /** It is the first of its statement, and nothing but its own words decides what becomes of it. */
  readonly plain: boolean;
}

/** Where the scanner stands in the commands of the script, or of one substitution. */
class Level {
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
  command: Command | null = null;
}

class Scanner extends ShellReader {
  #documents: HereDocument[] = [];
  readonly #certain: boolean;
  /** The first statement that ends the script. */
  #stop: { readonly from: number; readonly text: string; readonly statement: number } | null = null;
  /** How many statements began at the top level. */
  #statements = 0;
  /** The line that the last of them begins on, and whether it is one that ends the script. */
  #last = { line: 0, ends: false };
  #finished = false;

  constructor(text: string) {
    super(text);
    this.#certain = !REDEFINED.test(text);
  }

  stop(): Statement | null {
    if (this.#stop === null || !this.#certain) return null;
    const { from, text, statement } = this.#stop;
    return { from, text, last: this.#finished && statement === this.#statements };
  }

  /** In front of a last statement that ends the script; null when there is none. */
  place(): number | null {
    return this.#last.ends ? this.#last.line : null;
  }

  script(): void {
    this.#commands(false);
    this.#finished = true;
  }

  protected override substitution(): void {
    this.#commands(true);
  }

  /**
   * Reads commands to the end of the text, or to the parenthesis that ends a substitution. Only the
   * commands of the script itself, at the top level, are taken note of.
   */
  #commands(substitution: boolean): void {
    const level = new Level(substitution);
    for (;;) {
      this.skipBlanks();
      const from = this.at;
      const operator = this.operator();
      if (operator === ")" && substitution && level.open.length === 0) {
        this.#endCommand(level, operator);
        return;
      }
      if (operator !== "") {
        this.#operate(level, operator, from);
      } else if (this.at < this.text.length) {
        this.#takeWord(level, from);
      } else {
        this.#endCommand(level, "");
        if (substitution || level.open.length > 0) throw new Unclear();
        const [document] = this.#documents;
        if (document === undefined) return;
        throw new Unfinished({ what: "here-document", from: document.from });
      }
    }
  }

  #operate(level: Level, operator: string, from: number): void {
    switch (operator) {
      case "\n":
        this.#endCommand(level, operator);
        this.#readDocuments(level.substitution);
        if (level.wanting || level.open.length > 0) return;
        level.begun = false;
        level.line = this.at;
        return;
      case ";":
      case "&":
        this.#endCommand(level, operator);
        if (level.open.length > 0) return;
        level.begun = false;
        level.wanting = false;
        return;
      case "&&":
      case "||":
      case "|":
      case "|&":
        this.#endCommand(level, operator);
        level.wanting = true;
        return;
      case ";;":
      case ";&":
      case ";;&":
        this.#endCommand(level, operator);
        if (level.open.at(-1) !== "esac") throw new Unclear();
        level.first = this.#patterns(level);
        return;
      case "(":
        this.#openParenthesis(level);
        return;
      case ")":
        this.#endCommand(level, operator);
        if (level.open.pop() !== ")") throw new Unclear();
        level.first = false;
        return;
      default:
        this.#redirect(level, operator, from);
    }
  }

  #openParenthesis(level: Level): void {
    if (level.command !== null) {
      // `name ()`: what follows is the body of a function, and no statement.
      if (!this.skip(/^[ \t]*\)/)) throw new Unclear();
      level.command = null;
      level.wanting = true;
      return;
    }
    if (!level.first || level.target) throw new Unclear();
    this.#beginCommand(level);
    if (this.text.startsWith("(", this.at)) {
      // `((` is arithmetic, or a subshell in a subshell: it ends at the same place.
      this.at -= 1;
      this.parentheses();
      level.first = false;
    } else {
      level.open.push(")");
    }
  }

  /** Takes a redirection, which may stand in front of the command as well. */
  #redirect(level: Level, operator: string, from: number): void {
    if (level.target) throw new Unclear();
    this.#begin(level);
    if (operator === "<<" || operator === "<<-") this.#delimiter(operator === "<<-", from);
    else level.target = true;
    // In some shells `&>` is `&` and `>`.
    if (operator.startsWith("&")) level.command = { from, words: [], plain: false };
  }

  #takeWord(level: Level, from: number): void {
    const word = this.word();
    if (level.target) {
      level.target = false;
      return;
    }
    // The number of a redirection.
    if (/[<>]/.test(this.text[this.at] ?? "") && /^(?:\d+|\{\w+\})$/.test(word)) return;
    if (level.command !== null) level.command.words.push(word);
    else if (level.first) this.#firstWord(level, word, from);
  }

  /** Takes a word that stands where a command begins. */
  #firstWord(level: Level, word: string, from: number): void {
    const closer = CLOSERS.get(word);
    if (closer !== undefined) {
      this.#beginCommand(level);
      level.open.push(closer);
      if (word !== "for" && word !== "select") return;
      this.skipBlanks();
      if (this.text.startsWith("((", this.at)) this.parentheses();
      level.first = false;
    } else if (word === "case") {
      this.#beginCommand(level);
      this.skipBlanks();
      this.word();
      this.skipLines();
      if (this.word() !== "in") throw new Unclear();
      level.open.push("esac");
      level.first = this.#patterns(level);
    } else if (ENDS.has(word)) {
      if (level.open.pop() !== word) throw new Unclear();
      level.first = false;
    } else if (BETWEEN.has(word)) {
      if (level.open.length === 0) throw new Unclear();
    } else if (PREFIXES.has(word)) {
      this.#begin(level);
    } else if (word === "function") {
      this.#begin(level);
      this.skipBlanks();
      this.word();
      this.skip(/^[ \t]*\([ \t]*\)/);
      level.wanting = true;
    } else if (word === "[[") {
      this.#beginCommand(level);
      this.test();
      level.first = false;
    } else {
      const plain = !level.begun && level.open.length === 0 && !level.substitution;
      this.#beginCommand(level);
      level.command = { from, words: [word], plain };
    }
  }

  /** Takes note that a statement begins, unless it has begun before. */
  #begin(level: Level): void {
    if (!level.begun && level.open.length === 0 && !level.substitution) {
      this.#statements += 1;
      this.#last = { line: level.line, ends: false };
    }
    level.begun = true;
  }

  #beginCommand(level: Level): void {
    this.#begin(level);
    level.wanting = false;
  }

  #endCommand(level: Level, operator: string): void {
    if (level.target) throw new Unclear();
    if (level.command?.plain === true) this.#note(level.command, operator);
    level.command = null;
    level.first = true;
  }

  /** Takes note of a command that stands alone at the head of a statement. */
  #note({ from, words }: Command, operator: string): void {
    const [name, argument] = words;
    const ends =
      name === "exit" || name === "return" || (name === "exec" && argument !== undefined);
    if (!ends) return;
    this.#last = { ...this.#last, ends: true };
    if (!["\n", ";", ""].includes(operator) || this.#stop !== null) return;
    // `exit 1 2` is an error and no end, `exit --help` is neither; `exec "$@"` may have no command.
    const certain =
      name === "exit"
        ? argument === undefined || (words.length === 2 && !argument.startsWith("-"))
        : name === "exec" && /^[\w./]/.test(argument ?? "");
    if (certain) this.#stop = { from, text: words.join(" "), statement: this.#statements };
  }

  /** Takes the patterns in front of a branch of `case`, or its end; tells whether it is a branch. */
  #patterns({ open }: Level): boolean {
    this.skipLines();
    if (this.skip(/^esac(?![^\s;&|)<>])/)) {
      open.pop();
      return false;
    }
    if (this.text[this.at] === "(") this.at += 1;
    for (;;) {
      this.skipBlanks();
      this.word();
      this.skipBlanks();
      const operator = this.operator();
      if (operator === ")") return true;
      if (operator !== "|") throw new Unclear();
    }
  }

  /** Takes the word that ends a here-document; the document begins on the next line. */
  #delimiter(tabs: boolean, from: number): void {
    this.skipBlanks();
    const word = this.word();
    if (/[$`\n]/.test(word)) throw new Unclear();
    const delimiter = word.replace(/\\(.)|["']/g, "$1");
    this.#documents.push({ from, delimiter, quoted: delimiter !== word, tabs });
  }

  /** Passes over the here-documents that begin on this line. */
  #readDocuments(substitution: boolean): void {
    for (const { from, delimiter, quoted, tabs } of this.#documents) {
      /** What the lines before this one continue with it; null when they do not. */
      let start: string | null = null;
      for (;;) {
        if (this.at >= this.text.length) {
          // Inside a substitution shells differ on where a document ends.
          if (substitution) throw new Unclear();
          throw new Unfinished({ what: "here-document", from });
        }
        const end = this.text.indexOf("\n", this.at);
        const whole = this.text.slice(this.at, end < 0 ? undefined : end);
        const line: string = tabs ? whole.replace(/^\t+/, "") : whole;
        this.at = end < 0 ? this.text.length : end + 1;
        if (start === null && line === delimiter) break;
        // Some shells compare the lines as one, some do not compare them.
        if (start !== null && start + line === delimiter) throw new Unclear();
        const continued = !quoted && /(?:^|[^\\])(?:\\\\)*\\$/.test(line);
        start = continued ? (start ?? "") + line.slice(0, -1) : null;
      }
    }
    this.#documents = [];
  }
}
