import { join } from "node:path";
import * as v from "valibot";

const CallRecordingSchema = v.object({
  name: v.string(),
  request: v.object({
    line: v.string(),
    connection: v.optional(v.picklist(["close", "keep-alive"]), "close"),
    body: v.unknown(),
  }),
  response: v.pipe(
    v.object({
      status: v.optional(v.string()),
      /** The lines of the head, where they were recorded. */
      headers: v.optional(v.array(v.string())),
      body: v.unknown(),
    }),
    v.transform(({ status, headers, body }) => {
      return { status: status ?? headers?.[0] ?? "", headers, body };
    }),
  ),
});
const RawRecordingSchema = v.object({
  name: v.string(),
  request_raw: v.string(),
  response_raw: v.string(),
  end: v.string(),
});
const RequestSchema = v.object({
  method: v.string(),
  params: v.fallback(v.array(v.unknown()), []),
});

/** One recorded request with its reply. */
export type CallRecording = v.InferOutput<typeof CallRecordingSchema>;
/** One recorded exchange of bytes, which may hold several requests. */
type RawRecording = v.InferOutput<typeof RawRecordingSchema>;

/** The recordings over one database, in their order. */
export interface RecordingSet {
  calls: CallRecording[];
  raw: RawRecording[];
}

/** What a recording lost when it was written down, put back (README of the recordings). */
const RESTORED: Record<string, (text: string) => Uint8Array> = {
  "130-shape-string": (text) => Buffer.from(JSON.stringify(text)),
  "136-shape-trailing-newline": (text) => Buffer.from(`${text}\n`),
  "137-shape-invalid-utf8": (text) => {
    const [before = "", , after = ""] = text.split("\uFFFD");
    return Buffer.concat([Buffer.from(before), Buffer.from([0xff, 0xfe]), Buffer.from(after)]);
  },
  "138-shape-bom": (text) => Buffer.from(`\uFEFF${text}`),
};

/** The two sets of recordings: 001-227 and 301-354. */
export async function loadRecordings(): Promise<{ first: RecordingSet; second: RecordingSet }> {
  const file = Bun.file(join(import.meta.dir, "..", "recordings", "recordings.jsonl"));
  const first: RecordingSet = { calls: [], raw: [] };
  const second: RecordingSet = { calls: [], raw: [] };
  for (const line of (await file.text()).split("\n")) {
    if (line === "") continue;
    const recording: unknown = JSON.parse(line);
    const raw = v.safeParse(RawRecordingSchema, recording);
    if (raw.success) {
      (raw.output.name < "300" ? first : second).raw.push(raw.output);
      continue;
    }
    const call = v.parse(CallRecordingSchema, recording);
    (call.name < "300" ? first : second).calls.push(call);
  }
  return { first, second };
}

/** The recordings of a pool of three, of one file, in their order. */
export async function loadPoolRecordings(name: "pool" | "design"): Promise<CallRecording[]> {
  const file = Bun.file(join(import.meta.dir, "..", "recordings", `recordings-${name}.jsonl`));
  const lines = (await file.text()).split("\n").filter((line) => line !== "");
  return lines.map((line) => v.parse(CallRecordingSchema, JSON.parse(line)));
}

/** Whether it is XML-RPC, which the simulator does not speak. */
export function isXmlRpc(recording: CallRecording): boolean {
  return typeof recording.request.body === "string" && recording.request.body.startsWith("<?xml");
}

/** Method and parameters of a recorded call, if its body has a method at all. */
export function requestOf(recording: CallRecording): v.InferOutput<typeof RequestSchema> | undefined {
  const parsed = v.safeParse(RequestSchema, recording.request.body);
  return parsed.success ? parsed.output : undefined;
}

/** The bytes of the recorded body, with every text replaced that `rename` replaces. */
export function bodyBytes(recording: CallRecording, rename: (text: string) => string): Uint8Array {
  const { body } = recording.request;
  const text = rename(typeof body === "string" ? body : JSON.stringify(body));
  return RESTORED[recording.name]?.(text) ?? Buffer.from(text);
}
