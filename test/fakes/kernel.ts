import type { LiveView, Observation } from "../../src/core/disable/steps.ts";
import type {
  ChangeableBits,
  FeatureBits,
  FeatureSet,
  FeatureWish,
  KernelFeatures,
} from "../../src/core/feature-set.ts";
import type { Driver, Kernel, Reading, WriteOutcome } from "../../src/core/ports.ts";
import { type Result, success } from "../../src/core/result.ts";
import { big, bitsFrom } from "../builders/hosts.ts";

/** A kernel in memory. By itself it obeys; `disturb` may answer a write in its place. */
export class MemoryKernel implements Kernel {
  readonly devices: Map<string, FeatureSet>;
  readonly unreadable = new Set<string>();
  /** Devices that take every request and follow none. */
  readonly deaf = new Set<string>();
  readonly writes: string[] = [];
  disturb: (device: string, bits: ChangeableBits) => WriteOutcome | null = () => null;

  /** Devices whose other side is there. */
  readonly carriers = new Set<string>();
  readonly #ifindexes = new Map<string, number>();
  #lastIfindex = 1;

  constructor(
    readonly kernel: KernelFeatures,
    devices: Readonly<Record<string, FeatureSet>> | ReadonlyMap<string, FeatureSet>,
    readonly journal: string[] = [],
  ) {
    this.devices = new Map(devices instanceof Map ? devices : Object.entries(devices));
  }

  observe(wanted: (existing: ReadonlySet<string>) => Iterable<string>): Result<LiveView> {
    const existing = new Set(this.devices.keys());
    const observations = new Map<string, Observation>();
    for (const device of wanted(existing)) observations.set(device, this.#read(device));
    return success({ kernel: this.kernel, existing, observations });
  }

  standsOnOthers(): boolean {
    return false;
  }

  isNic(device: string): boolean {
    return device.startsWith("eth");
  }

  ifindexOf(device: string): number | null {
    if (!this.devices.has(device)) return null;
    const known = this.#ifindexes.get(device) ?? ++this.#lastIfindex;
    this.#ifindexes.set(device, known);
    return known;
  }

  hasCarrier(device: string): boolean {
    return this.carriers.has(device);
  }

  /** Makes a device, or makes it anew: another one, though the name is the same. */
  plug(device: string, features: FeatureSet): void {
    this.#ifindexes.delete(device);
    this.devices.set(device, features);
  }

  driver(device: string): Reading<Driver> {
    return this.devices.has(device)
      ? { known: true, value: { name: "memory", version: "1", firmware: "", bus: "", pci: "" } }
      : { known: false, because: "no such device" };
  }

  observeAgain(view: LiveView, devices: Iterable<string>): LiveView {
    const observations = new Map(view.observations);
    for (const device of devices) observations.set(device, this.#read(device));
    return { ...view, observations };
  }

  clear(device: string, bits: ChangeableBits): WriteOutcome {
    this.writes.push(device);
    this.journal.push(`kernel ${device}`);
    const answer = this.disturb(device, bits);
    if (answer !== null) return answer;
    const now = this.devices.get(device);
    if (now === undefined) return { done: false, gone: true, because: "no such device" };
    const without = (from: FeatureBits) => bitsFrom(this.kernel, big(from) & ~big(bits.bits));
    this.devices.set(device, {
      active: without(now.active),
      requested: without(now.requested),
      changeable: now.changeable,
    });
    return { done: true };
  }

  request(device: string, { valid, requested }: FeatureWish): WriteOutcome {
    this.writes.push(device);
    this.journal.push(`kernel ${device}`);
    const now = this.devices.get(device);
    if (now === undefined) return { done: false, gone: true, because: "no such device" };
    if (this.deaf.has(device)) return { done: true };
    const wished = (from: FeatureBits) =>
      bitsFrom(this.kernel, (big(from) & ~big(valid)) | big(requested));
    this.devices.set(device, {
      active: wished(now.active),
      requested: wished(now.requested),
      changeable: now.changeable,
    });
    return { done: true };
  }

  #read(device: string): Observation {
    if (this.unreadable.has(device)) return { state: "unreadable", because: "permission denied" };
    const features = this.devices.get(device);
    return features === undefined ? { state: "missing" } : { state: "read", features };
  }
}
