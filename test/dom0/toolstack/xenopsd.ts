import type { Database } from "../simulator/database.ts";
import type { JsonObject } from "../simulator/json.ts";

/** The `other_config` of VIFs, by their references. */
type VifConfigs = Map<string, JsonObject[string]>;

/**
 * What the xenopsd of the hosts know of the VIFs of running VMs: their `other_config` at the last event of
 * the VM. A change of a VIF is none (pool-facts §7; xapi_xenops.ml `events_from_xapi`).
 */
export class Xenopsd {
  readonly #cached = new Map<string, VifConfigs>();

  constructor(private readonly database: Database) {
    for (const ref of database.records("VM").keys()) this.#update(ref);
    database.watch((className, ref) => {
      if (className === "VM") this.#update(ref);
      if (className === "VIF") this.#add(ref);
    });
  }

  /** What it knows, by VM and VIF. */
  toJson(): JsonObject {
    return Object.fromEntries([...this.#cached].map(([vm, vifs]) => [vm, Object.fromEntries(vifs)]));
  }

  #update(ref: string): void {
    const vm = this.database.records("VM").get(ref);
    const state = vm?.["power_state"];
    if (state !== "Running" && state !== "Paused") {
      this.#cached.delete(ref);
      return;
    }
    const vifs = Array.isArray(vm?.["VIFs"]) ? vm["VIFs"].map(String) : [];
    const configs: VifConfigs = new Map();
    for (const vif of vifs) {
      const config = this.database.records("VIF").get(vif)?.["other_config"];
      if (config !== undefined) configs.set(vif, config);
    }
    this.#cached.set(ref, configs);
  }

  /** A VIF that is new to a running VM comes with what its record says when it is plugged. */
  #add(ref: string): void {
    const vif = this.database.records("VIF").get(ref);
    const configs = this.#cached.get(String(vif?.["VM"]));
    if (configs === undefined || configs.has(ref)) return;
    const config = vif?.["other_config"];
    if (config !== undefined) configs.set(ref, config);
  }
}
