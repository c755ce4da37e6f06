import * as v from "valibot";
import type { RemoteReport } from "../core/report.ts";

const FindingSchema = v.looseObject({
  code: v.string(),
  message: v.string(),
  interface: v.optional(v.string()),
  command: v.optional(v.string()),
});

/** A report as another host sends it. What is not used here is kept as it is. */
const ReportSchema = v.looseObject({
  host: v.nullable(v.object({ uuid: v.string(), name: v.string() })),
  exitCode: v.picklist([0, 1, 2, 3]),
  dryRun: v.boolean(),
  devices: v.array(
    v.looseObject({
      device: v.nullable(v.string()),
      kind: v.picklist(["pif", "vif"]),
      management: v.boolean(),
    }),
  ),
  changes: v.array(v.looseObject({ layer: v.string(), device: v.nullable(v.string()) })),
  problems: v.array(FindingSchema),
  notes: v.array(FindingSchema),
  advice: v.array(v.string()),
  pending: v.optional(v.nullable(v.object({ secondsLeft: v.number() })), null),
});

const AnswerSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.strictObject({ report: ReportSchema, text: v.nullable(v.string()) }),
);

/** What a host answers. */
export interface HostAnswer {
  readonly report: RemoteReport;
  /** Replaces the usual view of that report. */
  readonly text: string | null;
}

/** Reads the value that a host's plugin gave; null where that is no answer of this program's. */
export function parseHostAnswer(value: unknown): HostAnswer | null {
  const parsed = v.safeParse(AnswerSchema, value, { abortEarly: true });
  return parsed.success ? parsed.output : null;
}
