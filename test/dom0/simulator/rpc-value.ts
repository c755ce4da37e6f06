import { ApiError, UncaughtError } from "./errors.ts";
import { isObject, type Json } from "./json.ts";

/**
 * A parameter as xapi holds it. Integers are bigints and floats are numbers, because xapi tells
 * them apart: an `id` of 1.5 is refused (recorded 110), an integer beyond 64 bits too (recorded 111).
 */
export type RpcValue = null | boolean | string | bigint | number | RpcValue[] | RpcDict;

/** A JSON object among the parameters. */
export type RpcDict = { [key: string]: RpcValue };

const LOWEST_INT64 = -(2n ** 63n);
const HIGHEST_INT64 = 2n ** 63n - 1n;

/** Parses JSON text the way xapi does, and throws what becomes its HTTP 500. */
export function parseRpcValue(text: string): RpcValue {
  // Recorded 133. The text of other syntax errors holds the parser's positions, which are not copied.
  if (text.trim() === "") throw new UncaughtError('Yojson__Common.Json_error("Blank input data")');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, keepIntegers);
  } catch (error) {
    if (error instanceof UncaughtError) throw error;
    throw new UncaughtError(`Yojson__Common.Json_error(${ocamlString(String(error))})`);
  }
  return toRpcValue(parsed);
}

/** The value as `Rpc.to_string` of ocaml-rpc prints it in error texts (recorded 056-059, 096, 119). */
export function printRpcValue(value: RpcValue): string {
  if (value === null) return "N";
  if (typeof value === "bigint") return `I(${value})`;
  if (typeof value === "number") return `F(${value})`;
  if (typeof value === "boolean") return `B(${value})`;
  if (typeof value === "string") return `S(${value})`;
  if (Array.isArray(value)) return `[${value.map(printRpcValue).join(";")}]`;
  const members = Object.entries(value).map(([key, member]) => `${key}:${printRpcValue(member)}`);
  return `{${members.join(";")}}`;
}

/** The value as plain JSON, for the list of calls. */
export function rpcValueToJson(value: RpcValue): Json {
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(rpcValueToJson);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, rpcValueToJson(member)]));
}

/** A parameter that has to be a string; references are strings too. */
export function expectString(value: RpcValue | undefined): string {
  if (typeof value === "string") return value;
  const text = `Expected string, got '${printRpcValue(value ?? null)}'`;
  throw new ApiError("INTERNAL_ERROR", `Failure(${ocamlString(text)})`);
}

/** A parameter that has to be a map of strings (recorded 056-059). */
export function expectStringMap(value: RpcValue | undefined): Map<string, string> {
  if (value === null || value === undefined || typeof value !== "object" || Array.isArray(value)) {
    const text = `Expecting Rpc.Dict, but found '${printRpcValue(value ?? null)}'`;
    throw new ApiError("INTERNAL_ERROR", `Failure(${ocamlString(text)})`);
  }
  return new Map(Object.entries(value).map(([key, member]) => [key, expectString(member)]));
}

/** A string as an OCaml literal, which is how exceptions print the strings they carry. */
function ocamlString(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escaped}"`;
}

function keepIntegers(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number") return value;
  const source = context?.source ?? String(value);
  if (!/^-?\d+$/.test(source)) return value;
  const integer = BigInt(source);
  if (integer < LOWEST_INT64 || integer > HIGHEST_INT64) {
    throw new UncaughtError('Failure("Int64.of_string")');
  }
  return integer;
}

function toRpcValue(value: unknown): RpcValue {
  if (typeof value === "string" && !value.isWellFormed()) {
    // The text of the real error quotes the rest of the body (recordings-design).
    throw new UncaughtError('Yojson__Common.Json_error("Missing escape sequence")');
  }
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (Array.isArray(value)) return value.map(toRpcValue);
  if (!isObject(value)) throw new TypeError(`not a JSON value: ${String(value)}`);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toRpcValue(member)]));
}
