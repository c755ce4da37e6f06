import { HereDocumentReader } from "./shell-here-documents.ts";
import { Level } from "./shell-level.ts";
import { Unclear } from "./shell-reader.ts";
import type { Statements } from "./shell-statements.ts";

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

/**
 * Reads the commands of a script, and tells of the statements at its top level. What is compound it only
 * follows as far as it must to know where that ends.
 */
export class CommandReader extends HereDocumentReader {
  /** `statements`: told of each statement, as far as the reader understands the script. */
  constructor(
    text: string,
    private readonly statements: Statements,
  ) {
    super(text);
  }

  /** Reads the script to its end; throws `Unclear` or `Unfinished` where it gets no further. */
  script(): void {
    this.#commands(false);
    this.statements.complete();
  }

  protected override substitution(): void {
    this.#commands(true);
  }

  /** Reads commands to the end of the text, or to the parenthesis that ends a substitution. */
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
        if (substitution) throw new Unclear();
        this.endDocuments();
        if (level.open.length > 0) throw new Unclear();
        return;
      }
    }
  }

  #operate(level: Level, operator: string, from: number): void {
    switch (operator) {
      case "\n":
        this.#endCommand(level, operator);
        this.skipDocuments(level.substitution);
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
    if (operator === "<<" || operator === "<<-") this.announceDocument(operator, from);
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
      this.#openCompound(level, word, closer);
    } else if (word === "case") {
      this.#openCase(level);
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

  #openCompound(level: Level, word: string, closer: string): void {
    this.#beginCommand(level);
    level.open.push(closer);
    if (word !== "for" && word !== "select") return;
    this.skipBlanks();
    if (this.text.startsWith("((", this.at)) this.parentheses();
    level.first = false;
  }

  #openCase(level: Level): void {
    this.#beginCommand(level);
    this.skipBlanks();
    this.word();
    this.skipLines();
    if (this.word() !== "in") throw new Unclear();
    level.open.push("esac");
    level.first = this.#patterns(level);
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

  /** Takes note that a statement begins, unless it has begun before. */
  #begin(level: Level): void {
    if (!level.begun && level.open.length === 0 && !level.substitution) {
      this.statements.begin(level.line);
    }
    level.begun = true;
  }

  #beginCommand(level: Level): void {
    this.#begin(level);
    level.wanting = false;
  }

  #endCommand(level: Level, operator: string): void {
    if (level.target) throw new Unclear();
    if (level.command?.plain === true) this.statements.startWith(level.command, operator);
    level.command = null;
    level.first = true;
  }
}
