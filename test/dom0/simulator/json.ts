/** A value JSON can carry: what records and replies are made of. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object, for example one record of the database. */
export type JsonObject = { [key: string]: Json };

/** Whether the value is an object, and neither null nor an array. */
export function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Takes in something that came from outside; anything JSON cannot carry is an error. */
export function toJson(value: unknown): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map(toJson);
  if (isObject(value)) return toJsonObject(value);
  throw new TypeError(`not a JSON value: ${String(value)}`);
}

/** The same for a value that has to be an object. */
export function toJsonObject(value: unknown): JsonObject {
  if (!isObject(value)) throw new TypeError(`not a JSON object: ${JSON.stringify(value)}`);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toJson(member)]));
}
