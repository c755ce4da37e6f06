import { ShellReader, Unclear, Unfinished } from "./shell-reader.ts";

/** A here-document that a line has announced; it begins on the next line. */
interface HereDocument {
  /** The offset of the operator that announced it. */
  readonly from: number;
  /** The line that ends it. */
  readonly delimiter: string;
  /** The delimiter is quoted: a backslash in the document is no more than that. */
  readonly quoted: boolean;
  /** Tabs in front of its lines do not count: `<<-`. */
  readonly tabs: boolean;
}

/** A reader of words and operators that passes over here-documents, too. */
export abstract class HereDocumentReader extends ShellReader {
  #announced: HereDocument[] = [];

  /** Takes the word behind `<<`, or `<<-`, which is at `from`. */
  protected announceDocument(operator: "<<" | "<<-", from: number): void {
    this.skipBlanks();
    const word = this.word();
    if (/[$`\n]/.test(word)) throw new Unclear();
    const delimiter = word.replace(/\\(.)|["']/g, "$1");
    const quoted = delimiter !== word;
    this.#announced.push({ from, delimiter, quoted, tabs: operator === "<<-" });
  }

  /** At the start of a line: passes over the documents that the line before announced. */
  protected skipDocuments(substitution: boolean): void {
    for (const document of this.#announced) this.#skipDocument(document, substitution);
    this.#announced = [];
  }

  /** At the end of the text: no document may have been announced that does not begin any more. */
  protected endDocuments(): void {
    const [document] = this.#announced;
    if (document !== undefined) this.#unfinished(document);
  }

  #skipDocument(document: HereDocument, substitution: boolean): void {
    const { delimiter, quoted, tabs } = document;
    /** What the lines before this one continue with it; null when they do not. */
    let start: string | null = null;
    for (;;) {
      if (this.at >= this.text.length) {
        // Inside a substitution shells differ on where a document ends.
        if (substitution) throw new Unclear();
        this.#unfinished(document);
      }
      const whole = this.#takeLine();
      const line: string = tabs ? whole.replace(/^\t+/, "") : whole;
      if (start === null && line === delimiter) return;
      // Some shells compare the lines as one, some do not compare them.
      if (start !== null && start + line === delimiter) throw new Unclear();
      const continued = !quoted && /(?:^|[^\\])(?:\\\\)*\\$/.test(line);
      start = continued ? (start ?? "") + line.slice(0, -1) : null;
    }
  }

  /** Takes the rest of a line, and gives it without its newline. */
  #takeLine(): string {
    const from = this.at;
    const end = this.text.indexOf("\n", from);
    this.at = end < 0 ? this.text.length : end + 1;
    return this.text.slice(from, end < 0 ? undefined : end);
  }

  #unfinished({ from }: HereDocument): never {
    throw new Unfinished({ what: "here-document", from });
  }
}
