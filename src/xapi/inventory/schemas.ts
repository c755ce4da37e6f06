import * as v from "valibot";

/** What a reference says that leads nowhere. */
export const NULL_REF = "OpaqueRef:NULL";

/** Integers are JSON numbers, but the wire protocol's page promises strings: both are taken. */
export const IntegerSchema = v.union([v.number(), v.pipe(v.string(), v.regex(/^-?\d+$/), v.transform(Number))]);

/** How long a UUID may be: those of VMs are written to disk. */
const MAX_UUID_LENGTH = 64;

/** A UUID, whose form is XAPI's own business. */
export const UuidSchema = v.pipe(v.string(), v.maxLength(MAX_UUID_LENGTH));

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

/** Whether it is a text that a UUID may be. */
export function isUuid(value: unknown): boolean {
  return typeof value === "string" && value.length <= MAX_UUID_LENGTH;
}

/** Whether it is an object with keys. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
