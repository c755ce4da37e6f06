import { ApiError } from "./errors.ts";
import type { Json, JsonObject } from "./json.ts";

/**
 * The expressions of get_all_where and get_all_records_where, with the grammar of xapi's
 * ocaml/database/db_filter_parse.mly: `not` takes everything to its right, and `and` and `or`
 * bind equally, from the left.
 */
export type Filter =
  | { kind: "constant"; value: boolean }
  | { kind: "equal"; left: Operand; right: Operand }
  | { kind: "and" | "or"; left: Filter; right: Filter }
  | { kind: "not"; operand: Filter };

/** A side of a comparison. */
type Operand = { kind: "literal" | "field"; text: string };

type Token = { kind: "literal"; text: string } | { kind: "word"; text: string } | { kind: "end" };

/** A literal runs to the next quote: the language has no escapes (db_filter_lex.mll). */
const TOKEN = /[ \t\n]*(?:"([^"]*)"|(=|\(|\)|true|false|field|and|or|not)|$)/y;

/** Fields that the tables hold under a nested name only, so that the plain name finds no column. */
const NESTED_ONLY = new Set(["name_label", "name_description"]);

/** Parses an expression; what cannot be read is INVALID_VALUE with the reason (recorded 152). */
export function parseFilter(text: string): Filter {
  return new FilterParser(text).parse();
}

/** Whether the record fulfils the expression. */
export function matches(filter: Filter, record: JsonObject): boolean {
  switch (filter.kind) {
    case "constant":
      return filter.value;
    case "not":
      return !matches(filter.operand, record);
    case "and":
      return matches(filter.left, record) && matches(filter.right, record);
    case "or":
      return matches(filter.left, record) || matches(filter.right, record);
    case "equal":
      return operandText(filter.left, record) === operandText(filter.right, record);
  }
}

function operandText(operand: Operand, record: JsonObject): string {
  if (operand.kind === "literal") return operand.text;
  const value = record[operand.text.replaceAll("__", "_")];
  if (value === undefined || NESTED_ONLY.has(operand.text)) {
    throw new ApiError("INTERNAL_ERROR", "missing field", operand.text, "");
  }
  return columnText(value);
}

/** A value as the tables store it, since that is what literals are compared with. */
function columnText(value: Json): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  if (Array.isArray(value)) return `(${value.map(quoted).join(" ")})`;
  if (typeof value !== "object") return String(value);
  const pairs = Object.entries(value).map(([key, member]) => `(${quoted(key)} ${quoted(member)})`);
  return `(${pairs.join(" ")})`;
}

function quoted(value: Json): string {
  return `'${columnText(value).replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

class FilterParser {
  readonly #text: string;
  #position = 0;
  #next: Token | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Filter {
    const filter = this.#expression();
    if (this.#peek().kind !== "end") throw this.#syntaxError();
    return filter;
  }

  #expression(): Filter {
    let left = this.#operand();
    for (;;) {
      const token = this.#peek();
      if (token.kind !== "word" || (token.text !== "and" && token.text !== "or")) return left;
      this.#take();
      left = { kind: token.text, left, right: this.#operand() };
    }
  }

  #operand(): Filter {
    const token = this.#peek();
    if (token.kind === "literal") return this.#comparison();
    if (token.kind === "end") throw this.#syntaxError();
    switch (token.text) {
      case "field":
        return this.#comparison();
      case "true":
      case "false":
        this.#take();
        return { kind: "constant", value: token.text === "true" };
      case "not":
        this.#take();
        return { kind: "not", operand: this.#expression() };
      case "(": {
        this.#take();
        const inner = this.#expression();
        this.#takeWord(")");
        return inner;
      }
      default:
        throw this.#syntaxError();
    }
  }

  #comparison(): Filter {
    const left = this.#value();
    this.#takeWord("=");
    return { kind: "equal", left, right: this.#value() };
  }

  #value(): Operand {
    const token = this.#take();
    if (token.kind === "literal") return token;
    if (token.kind !== "word" || token.text !== "field") throw this.#syntaxError();
    const name = this.#take();
    if (name.kind !== "literal") throw this.#syntaxError();
    return { kind: "field", text: name.text };
  }

  #takeWord(text: string): void {
    const token = this.#take();
    if (token.kind !== "word" || token.text !== text) throw this.#syntaxError();
  }

  #peek(): Token {
    this.#next ??= this.#read();
    return this.#next;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next = undefined;
    return token;
  }

  #read(): Token {
    TOKEN.lastIndex = this.#position;
    const match = TOKEN.exec(this.#text);
    if (match === null) {
      throw new ApiError("INVALID_VALUE", this.#text, 'Failure("lexing: empty token")');
    }
    this.#position = TOKEN.lastIndex;
    const [, literal, word] = match;
    if (literal !== undefined) return { kind: "literal", text: literal };
    return word === undefined ? { kind: "end" } : { kind: "word", text: word };
  }

  #syntaxError(): ApiError {
    // Not recorded: ocamlyacc's exception as OCaml prints it.
    return new ApiError("INVALID_VALUE", this.#text, "Stdlib.Parsing.Parse_error");
  }
}
