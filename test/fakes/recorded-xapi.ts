import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

/** A reply of a real xapi, as it came. */
export interface RecordedReply {
  readonly name: string;
  readonly status: number;
  readonly body: string;
}

const Exchange = v.object({
  name: v.string(),
  response: v.object({ status: v.string(), body: v.unknown() }),
});
const RawExchange = v.object({ name: v.string(), response_raw: v.string() });

/** Every reply in the recordings, in their order; of the raw ones the first reply of each. */
export function recordedReplies(): readonly RecordedReply[] {
  const path = join(import.meta.dir, "..", "dom0", "recordings", "recordings.jsonl");
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line): RecordedReply[] => {
    if (line === "") return [];
    const document: unknown = JSON.parse(line);
    const exchange = v.safeParse(Exchange, document);
    if (exchange.success) {
      const { name, response } = exchange.output;
      const body = typeof response.body === "string" ? response.body : JSON.stringify(response.body);
      return [{ name, status: statusOf(response.status), body }];
    }
    const { name, response_raw } = v.parse(RawExchange, document);
    const [, head, rest] = /^([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(response_raw) ?? [];
    if (head === undefined || rest === undefined) return [];
    const length = /content-length: (\d+)/i.exec(head)?.[1];
    return [{ name, status: statusOf(head), body: rest.slice(0, Number(length ?? rest.length)) }];
  });
}

/** The reply of that name. */
export function recordedReply(name: string): RecordedReply {
  const found = recordedReplies().find((reply) => reply.name === name);
  if (found === undefined) throw new Error(`${name} was not recorded`);
  return found;
}

function statusOf(line: string): number {
  return Number(line.split(" ")[1]);
}
