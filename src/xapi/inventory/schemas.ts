import * as v from "valibot";

/** What a reference says that leads nowhere. */
export const NULL_REF = "OpaqueRef:NULL";

/** Integers are JSON numbers, but the wire protocol's page promises strings: both are taken. */
export const IntegerSchema = v.union([v.number(), v.pipe(v.string(), v.regex(/^-?\d+$/), v.transform(Number))]);

/** References. */
export const RefsSchema = v.array(v.string());

/**
 * A map as XAPI has them. By hand: a schema for every key of every VIF takes longer than all the rest
 * of a reply.
 */
export const StringMapSchema = v.custom<Readonly<Record<string, string>>>(isStringMap);

/** Whether it is a map of strings. */
export function isStringMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((item) => typeof item === "string");
}

/** Whether it is an object with keys. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
