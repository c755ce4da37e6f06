import * as v from "valibot";

/** What the XAPIs of a pool are started from. */
export const PoolFile = v.object({
  database: v.record(v.string(), v.unknown()),
  /** Where the tests steer. */
  control: v.string(),
  hosts: v.array(
    v.object({
      uuid: v.string(),
      ref: v.string(),
      /** Where its XAPI and its xenstored listen. */
      socket: v.string(),
      xenstore: v.string(),
      member: v.boolean(),
      /** What starts a plugin there: its path and its argument follow. */
      start: v.array(v.string()),
    }),
  ),
});
/** What the XAPIs of a pool are started from. */
export type PoolFile = v.InferOutput<typeof PoolFile>;
