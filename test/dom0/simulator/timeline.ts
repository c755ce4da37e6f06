import type { Database } from "./database.ts";
import { isObject, type JsonObject, toJson, toJsonObject } from "./json.ts";
import { type CallRecording, requestOf } from "./recordings.ts";

/** A record, or a field of one, that a recorded reply shows. */
export interface RecordedRecord {
  className: string;
  ref: string;
  record: JsonObject;
}

/** Classes the recordings read beside those the simulator always has. */
const MORE_CLASSES = ["PIF_metrics", "VM_metrics", "VM_guest_metrics", "message", "task"] as const;

/**
 * Brings a database to where the recorded one was. Calls that the simulator does not serve changed
 * the recorded database; their effect is taken from what the recordings show before the next such
 * call. `other_config` of records that are there already is left alone: the simulator writes it
 * itself, and has to come to the recorded values on its own.
 */
export class Timeline {
  readonly #calls: readonly CallRecording[];
  readonly #database: Database;
  readonly #serves: (method: string) => boolean;

  constructor(calls: readonly CallRecording[], database: Database, serves: (method: string) => boolean) {
    this.#calls = calls;
    this.#database = database;
    this.#serves = serves;
  }

  /** The classes a replay needs, without records. */
  static emptyClasses(): JsonObject {
    return Object.fromEntries(MORE_CLASSES.map((className) => [className, {}]));
  }

  /** Applies what the recorded call at that index changed; -1 stands for all that was before. */
  apply(index: number): void {
    const call = this.#calls[index];
    if (call !== undefined) this.#applyCall(call, index);
    for (const later of this.#calls.slice(index + 1)) {
      const request = requestOf(later);
      if (request !== undefined && !this.#serves(request.method)) return;
      this.#applyRecords(later);
    }
  }

  #applyCall(call: CallRecording, index: number): void {
    const request = requestOf(call);
    const { body } = call.response;
    if (request === undefined || !isObject(body) || !("result" in body)) return;
    const [className = ""] = request.method.split(".");
    const target = String(request.params[1]);
    if (request.method.endsWith(".destroy")) {
      this.#database.remove(className, target);
      for (const [ref, record] of this.#database.records("VIF")) {
        if (record["VM"] === target) this.#database.remove("VIF", ref);
      }
    }
    const created = body["result"];
    const recorded = this.#calls
      .slice(index + 1)
      .flatMap(extractRecords)
      .find((sighting) => sighting.className === className && sighting.ref === created);
    if (recorded !== undefined) this.#put(recorded);
  }

  #applyRecords(call: CallRecording): void {
    const records = extractRecords(call);
    for (const sighting of records) this.#put(sighting);
    const [className = "", method] = requestOf(call)?.method.split(".") ?? [];
    const { body } = call.response;
    if (method !== "get_all_records" || !isObject(body) || !isObject(body["result"])) return;
    const refs = new Set(records.map((sighting) => sighting.ref));
    for (const ref of this.#database.records(className).keys()) {
      if (!refs.has(ref)) this.#database.remove(className, ref);
    }
  }

  #put({ className, ref, record }: RecordedRecord): void {
    const existing = this.#database.records(className).get(ref);
    if (existing === undefined) {
      // A field alone makes no record.
      if ("uuid" in record) this.#database.put(className, ref, record);
      return;
    }
    const { other_config: _ours, ...rest } = record;
    this.#database.put(className, ref, { ...existing, ...rest });
  }
}

/** What a recorded reply shows of records. */
export function extractRecords(call: CallRecording): RecordedRecord[] {
  const request = requestOf(call);
  const { body } = call.response;
  if (request === undefined || !isObject(body)) return [];
  const { result } = body;
  const [className = "", method = ""] = request.method.split(".");
  if (className === "session" || result === undefined || result === null) return [];
  const ref = String(request.params[1]);
  if (method === "get_by_uuid") {
    return [{ className, ref: String(result), record: { uuid: ref } }];
  }
  if (method === "get_all_records" || method === "get_all_records_where") {
    return Object.entries(toJsonObject(result)).map(([shown, record]) => {
      return { className, ref: shown, record: toJsonObject(record) };
    });
  }
  if (method === "get_record") return [{ className, ref, record: toJsonObject(result) }];
  if (method.startsWith("get_by") || method.startsWith("get_all")) return [];
  const field = /^get_(.+)$/.exec(method)?.[1];
  return field === undefined ? [] : [{ className, ref, record: { [field]: toJson(result) } }];
}
