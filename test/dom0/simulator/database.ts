import { ApiError } from "./errors.ts";
import { type Json, type JsonObject, toJsonObject } from "./json.ts";

/** The classes that exist even when the database file does not have them. */
const ALWAYS_THERE = [
  "host",
  "pool",
  "PIF",
  "VIF",
  "VM",
  "network",
  "Bond",
  "VLAN",
  "tunnel",
  "network_sriov",
] as const;

/** The records by class and reference, as XAPI would return them. */
export class Database {
  readonly #tables = new Map<string, Map<string, JsonObject>>();
  readonly #watchers: ((className: string, ref: string) => void)[] = [];
  #generation = 1;

  constructor() {
    for (const className of ALWAYS_THERE) this.#tables.set(className, new Map());
  }

  /** Reads the content of a database file: `{class: {ref: record}}`. */
  static from(content: unknown): Database {
    const database = new Database();
    for (const [className, records] of Object.entries(toJsonObject(content))) {
      const table = database.#tableToFill(className);
      for (const [ref, record] of Object.entries(toJsonObject(records))) {
        table.set(ref, toJsonObject(record));
      }
    }
    return database;
  }

  /** Whether the API of this simulator has that class. */
  hasClass(className: string): boolean {
    return this.#tables.has(className);
  }

  /** Whether records of the class have the field; of an empty class nothing is known. */
  hasField(className: string, field: string): boolean {
    const records = [...this.records(className).values()];
    return records.length === 0 || records.some((record) => Object.hasOwn(record, field));
  }

  /** All records of a class. */
  records(className: string): ReadonlyMap<string, JsonObject> {
    return this.#tables.get(className) ?? new Map();
  }

  /** One record; HANDLE_INVALID when there is none (recorded 080, 085-087). */
  record(className: string, ref: string): JsonObject {
    const record = this.#tables.get(className)?.get(ref);
    if (record === undefined) throw new ApiError("HANDLE_INVALID", className, ref);
    return record;
  }

  /** The class a reference belongs to. */
  classOf(ref: string): string | undefined {
    return [...this.#tables].find(([, records]) => records.has(ref))?.[0];
  }

  /** Calls back after every change of a record, as an event does. */
  watch(watcher: (className: string, ref: string) => void): void {
    this.#watchers.push(watcher);
  }

  /** Counts up with every change; event tokens are made of it. */
  get generation(): number {
    return this.#generation;
  }

  /** Changes one field of an existing record. */
  set(className: string, ref: string, field: string, value: Json): void {
    this.put(className, ref, { ...this.record(className, ref), [field]: value });
  }

  /** Adds a record or replaces it. */
  put(className: string, ref: string, record: JsonObject): void {
    this.#tableToFill(className).set(ref, record);
    this.touch(className, ref);
  }

  /** Removes a record if it is there. */
  remove(className: string, ref: string): void {
    this.#tables.get(className)?.delete(ref);
    this.touch(className, ref);
  }

  /** Marks a change that leaves the record as it is, as event.inject does. */
  touch(className: string, ref: string): void {
    this.#generation += 1;
    for (const watcher of this.#watchers) watcher(className, ref);
  }

  /** The content in the form of the database file. */
  toJson(): JsonObject {
    return Object.fromEntries(
      [...this.#tables].map(([className, records]) => [className, Object.fromEntries(records)]),
    );
  }

  #tableToFill(className: string): Map<string, JsonObject> {
    const existing = this.#tables.get(className);
    if (existing !== undefined) return existing;
    const table = new Map<string, JsonObject>();
    this.#tables.set(className, table);
    return table;
  }
}
