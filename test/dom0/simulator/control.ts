import * as v from "valibot";
import {
  CallSchema,
  type Changes,
  type DatabaseContent,
  DatabaseSchema,
  type RecordedCall,
} from "./control-protocol.ts";
import type { CostOptions } from "./cost.ts";
import type { Fault } from "./faults.ts";

export type { Changes, DatabaseContent, RecordedCall } from "./control-protocol.ts";
export { MEASURED_COST } from "./cost.ts";
export type { Fault } from "./faults.ts";

/** Steers a simulator through its control socket. */
export class SimulatorControl {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The XAPI calls since the last clearCalls, in the order they were done. */
  async calls(): Promise<RecordedCall[]> {
    return v.parse(v.array(CallSchema), await this.#get("/calls"));
  }

  /** How many milliseconds those calls have taken, one after the other. */
  async heldMs(): Promise<number> {
    return v.parse(v.number(), await this.#get("/held"));
  }

  /** How many connections clients have opened to this host's socket since then. */
  async connections(): Promise<number> {
    return v.parse(v.number(), await this.#get("/connections"));
  }

  /** Forgets the calls so far, and the connections to this host's socket. */
  async clearCalls(): Promise<void> {
    await this.#post("/calls/clear", null);
  }

  /** All records. */
  async database(): Promise<DatabaseContent> {
    return v.parse(DatabaseSchema, await this.#get("/database"));
  }

  /** Sets fields of records that are there. */
  async set(...fields: [className: string, ref: string, field: string, value: unknown][]) {
    await this.#change({ set: fields });
  }

  /** Adds or replaces whole records. */
  async put(...records: [className: string, ref: string, record: Record<string, unknown>][]) {
    await this.#change({ put: records });
  }

  /** Removes records. */
  async remove(...records: [className: string, ref: string][]): Promise<void> {
    await this.#change({ remove: records });
  }

  /** Switches a fault or a mode on; `{ fault: "none" }` ends both. */
  async fault(fault: Fault): Promise<void> {
    await this.#post("/fault", fault);
  }

  /** Makes calls take time. */
  async cost(cost: CostOptions): Promise<void> {
    await this.#post("/cost", cost);
  }

  /** How many sessions are open. */
  async sessions(): Promise<number> {
    return v.parse(v.number(), await this.#get("/sessions"));
  }

  /** Steers what this simulator has beside the API. */
  sendControl(path: string, body: unknown = null): Promise<unknown> {
    return this.#post(path, body);
  }

  async #change(changes: Changes): Promise<void> {
    await this.#post("/database", changes);
  }

  #get(path: string): Promise<unknown> {
    return this.#request(path, { method: "GET" });
  }

  #post(path: string, body: unknown): Promise<unknown> {
    return this.#request(path, { method: "POST", body: JSON.stringify(body) });
  }

  async #request(path: string, options: RequestInit): Promise<unknown> {
    const response = await fetch(`http://simulator${path}`, { ...options, unix: this.#path });
    if (!response.ok) throw new Error(`simulator control ${path}: ${await response.text()}`);
    return response.json();
  }
}
