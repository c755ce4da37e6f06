/** Something that was begun and that the text does not end. */
export interface Open {
  readonly what: "here-document" | "quotation" | "continued line";
  /** The offset where it begins. */
  readonly from: number;
}

/** The reader met something that it does not understand. */
export class Unclear extends Error {}

/** The text ends within something. */
export class Unfinished extends Error {
  constructor(readonly open: Open) {
    super(open.what);
  }
}

/**
 * Reads the words and operators of a shell script from front to back, and passes over what is quoted or
 * substituted. It never guesses: `Unclear` is thrown where shells would differ, or it does not know.
 */
export abstract class ShellReader {
  protected at = 0;
  /** How many substitutions deep. */
  #depth = 0;
  /** The continued line that the text ends in. */
  continued: Open | null = null;

  /** `text`: one character a byte. */
  constructor(protected readonly text: string) {}

  /** Takes the commands of a substitution, with the parenthesis that ends it. */
  protected abstract substitution(): void;

  protected skipBlanks(): void {
    for (;;) {
      const character = this.text[this.at];
      if (character === " " || character === "\t") this.at += 1;
      else if (this.text.startsWith("\\\n", this.at)) this.#escape();
      else break;
    }
    if (this.text[this.at] !== "#") return;
    const end = this.text.indexOf("\n", this.at);
    this.at = end < 0 ? this.text.length : end;
  }

  /** Passes over what a pattern finds here and now. */
  protected skip(pattern: RegExp): boolean {
    const found = pattern.exec(this.text.slice(this.at, this.at + 80));
    this.at += found?.[0].length ?? 0;
    return found !== null;
  }

  protected skipLines(): void {
    for (;;) {
      this.skipBlanks();
      if (this.text[this.at] !== "\n") return;
      this.at += 1;
    }
  }

  /** Takes an operator; empty when there is a word, or the end. */
  protected operator(): string {
    const operator =
      /^(?:\n|&&|&>>|&>|&|\|\||\|&|\||;;&|;;|;&|;|<<-|<<<|<<|<>|<&|<(?!\()|>>|>&|>\||>(?!\()|[()])/;
    const [found = ""] = operator.exec(this.text.slice(this.at, this.at + 4)) ?? [];
    this.at += found.length;
    return found;
  }

  /** Takes a word, and gives it as it is written. */
  protected word(): string {
    const from = this.at;
    for (;;) {
      const character = this.text[this.at] ?? "";
      if ((character === "<" || character === ">") && this.text[this.at + 1] === "(") {
        this.#substituted(2);
      } else if (character === "(") {
        // A list for an array, or a pattern of bash's: `a=(…)`, `@(…)`.
        if (!/[=@?*+!]/.test(this.text[this.at - 1] ?? "") || this.at === from) break;
        this.parentheses();
      } else if (character === "" || " \t\n;&|<>)".includes(character)) {
        break;
      } else {
        this.#part();
      }
    }
    if (this.at === from) throw new Unclear();
    return this.text.slice(from, this.at);
  }

  /** Takes one character, or one thing that is quoted or substituted. */
  #part(): void {
    const character = this.text[this.at] ?? "";
    if (character === "\\") this.#escape();
    else if (character === "'") this.#single();
    else if (character === '"') this.#double();
    else if (character === "`") this.#backticks();
    else if (character === "$") this.#dollar(false);
    else this.at += 1;
  }

  #escape(): void {
    const from = this.at;
    this.at = Math.min(from + 2, this.text.length);
    if (this.at < this.text.length) return;
    const escaped = this.text[from + 1];
    if (escaped === undefined || escaped === "\n")
      this.continued = { what: "continued line", from };
  }

  #single(): void {
    const from = this.at;
    const end = this.text.indexOf("'", from + 1);
    if (end < 0) throw new Unfinished({ what: "quotation", from });
    this.at = end + 1;
  }

  #double(): void {
    const from = this.at;
    this.at += 1;
    for (;;) {
      const character = this.text[this.at];
      if (character === undefined) throw new Unfinished({ what: "quotation", from });
      if (character === '"') break;
      if (character === "$") this.#dollar(true);
      else if (character === "`") this.#backticks();
      else this.at += character === "\\" ? 2 : 1;
    }
    this.at += 1;
  }

  #backticks(): void {
    this.at += 1;
    for (;;) {
      const character = this.text[this.at];
      if (character === undefined) throw new Unclear();
      this.at += character === "\\" ? 2 : 1;
      if (character === "`") return;
    }
  }

  #dollar(quoted: boolean): void {
    this.#deeper();
    this.at += 1;
    const character = this.text[this.at];
    if (this.text.startsWith("((", this.at)) {
      this.parentheses();
    } else if (character === "(") {
      this.#substituted(1);
    } else if (character === "{") {
      this.#braces(quoted);
    } else if (character === "'" && !quoted) {
      const from = this.at;
      this.#single();
      // Where `\'` is a quotation mark in bash, it is the end in other shells.
      if (this.text.slice(from, this.at).endsWith("\\'")) throw new Unclear();
    }
    this.#depth -= 1;
  }

  #deeper(): void {
    this.#depth += 1;
    if (this.#depth > 100) throw new Unclear();
  }

  /** Takes the commands of a substitution, behind an opening of so many characters. */
  #substituted(opening: number): void {
    this.#deeper();
    this.at += opening;
    this.substitution();
    this.#depth -= 1;
  }

  /** Takes `{…}` after a dollar sign. */
  #braces(quoted: boolean): void {
    this.at += 1;
    for (;;) {
      const character = this.text[this.at];
      // Whether a quotation mark counts in here is different from shell to shell.
      if (character === undefined || (quoted && character === "'")) throw new Unclear();
      if (character === "}") break;
      this.#part();
    }
    this.at += 1;
  }

  /** Takes `(…)` as far as its parentheses match. */
  protected parentheses(): void {
    let depth = 0;
    do {
      const character = this.text[this.at];
      // A `#` may begin a comment in here, or be a number's base.
      if (character === undefined || (character === "#" && this.blankBefore())) {
        throw new Unclear();
      }
      if (character === "(") depth += 1;
      if (character === ")") depth -= 1;
      this.#part();
    } while (depth > 0);
  }

  protected blankBefore(): boolean {
    return /\s/.test(this.text[this.at - 1] ?? "");
  }

  /** Takes the rest of `[[ … ]]`, in which operators have another meaning. */
  protected test(): void {
    for (;;) {
      if (this.at >= this.text.length) throw new Unclear();
      if (this.text.startsWith("]]", this.at) && this.blankBefore()) break;
      this.#part();
    }
    this.at += 2;
  }
}
