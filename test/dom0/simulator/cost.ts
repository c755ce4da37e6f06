import * as v from "valibot";

const MS = v.pipe(v.number(), v.minValue(0));
const OPTIONAL_MS = v.optional(MS, 0);

/** What calls take, in milliseconds; zero is off. */
export const CostSchema = v.strictObject({
  /** For each call that changes something. */
  callMs: MS,
  /** For each record that is read. */
  recordMs: MS,
  /** For each record that a filter looks at. */
  rowMs: OPTIONAL_MS,
  /** For each 1,000 characters of a reply. */
  kilobyteMs: OPTIONAL_MS,
  /** For each connection that a client opens. */
  connectionMs: OPTIONAL_MS,
  /** What a member takes to pass a call on, beside what the coordinator takes. */
  member: v.optional(
    v.strictObject({
      /** For each connection: another one, with TLS, is opened to the coordinator behind it. */
      connectionMs: MS,
      /** For each call, one call at a time. */
      callMs: MS,
      /** For each call, side by side with others. */
      latencyMs: MS,
      /** For each 1,000 characters of a reply. */
      kilobyteMs: MS,
    }),
    { connectionMs: 0, callMs: 0, latencyMs: 0, kilobyteMs: 0 },
  ),
});

/** What calls take, in milliseconds. */
export type Cost = v.InferOutput<typeof CostSchema>;

/** The same as a test gives it. */
export type CostOptions = v.InferInput<typeof CostSchema>;

/** Nothing takes time. */
export const NO_COST: Cost = v.parse(CostSchema, { callMs: 0, recordMs: 0 });

/**
 * What a real xapi took, coordinator and member: 0.25 ms a write on a kept connection, 0.45 on one of its
 * own; on a member 1.8 ms a write over 4 kept connections, 2.6 over one, 24 ms on one of its own; a scan of
 * 3,000 rows 4 ms; `VM.get_all_records` of 3,054 VMs 506 and 1,195 ms for 8 MB.
 */
export const MEASURED_COST: CostOptions = {
  callMs: 0.25,
  recordMs: 0,
  rowMs: 0.0013,
  kilobyteMs: 0.06,
  connectionMs: 0.2,
  member: { connectionMs: 20, callMs: 1.6, latencyMs: 0.8, kilobyteMs: 0.08 },
};
