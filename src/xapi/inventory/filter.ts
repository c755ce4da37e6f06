/**
 * Expressions of get_all_records_where. Values are compared as XAPI's tables hold them, case and all;
 * `and` and `or` bind equally, and `not` takes everything to its right (db_filter_parse.mly).
 */

/** The language has no escapes: a quotation mark would end the value. */
const SAFE_VALUE = /^[\w:-]+$/;

/** More alternatives than these cost XAPI more than handing out all records does. */
const MAX_ALTERNATIVES = 200;

/** Records whose field has that value, a word of XAPI's own: a reference, a UUID, a state. */
export function fieldEquals(field: string, value: string): string {
  return SAFE_VALUE.test(value) ? `field "${field}" = "${value}"` : "false";
}

/** All of them at once. */
export function allOf(...terms: readonly string[]): string {
  return terms.map((term) => `(${term})`).join(" and ");
}

/** Any of them. */
export function anyOf(...terms: readonly string[]): string {
  return terms.join(" or ");
}

/** Records whose field is one of these references; null where reading every record is the better way. */
export function fieldEqualsAny(field: string, refs: readonly string[]): string | null {
  if (refs.length > MAX_ALTERNATIVES || !refs.every((ref) => SAFE_VALUE.test(ref))) return null;
  return anyOf(...refs.map((ref) => fieldEquals(field, ref)));
}
