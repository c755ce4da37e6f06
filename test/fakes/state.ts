import type { LiveStep, LiveView } from "../../src/core/disable/steps.ts";
import { isSet } from "../../src/core/feature-set.ts";
import type { AnnounceMark, Kernel, KernelBits, KernelBitsKeeper } from "../../src/core/ports.ts";
import { type Result, success, unavailable } from "../../src/core/result.ts";

/** Exact bits in memory, which may refuse to keep anything. */
export class MemoryBits implements KernelBitsKeeper {
  readonly #kept = new Map<
    string,
    { readonly ifindex: number | null; readonly bits: KernelBits }
  >();
  refuses = false;

  constructor(readonly kernel: Pick<Kernel, "ifindexOf">) {}

  of(device: string): KernelBits | null {
    const kept = this.#kept.get(device);
    return kept?.ifindex === this.kernel.ifindexOf(device) ? (kept?.bits ?? null) : null;
  }

  devices(): readonly string[] {
    return [...this.#kept.keys()].filter((device) => this.of(device) !== null);
  }

  async keep(steps: readonly LiveStep[], view: LiveView): Promise<Result<void>> {
    if (this.refuses) return unavailable("file-not-written", "no space");
    for (const { device, clear } of steps) {
      const observation = view.observations.get(device);
      if (observation?.state !== "read") continue;
      const { active, requested } = observation.features;
      const cleared = view.kernel
        .named(clear.bits)
        .map(
          ([name, index]) =>
            [name, { requested: isSet(requested, index), active: isSet(active, index) }] as const,
        );
      const bits = new Map([...cleared, ...(this.of(device) ?? [])]);
      this.#kept.set(device, { ifindex: this.kernel.ifindexOf(device), bits });
    }
    return success(undefined);
  }

  async forget(devices: Iterable<string>): Promise<Result<void>> {
    for (const device of devices) this.#kept.delete(device);
    return success(undefined);
  }
}

/** A mark in memory, which may refuse to be set. */
export class MemoryMark implements AnnounceMark {
  readonly marked = new Set<string>();
  refuses = false;

  among(vms: readonly string[]): ReadonlySet<string> {
    return new Set(vms.filter((vm) => this.marked.has(vm)));
  }

  async add(vms: readonly string[]): Promise<Result<void>> {
    if (this.refuses) return unavailable("file-not-written", "no space");
    for (const vm of vms) this.marked.add(vm);
    return success(undefined);
  }

  async remove(vms: readonly string[]): Promise<Result<void>> {
    for (const vm of vms) this.marked.delete(vm);
    return success(undefined);
  }
}
