import * as v from "valibot";

const HostSchema = v.object({
  uuid: v.string(),
  ref: v.string(),
  /** Where its XAPI and its xenstored listen, and where the tests steer. */
  socket: v.string(),
  xenstore: v.string(),
  control: v.string(),
  /** What runs a command there: the command follows. */
  enter: v.array(v.string()),
  /** What starts a plugin there: its path and its argument follow. */
  start: v.array(v.string()),
});
/** What the XAPI of one host of a pool is started from. */
export type HostFile = v.InferOutput<typeof HostSchema>;

/** What the XAPIs of a pool are started from. */
export const PoolFile = v.object({
  database: v.record(v.string(), v.unknown()),
  hosts: v.array(HostSchema),
});
/** What the XAPIs of a pool are started from. */
export type PoolFile = v.InferOutput<typeof PoolFile>;

/** What a xapi can be. */
export const XapiStatus = v.picklist([
  "up",
  /** Its socket refuses connections. */
  "down",
  /** It takes connections and does nothing. */
  "frozen",
  "starting",
  /** The host is down, and its coordinator knows. */
  "offline",
]);
/** What a xapi can be. */
export type XapiStatus = v.InferOutput<typeof XapiStatus>;
