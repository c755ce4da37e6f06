import * as v from "valibot";
import type { DatabaseContent, SimulatorControl } from "./simulator/control.ts";

/** A VM, by its reference. */
interface Reference {
  readonly ref: string;
}

type Fields = Record<string, unknown>;

/** A VM with its VIFs, as `xe vm-export` carries them. */
export interface ExportedVm {
  readonly vm: Fields;
  readonly vifs: readonly Fields[];
}

const Vm = v.looseObject({ VIFs: v.array(v.string()), snapshot_of: v.string() });

const NULL_REF = "OpaqueRef:NULL";
const HALTED = { power_state: "Halted", domid: -1, resident_on: NULL_REF };

/** Copies of VMs. `other_config` of VM and VIFs goes along, UUIDs and references never do (pool-facts §4). */
export class VmCopies {
  constructor(protected readonly control: SimulatorControl) {}

  /** Clones a VM; the clone is halted. */
  async clone(vm: Reference, name: string): Promise<Reference> {
    return this.import(await this.export(vm), name);
  }

  /** Makes a snapshot, which is a template. */
  async snapshot(vm: Reference, name: string): Promise<Reference> {
    const { vm: record, vifs } = await this.export(vm);
    const marks = { is_a_template: true, is_a_snapshot: true, snapshot_of: vm.ref };
    return this.import({ vm: { ...record, ...marks }, vifs }, name);
  }

  /** Takes a halted VM back to a snapshot: its VIFs are others then (xapi_vm_snapshot.ml). */
  async revert(snapshot: Reference): Promise<void> {
    const vm = await this.snapshotOf(snapshot);
    const before = await this.#records(vm);
    const { vm: record, vifs } = await this.export(snapshot);
    await this.control.remove(...before.VIFs.map((ref): [string, string] => ["VIF", ref]));
    const refs = await this.#putVifs(vifs, vm.ref);
    await this.control.set(["VM", vm.ref, "VIFs", refs], ["VM", vm.ref, "other_config", record["other_config"]]);
  }

  /** Exports a VM, for another pool. */
  async export(vm: Reference): Promise<ExportedVm> {
    const database = await this.control.database();
    const record = parse(database, vm);
    const vifs = record.VIFs.map((ref) => ({ ...database["VIF"]?.[ref] }));
    return { vm: { ...record }, vifs };
  }

  /** Imports a VM, halted and on the first network where its own is not there. */
  async import({ vm, vifs }: ExportedVm, name = String(vm["name_label"])): Promise<Reference> {
    const ref = newRef();
    const record = { ...vm, ...HALTED, uuid: newUuid(), name_label: name, VIFs: [] };
    await this.control.put(["VM", ref, record]);
    await this.control.set(["VM", ref, "VIFs", await this.#putVifs(vifs, ref)]);
    return { ref };
  }

  /** The VM that a snapshot was made of. */
  protected async snapshotOf(snapshot: Reference): Promise<Reference> {
    return { ref: (await this.#records(snapshot)).snapshot_of };
  }

  async #records(vm: Reference) {
    return parse(await this.control.database(), vm);
  }

  async #putVifs(vifs: readonly Fields[], vm: string): Promise<string[]> {
    const { network = {} } = await this.control.database();
    const [first] = Object.keys(network);
    const records = vifs.map((vif): [string, string, Fields] => {
      const own = String(vif["network"]);
      const plugged = { network: Object.hasOwn(network, own) ? own : first };
      const record = { ...vif, ...plugged, VM: vm, uuid: newUuid(), currently_attached: false };
      return ["VIF", newRef(), record];
    });
    await this.control.put(...records);
    return records.map(([, ref]) => ref);
  }
}

function parse(database: DatabaseContent, { ref }: Reference) {
  return v.parse(Vm, database["VM"]?.[ref]);
}

function newUuid(): string {
  return crypto.randomUUID();
}

function newRef(): string {
  return `OpaqueRef:${newUuid()}`;
}
