import type { DeviceReading, FeatureSnapshot } from "../../src/core/disable/steps.ts";
import type { FeatureBits, FeatureRequest, FeatureSet, KernelFeatureTable } from "../../src/core/feature-set.ts";
import type { Driver, Kernel, LookupResult, WriteOutcome } from "../../src/core/ports.ts";
import { bitsFrom, toBigInt, withBits } from "../builders/hosts.ts";

/** A kernel in memory. By itself it complies; `disturb` may answer a write in its place. */
export class FakeKernel implements Kernel {
  readonly devices: Map<string, FeatureSet>;
  readonly unreadable = new Set<string>();
  /** Devices that take every request and follow none. */
  readonly ignoringRequests = new Set<string>();
  readonly writes: string[] = [];
  onRequest: (device: string, request: FeatureRequest) => WriteOutcome | null = () => null;

  /** Devices whose other side is there. */
  readonly carriers = new Set<string>();
  readonly #ifindexes = new Map<string, number>();
  #lastIfindex = 1;

  constructor(
    readonly kernel: KernelFeatureTable,
    devices: Readonly<Record<string, FeatureSet>> | ReadonlyMap<string, FeatureSet>,
    readonly journal: string[] = [],
  ) {
    this.devices = new Map(devices instanceof Map ? devices : Object.entries(devices));
  }

  readFeatures(selectDevices: (existing: ReadonlySet<string>) => Iterable<string>): FeatureSnapshot {
    const existing = new Set(this.devices.keys());
    const readings = new Map<string, DeviceReading>();
    for (const device of selectDevices(existing)) readings.set(device, this.#read(device));
    return { featureTable: this.kernel, existing, readings };
  }

  hasLowerDevices(): boolean {
    return false;
  }

  isNic(device: string): boolean {
    return device.startsWith("eth");
  }

  readIfindex(device: string): number | null {
    if (!this.devices.has(device)) return null;
    const ifindex = this.#ifindexes.get(device) ?? ++this.#lastIfindex;
    this.#ifindexes.set(device, ifindex);
    return ifindex;
  }

  hasCarrier(device: string): boolean {
    return this.carriers.has(device);
  }

  /** Makes a device, or makes it anew: another one, though the name is the same. */
  plug(device: string, features: FeatureSet): void {
    this.#ifindexes.delete(device);
    this.devices.set(device, features);
  }

  readDriver(device: string): LookupResult<Driver> {
    return this.devices.has(device)
      ? { found: true, value: { name: "memory", version: "1", firmware: "", bus: "", pci: "" } }
      : { found: false, reason: "no such device" };
  }

  rereadFeatures(snapshot: FeatureSnapshot, devices: Iterable<string>): FeatureSnapshot {
    const readings = new Map(snapshot.readings);
    for (const device of devices) readings.set(device, this.#read(device));
    return { ...snapshot, readings };
  }

  requestFeatures(device: string, request: FeatureRequest): WriteOutcome {
    this.writes.push(device);
    this.journal.push(`kernel ${device}`);
    const outcome = this.onRequest(device, request);
    if (outcome !== null) return outcome;
    const now = this.devices.get(device);
    if (now === undefined) return { done: false, deviceRemoved: true, reason: "no such device" };
    if (this.ignoringRequests.has(device)) return { done: true };
    const applyRequest = (from: FeatureBits) =>
      bitsFrom(this.kernel, (toBigInt(from) & ~toBigInt(request.valid)) | toBigInt(request.requested));
    this.devices.set(
      device,
      withBits(this.kernel, now, { active: applyRequest(now.active), requested: applyRequest(now.requested) }),
    );
    return { done: true };
  }

  #read(device: string): DeviceReading {
    if (this.unreadable.has(device)) return { state: "unreadable", reason: "permission denied" };
    const features = this.devices.get(device);
    return features === undefined ? { state: "missing" } : { state: "read", features };
  }
}
