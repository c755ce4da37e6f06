import { unavailableError } from "../../src/core/command-error.ts";
import type { FeatureSnapshot } from "../../src/core/disable/steps.ts";
import { isSet } from "../../src/core/feature-set.ts";
import type { DeviceBits, Kernel, KernelBits, KernelBitsStore, PendingAnnouncements } from "../../src/core/ports.ts";

/** Exact bits in memory, which may refuse to keep anything. */
export class FakeKernelBitsStore implements KernelBitsStore {
  readonly #saved = new Map<string, { readonly ifindex: number | null; readonly bits: KernelBits }>();
  failsToSave = false;

  constructor(readonly kernel: Pick<Kernel, "readIfindex">) {}

  get(device: string): KernelBits | null {
    const saved = this.#saved.get(device);
    return saved?.ifindex === this.kernel.readIfindex(device) ? (saved?.bits ?? null) : null;
  }

  listDevices(): readonly string[] {
    return [...this.#saved.keys()].filter((device) => this.get(device) !== null);
  }

  async save(devices: readonly DeviceBits[], snapshot: FeatureSnapshot): Promise<void> {
    if (this.failsToSave) throw unavailableError("file-not-written", "no space");
    for (const { device, bits: selected } of devices) {
      const reading = snapshot.readings.get(device);
      if (reading?.state !== "read") continue;
      const { active, requested } = reading.features;
      const saved = snapshot.featureTable
        .listNames(selected)
        .map(([name, index]) => [name, { requested: isSet(requested, index), active: isSet(active, index) }] as const);
      const bits = new Map([...saved, ...(this.get(device) ?? [])]);
      this.#saved.set(device, { ifindex: this.kernel.readIfindex(device), bits });
    }
    return;
  }

  async remove(devices: Iterable<string>): Promise<void> {
    for (const device of devices) this.#saved.delete(device);
    return;
  }
}

/** A mark in memory, which may refuse to be set. */
export class FakePendingAnnouncements implements PendingAnnouncements {
  readonly pending = new Set<string>();
  failsToSave = false;

  filterPending(vms: readonly string[]): ReadonlySet<string> {
    return new Set(vms.filter((vm) => this.pending.has(vm)));
  }

  async add(vms: readonly string[]): Promise<void> {
    if (this.failsToSave) throw unavailableError("file-not-written", "no space");
    for (const vm of vms) this.pending.add(vm);
    return;
  }

  async remove(vms: readonly string[]): Promise<void> {
    for (const vm of vms) this.pending.delete(vm);
    return;
  }
}
