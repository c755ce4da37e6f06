/** A map of strings to strings, XAPI's only kind of map that matters here. */
export type StringMap = Record<string, string>;

/** The reference that XAPI gives for "none". */
export const NULL_REF = "OpaqueRef:NULL";

/** XAPI's way to say "never". */
export const NEVER = "19700101T00:00:00Z";

/** An empty list of references, names or addresses. */
export const none = (): string[] => [];

/** An empty map. */
export const empty = (): StringMap => ({});
