import * as v from "valibot";

/** One XAPI call that came in. */
export const CallSchema = v.strictObject({
  method: v.string(),
  params: v.array(v.unknown()),
  /** Whether the method changes records. */
  write: v.boolean(),
  /** Whether it was done and answered without an error. */
  ok: v.boolean(),
  /** How many records were read for it. */
  records: v.number(),
});
/** One XAPI call that came in. */
export type RecordedCall = v.InferOutput<typeof CallSchema>;

/** Changes to the database: fields, whole records, removals, in this order of application: put, set, remove. */
export const ChangesSchema = v.strictObject({
  put: v.optional(v.array(v.tuple([v.string(), v.string(), v.record(v.string(), v.unknown())])), []),
  set: v.optional(v.array(v.tuple([v.string(), v.string(), v.string(), v.unknown()])), []),
  remove: v.optional(v.array(v.tuple([v.string(), v.string()])), []),
});
/** Changes to the database. */
export type Changes = v.InferInput<typeof ChangesSchema>;

/** A database, as the file has it. */
export const DatabaseSchema = v.record(v.string(), v.record(v.string(), v.record(v.string(), v.unknown())));
/** A database, as the file has it. */
export type DatabaseContent = v.InferOutput<typeof DatabaseSchema>;
